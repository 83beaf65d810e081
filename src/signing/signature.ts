import { createHmac, timingSafeEqual } from 'node:crypto'
import type { SigningKey } from './keys.js'

/** All that a link says. Whatever is not in here can be changed by whoever holds the link. */
export interface SignedFacts {
  /** Names the store, where several share their keys. */
  readonly audience: string
  /** A link for GET is good for HEAD as well, and for nothing else. */
  readonly method: 'GET'
  /** The store's path, not encoded. */
  readonly path: string
  /** Seconds since 1970. */
  readonly expires: number
  readonly contentDisposition: string | undefined
  readonly contentType: string | undefined
}

/** What is signed and in which form. Another form must have another name. */
const PURPOSE = 'hybrid-store/link/1'

/** HMAC-SHA256 of the facts as base64url. */
export function signatureOf(key: SigningKey, facts: SignedFacts): string {
  const { audience, method, path, expires, contentDisposition, contentType } = facts
  // A JSON array of strings, numbers and nulls reads back in one way only.
  const fields = [PURPOSE, key.id, audience, method, path, expires, contentDisposition ?? null, contentType ?? null]
  return createHmac('sha256', key.secret).update(JSON.stringify(fields)).digest('base64url')
}

/** Whether two signatures are the same, in a time that does not tell where they differ. */
export function sameSignature(a: string, b: string): boolean {
  const [one, other] = [Buffer.from(a), Buffer.from(b)]
  // As text, since the last character of base64 has bits that bytes do not show.
  return one.length === other.length && timingSafeEqual(one, other)
}

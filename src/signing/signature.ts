import { createHmac, timingSafeEqual } from 'node:crypto'
import type { SigningKey } from './keys.js'
import type { LinkForm } from './link-form.js'

/** All that a link says. Whatever is not in here can be changed by whoever holds the link. */
export interface SignedFacts {
  /** Names the store, where several share their keys. */
  readonly audience: string
  /** The store's path, not encoded. */
  readonly path: string
  /** Seconds since 1970. */
  readonly expires: number
  /** The parameters of the form, as they stand in the query. */
  readonly parameters: ReadonlyMap<string, string>
}

/** HMAC-SHA256 of form and facts as base64url. */
export function signatureOf(key: SigningKey, form: LinkForm, facts: SignedFacts): string {
  const { audience, path, expires, parameters } = facts
  const values = form.parameters.map((name) => parameters.get(name) ?? null)
  // A JSON array of strings, numbers and nulls reads back in one way only.
  const fields = [form.purpose, key.id, audience, form.method, path, expires, ...values]
  return createHmac('sha256', key.secret).update(JSON.stringify(fields)).digest('base64url')
}

/** Whether two signatures are the same, in a time that does not tell where they differ. */
export function sameSignature(a: string, b: string): boolean {
  const [one, other] = [Buffer.from(a), Buffer.from(b)]
  // As text, since the last character of base64 has bits that bytes do not show.
  return one.length === other.length && timingSafeEqual(one, other)
}

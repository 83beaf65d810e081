import { randomBytes } from 'node:crypto'
import { refused } from './refused.js'

/** A secret that signs links, and the name by which a link says that it was this one. */
export interface SigningKey {
  /** 1 to 32 letters, digits, `.`, `_` and `-`. Stands in the link for everybody to read. */
  readonly id: string
  /** At least 32 bytes that nobody can guess; of a string its UTF-8 counts. Never shown in a link or an error. */
  readonly secret: string | Uint8Array
}

/** The fewest bytes of a secret: as many as SHA-256 gives, since fewer would be the easier thing to guess. */
export const MIN_SECRET_BYTES = 32

/** What a key may be called. */
export const KEY_ID = /^[A-Za-z0-9._-]{1,32}$/

/** The keys, of which the first signs and all verify. CONFIGURATION where there is none, or one that will not do. */
export function checkKeys(keys: readonly SigningKey[]): readonly [SigningKey, ...SigningKey[]] {
  if (!Array.isArray(keys)) throw refused('its keys are no list')
  const seen = new Set<string>()
  for (const key of keys as readonly unknown[]) {
    const { id, secret } = Object(key) as Partial<SigningKey>
    if (typeof id !== 'string' || !KEY_ID.test(id)) {
      throw refused('the id of a key is not 1 to 32 letters, digits, ".", "_" and "-"')
    }
    if (seen.has(id)) throw refused(`the key ${id} is given twice`)
    seen.add(id)
    if (typeof secret !== 'string' && !(secret instanceof Uint8Array)) {
      throw refused(`the secret of the key ${id} is neither a string nor bytes`)
    }
    if (Buffer.byteLength(secret) < MIN_SECRET_BYTES) {
      throw refused(`the secret of the key ${id} has fewer than ${MIN_SECRET_BYTES} bytes`)
    }
  }
  const [first, ...others] = keys as readonly SigningKey[]
  if (first === undefined) throw refused('it has no key')
  return [first, ...others]
}

/** Stands in for a key that is not there, so that such a link takes as long to refuse as any other. */
export const DECOY: SigningKey = { id: '', secret: randomBytes(MIN_SECRET_BYTES) }

import { checkBaseUrl } from './base-url.js'
import { checkKeys, type SigningKey } from './keys.js'
import { refused } from './refused.js'

/** How a store signs links that the application serves itself. */
export interface SignedUrlSettings {
  /**
   * Where the application serves the store, such as `https://app.example.com/files`: an absolute http(s) URL. It is no
   * part of the signature, so that a proxy may serve the same links under another host or prefix.
   */
  readonly baseUrl: string
  /** The first signs, all verify: put a new one in front, and drop the old one once its last link has expired. */
  readonly keys: readonly SigningKey[]
  /**
   * Names this store where several have the same keys: a link of one audience is refused by the others. Up to 128
   * characters; empty by default.
   */
  readonly audience?: string | undefined
}

const MAX_AUDIENCE = 128

/** A copy of the settings, checked. CONFIGURATION names what is wrong. */
export function checkSignedUrls({ baseUrl, keys, audience = '' }: SignedUrlSettings): Required<SignedUrlSettings> {
  checkBaseUrl(baseUrl)
  return { baseUrl, keys: checkKeys(keys), audience: checkAudience(audience) }
}

/** CONFIGURATION unless it is a string of up to 128 characters. */
export function checkAudience(audience: string = ''): string {
  if (typeof audience === 'string' && audience.length <= MAX_AUDIENCE && audience.isWellFormed()) return audience
  throw refused(`its audience is no string of up to ${MAX_AUDIENCE} characters`)
}

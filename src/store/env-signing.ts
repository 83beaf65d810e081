import { StorageError } from '../errors/index.js'
import type { SignedUrlSettings } from '../signing/index.js'

/** The option `signedUrls` from the environment; undefined where nothing is said of it. CONFIGURATION for half of it. */
export function signedUrlsFromEnv(read: (name: string) => string | undefined): SignedUrlSettings | undefined {
  const [baseUrl, keys] = [read('SIGNED_URL_BASE'), read('SIGNED_URL_KEYS')]
  if (baseUrl === undefined && keys === undefined) return undefined
  if (baseUrl === undefined || keys === undefined) {
    const absent = baseUrl === undefined ? 'SIGNED_URL_BASE' : 'SIGNED_URL_KEYS'
    throw new StorageError('CONFIGURATION', `${absent} is not set, but its other half is.`, {
      hint: 'Set SIGNED_URL_BASE and SIGNED_URL_KEYS both, or neither.',
    })
  }
  return { baseUrl, keys: keys.split(',').map((pair) => keyOf(pair.trim())) }
}

/** Without a colon there is no id, which is refused where the keys are checked. */
function keyOf(pair: string) {
  const colon = pair.indexOf(':')
  return { id: pair.slice(0, Math.max(colon, 0)), secret: pair.slice(colon + 1) }
}

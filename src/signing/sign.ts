import { StorageError } from '../errors/index.js'
import { quoteKey } from '../keys/index.js'
import { checkBaseUrl } from './base-url.js'
import { checkKeys } from './keys.js'
import { fitsParameter, signedParameters } from './parameters.js'
import { pathProblem } from './path.js'
import { checkAudience, type SignedUrlSettings } from './settings.js'
import { signatureOf } from './signature.js'

/** The longest that a link may work, in seconds: seven days, as on S3. */
export const MAX_LINK_SECONDS = 604_800

export interface SignPathOptions extends SignedUrlSettings {
  /** The path that the store is to read, not encoded. */
  readonly path: string
  /** What the link is for; one for GET is good for HEAD too. */
  readonly method: 'GET'
  /** When it stops working: later than now, by seven days at most. Rounded up to a whole second. */
  readonly expiresAt: Date
  /** The Content-Disposition of the answer: printable ASCII, up to 2048 characters. The blob's own by default. */
  readonly contentDisposition?: string | undefined
  /** The Content-Type of the answer: printable ASCII, up to 256 characters. The blob's own by default. */
  readonly contentType?: string | undefined
  /** Milliseconds since 1970; the clock's time by default. */
  readonly now?: number | undefined
}

/**
 * A URL under `baseUrl` that lets its bearer read `path` until it expires. Pure.
 *
 * INVALID_ARGUMENT where time, path or headers will not do; CONFIGURATION where keys or base URL will not.
 */
export function signPath(options: SignPathOptions): string {
  const { path, method, now = Date.now() } = options
  const { href } = checkBaseUrl(options.baseUrl)
  const [key] = checkKeys(options.keys)
  const audience = checkAudience(options.audience)
  if (method !== 'GET') throw invalid('the method is not GET')
  const problem = pathProblem(path)
  if (problem !== undefined) throw invalid(`the path ${quoteKey(path)} ${problem}`)
  const lifetime = options.expiresAt.getTime() - now
  if (!(lifetime > 0 && lifetime <= MAX_LINK_SECONDS * 1000)) {
    throw invalid(`expiresAt is not within the next ${MAX_LINK_SECONDS} seconds`)
  }
  const expires = Math.ceil(options.expiresAt.getTime() / 1000)
  const contentDisposition = header('contentDisposition', options.contentDisposition)
  const contentType = header('contentType', options.contentType)
  const signature = signatureOf(key, { audience, method, path, expires, contentDisposition, contentType })
  const query = [
    [signedParameters.expires, String(expires)],
    [signedParameters.key, key.id],
    [signedParameters.contentDisposition, contentDisposition],
    [signedParameters.contentType, contentType],
    [signedParameters.signature, signature],
  ].flatMap(([name, value]) => (value === undefined ? [] : [`${name}=${encodeURIComponent(value)}`]))
  return `${href}/${path.split('/').map(encodeURIComponent).join('/')}?${query.join('&')}`
}

function header(name: 'contentDisposition' | 'contentType', value: string | undefined): string | undefined {
  if (value === undefined || value === '') return undefined
  if (typeof value === 'string' && fitsParameter(signedParameters[name], value)) return value
  const hint = "Encode a file name as filename*=UTF-8''... (RFC 8187)."
  throw invalid(`${name} is too long, or holds a character that is not printable ASCII`, hint)
}

function invalid(problem: string, hint?: string): StorageError {
  return new StorageError('INVALID_ARGUMENT', `signUrl: ${problem}.`, { operation: 'signUrl', hint })
}

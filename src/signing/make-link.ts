import { StorageError } from '../errors/index.js'
import { quoteKey } from '../keys/index.js'
import { checkBaseUrl } from './base-url.js'
import { checkKeys } from './keys.js'
import type { LinkForm } from './link-form.js'
import { fitsParameter, signedParameters } from './parameters.js'
import { pathProblem } from './path.js'
import { checkAudience, type SignedUrlSettings } from './settings.js'
import { signatureOf } from './signature.js'

/** The longest that a link may work, in seconds: seven days, as on S3. */
export const MAX_LINK_SECONDS = 604_800

/** What is said of a link, whatever it is for. */
export interface LinkOptions extends SignedUrlSettings {
  /** The path of the store, not encoded. */
  readonly path: string
  /** When it stops working: later than now, by seven days at most. Rounded up to a whole second. */
  readonly expiresAt: Date
  /** Milliseconds since 1970; the clock's time by default. */
  readonly now?: number | undefined
}

/** Signs a link. `operation` is the call that an INVALID_ARGUMENT names; `parameters` hold what the form has. */
export function makeLink(
  operation: string,
  form: LinkForm,
  options: LinkOptions,
  parameters: ReadonlyMap<string, string>,
): string {
  const { path, now = Date.now() } = options
  const { href } = checkBaseUrl(options.baseUrl)
  const [key] = checkKeys(options.keys)
  const audience = checkAudience(options.audience)
  const problem = pathProblem(path)
  if (problem !== undefined) throw invalid(operation, `the path ${quoteKey(path)} ${problem}`)
  const lifetime = options.expiresAt.getTime() - now
  if (!(lifetime > 0 && lifetime <= MAX_LINK_SECONDS * 1000)) {
    throw invalid(operation, `expiresAt is not within the next ${MAX_LINK_SECONDS} seconds`)
  }
  const expires = Math.ceil(options.expiresAt.getTime() / 1000)
  const signature = signatureOf(key, form, { audience, path, expires, parameters })
  const query = [
    [signedParameters.expires, String(expires)],
    [signedParameters.key, key.id],
    ...form.parameters.map((name) => [name, parameters.get(name)] as const),
    [signedParameters.signature, signature],
  ].flatMap(([name, value]) => (value === undefined ? [] : [`${name}=${encodeURIComponent(value)}`]))
  return `${href}/${path.split('/').map(encodeURIComponent).join('/')}?${query.join('&')}`
}

/** The parameters of a link, those that are undefined or empty left out. INVALID_ARGUMENT for what cannot be one. */
export function linkParameters(
  operation: string,
  given: Readonly<Partial<Record<keyof typeof signedParameters, string | undefined>>>,
): ReadonlyMap<string, string> {
  const parameters = new Map<string, string>()
  for (const [name, value] of Object.entries(given) as [keyof typeof signedParameters, unknown][]) {
    if (value === undefined || value === '') continue
    if (typeof value !== 'string' || !fitsParameter(signedParameters[name], value)) {
      const hint = name === 'contentDisposition' ? "Encode a file name as filename*=UTF-8''... (RFC 8187)." : undefined
      throw invalid(operation, `${name} is too long, or holds a character that is not printable ASCII`, hint)
    }
    parameters.set(signedParameters[name], value)
  }
  return parameters
}

/** INVALID_ARGUMENT: a link cannot say that. */
export function invalid(operation: string, problem: string, hint?: string): StorageError {
  return new StorageError('INVALID_ARGUMENT', `${operation}: ${problem}.`, { operation, hint })
}

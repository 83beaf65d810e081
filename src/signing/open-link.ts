import { StorageError } from '../errors/index.js'
import { checkBaseUrl, decoded } from './base-url.js'
import { checkKeys, DECOY } from './keys.js'
import type { LinkForm } from './link-form.js'
import { readParameters, signedParameters } from './parameters.js'
import { pathProblem } from './path.js'
import { checkAudience, type SignedUrlSettings } from './settings.js'
import { sameSignature, signatureOf } from './signature.js'

/** A link as an HTTP server sees it that knows where it is mounted. */
export interface SignedTarget {
  /** What follows the mount in the URL's path: percent-decoded once, without the slash in front. */
  readonly path: string
  /** The whole query. */
  readonly query: string | URLSearchParams
}

export interface VerifyUrlOptions extends Pick<SignedUrlSettings, 'keys' | 'audience'> {
  /** Where links begin; only its path counts, and only for a whole URL. The root of the host by default. */
  readonly baseUrl?: string | undefined
  /** The method of the request, in upper case. */
  readonly method: string
  /** Milliseconds since 1970; the clock's time by default. */
  readonly now?: number | undefined
}

/** A link whose signature and time were found to be right. */
export interface OpenedLink {
  readonly path: string
  readonly expiresAt: Date
  /** Those of its form that it has. */
  readonly parameters: ReadonlyMap<string, string>
}

/**
 * Opens a link. ACCESS_DENIED with status 403 where it is not one of `form` that was signed here, or has expired; no form
 * at all is one that the request's method cannot use.
 */
export function openLink(
  link: string | URL | SignedTarget,
  form: LinkForm | undefined,
  { baseUrl, now = Date.now(), ...options }: VerifyUrlOptions,
): OpenedLink {
  const keys = checkKeys(options.keys)
  const audience = checkAudience(options.audience)
  if (form === undefined) throw notValid()
  const { path, query } = typeof link === 'string' || link instanceof URL ? targetOf(link, baseUrl) : link
  const parameters = readParameters(query, form.parameters)
  const signature = parameters?.get(signedParameters.signature)
  const expires = Number(parameters?.get(signedParameters.expires))
  if (parameters === undefined || signature === undefined || !Number.isSafeInteger(expires)) throw notValid()
  if (pathProblem(path) !== undefined) throw notValid()
  const id = parameters.get(signedParameters.key)
  const key = keys.find((known) => known.id === id)
  // Looked at before the clock: who has no link is not told when one would have expired.
  const genuine = sameSignature(signatureOf(key ?? DECOY, form, { audience, path, expires, parameters }), signature)
  if (!genuine || key === undefined) throw notValid()
  if (Math.floor(now / 1000) >= expires) throw expired()
  return { path, expiresAt: new Date(expires * 1000), parameters }
}

function targetOf(link: string | URL, baseUrl: string | undefined): SignedTarget {
  const prefix = `${baseUrl === undefined ? '' : checkBaseUrl(baseUrl).prefix}/`
  const anyHost = 'http://localhost'
  if (!URL.canParse(String(link), anyHost)) throw notValid()
  const { pathname, search } = new URL(String(link), anyHost)
  const path = decoded(pathname)
  if (path === undefined || !path.startsWith(prefix)) throw notValid()
  return { path: path.slice(prefix.length), query: search }
}

function notValid(): StorageError {
  return denied(
    'The link is not valid.',
    'It was changed or cut off, or the key that signed it is no longer in use: ask for a new link.',
  )
}

function expired(): StorageError {
  return denied('The link has expired.', 'Ask for a new link.')
}

/** The storage's own ACCESS_DENIED is a fault of the server; this one is the bearer's. */
function denied(message: string, hint: string): StorageError {
  return new StorageError('ACCESS_DENIED', message, {
    operation: 'verifySignedUrl',
    status: 403,
    retryable: false,
    hint,
  })
}

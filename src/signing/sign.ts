import { readForm } from './link-form.js'
import { invalid, type LinkOptions, linkParameters, makeLink } from './make-link.js'

export interface SignPathOptions extends LinkOptions {
  /** What the link is for; one for GET is good for HEAD too. */
  readonly method: 'GET'
  /** The Content-Disposition of the answer: printable ASCII, up to 2048 characters. The blob's own by default. */
  readonly contentDisposition?: string | undefined
  /** The Content-Type of the answer: printable ASCII, up to 256 characters. The blob's own by default. */
  readonly contentType?: string | undefined
}

/**
 * A URL under `baseUrl` that lets its bearer read `path` until it expires. Pure.
 *
 * INVALID_ARGUMENT where time, path or headers will not do; CONFIGURATION where keys or base URL will not.
 */
export function signPath(options: SignPathOptions): string {
  const { method, contentDisposition, contentType } = options
  if (method !== 'GET') throw invalid('signUrl', 'the method is not GET')
  const parameters = linkParameters('signUrl', { contentDisposition, contentType })
  return makeLink('signUrl', readForm, options, parameters)
}

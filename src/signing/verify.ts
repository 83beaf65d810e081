import { readForm } from './link-form.js'
import { openLink, type SignedTarget, type VerifyUrlOptions } from './open-link.js'
import { signedParameters } from './parameters.js'

/** What a link allows. */
export interface SignedGrant {
  /** The store's path, to be read and nothing else. */
  readonly path: string
  readonly expiresAt: Date
  /** The Content-Disposition of the answer; undefined for the blob's own. */
  readonly contentDisposition?: string | undefined
  /** The Content-Type of the answer; undefined for the blob's own. */
  readonly contentType?: string | undefined
}

/**
 * What a link allows: a URL, the target of a request (`/files/a.pdf?hs-exp=...`), or what an HTTP server made of it.
 * Scheme and host do not count. Pure.
 *
 * ACCESS_DENIED with status 403 where the link has expired, was made for something else or by somebody else, or has a
 * query parameter that it was not signed with; CONFIGURATION where the keys will not do.
 */
export function verifyUrl(link: string | URL | SignedTarget, options: VerifyUrlOptions): SignedGrant {
  const reads = options.method === 'GET' || options.method === 'HEAD'
  const { path, expiresAt, parameters } = openLink(link, reads ? readForm : undefined, options)
  const contentDisposition = parameters.get(signedParameters.contentDisposition)
  const contentType = parameters.get(signedParameters.contentType)
  return {
    path,
    expiresAt,
    ...(contentDisposition === undefined ? {} : { contentDisposition }),
    ...(contentType === undefined ? {} : { contentType }),
  }
}

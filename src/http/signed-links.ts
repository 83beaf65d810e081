import type { BlobStore } from './blob-store.js'
import { deliver } from './deliver.js'
import { readDisposition } from './disposition.js'
import type { DeliverOptions } from './options.js'
import { errorResponse } from './problem.js'
import type { BlobRoutes } from './routes.js'
import { type SignedUploadOptions, signedUpload } from './signed-upload.js'
import { parseTarget } from './target.js'

export interface SignedLinksOptions
  extends Omit<DeliverOptions, 'disposition' | 'filename' | 'contentType' | 'redirect'>,
    SignedUploadOptions {}

/**
 * Answers the links that the store signs itself (its option `signedUrls`), for an adapter to mount where `baseUrl` leads:
 * GET and HEAD for those of `signUrl`, PUT and POST for those of `signUpload`. The signature is all the right that is
 * needed; 403 without a valid one. Never rejects.
 *
 * A link may name its Content-Type and Content-Disposition, but a type that is not safe stays an attachment. Redirects
 * are not followed up here: the link itself is where a redirect would lead.
 */
export function signedLinks(store: BlobStore, options: SignedLinksOptions = {}): BlobRoutes {
  return async (request, raw) => {
    try {
      const { segments, query } = parseTarget(raw)
      const target = { path: segments.join('/'), query }
      const { method } = request
      if (method === 'PUT' || method === 'POST') return await signedUpload(store, request, target, options)
      const grant = store.verifySignedUrl(target, { method })
      const { type, filename } = readDisposition(grant.contentDisposition)
      const disposition = type ?? (grant.contentDisposition === undefined ? undefined : 'inline')
      const { contentType } = grant
      return await deliver(store, request, grant.path, { ...options, disposition, filename, contentType })
    } catch (error) {
      return errorResponse(error, request, options)
    }
  }
}

import { isStorageError } from '../errors/index.js'
import type { BlobStore } from './blob-store.js'
import { readConditions } from './conditions.js'
import type { HttpRequest, HttpResponse } from './message.js'
import type { DeliverOptions } from './options.js'
import { presentation } from './representation.js'

const EXPIRES_IN = 900

/** Answers sent elsewhere, for whoever wants S3 to carry the bytes. */
export interface RedirectOptions {
  /** Seconds for which the link that the client is sent to works; 900 by default. */
  readonly expiresIn?: number | undefined
}

/**
 * Sends the client to the driver's own link; undefined where there is none (a local file, a blob that waits for its
 * driver), which is then delivered as ever. Looks at the blob first: conditions count, what is missing is a 404
 * of ours, and the type and name that the link is bound to are as safe as those of a delivery.
 *
 * 302 and no-store, since the link dies and must be asked for again.
 */
export async function redirected(
  store: BlobStore,
  { headers, signal }: HttpRequest,
  path: string,
  options: DeliverOptions,
): Promise<HttpResponse | undefined> {
  const { expiresIn = EXPIRES_IN } = options.redirect === true ? {} : options.redirect || {}
  const info = await store.head(path, { ...readConditions(headers), signal })
  if (info.pendingFor !== undefined) return undefined
  const shown = presentation(info, options)
  try {
    const location = await store.signUrl(info.path, {
      expiresIn,
      direct: true,
      contentType: shown['content-type'],
      contentDisposition: shown['content-disposition'],
      signal,
    })
    return { status: 302, headers: { location, 'cache-control': 'private, no-store', 'content-length': '0' } }
  } catch (error) {
    if (isStorageError(error, 'NOT_SUPPORTED')) return undefined
    throw error
  }
}

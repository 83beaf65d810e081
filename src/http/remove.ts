import type { BlobStore } from './blob-store.js'
import type { HttpRequest, HttpResponse } from './message.js'
import type { ErrorOptions } from './options.js'
import { errorResponse } from './problem.js'
import { changeCondition } from './write-conditions.js'

export interface RemoveOptions extends ErrorOptions {
  /**
   * Called when the blob is gone and before that is answered, to take along what the application knows of it. What it
   * throws is a 500; the client may repeat the request.
   */
  readonly onDeleted?: (() => void | Promise<void>) | undefined
}

/**
 * Answers a DELETE: 204, also where there was nothing. If-Match, If-None-Match and If-Unmodified-Since count (RFC 9110 section
 * 13.2.1); the version they were judged on is the one that is deleted.
 */
export async function remove(
  store: BlobStore,
  request: HttpRequest,
  path: string,
  options: RemoveOptions = {},
): Promise<HttpResponse> {
  const { signal } = request
  try {
    const { ifMatch } = await changeCondition(store, request, path, 'delete')
    await store.delete(path, { ifMatch, signal })
    await options.onDeleted?.()
    return { status: 204, headers: {} }
  } catch (error) {
    return errorResponse(error, request, options)
  }
}

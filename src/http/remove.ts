import { weaklySameEtag } from '../driver/index.js'
import { isStorageError, StorageError } from '../errors/index.js'
import type { BlobStore } from './blob-store.js'
import { readConditions } from './conditions.js'
import type { HttpRequest, HttpResponse } from './message.js'
import type { ErrorOptions } from './options.js'
import { errorResponse } from './problem.js'

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
    await store.delete(path, { ...(await condition(store, request, path)), signal })
    await options.onDeleted?.()
    return { status: 204, headers: {} }
  } catch (error) {
    return errorResponse(error, request, options)
  }
}

async function condition(store: BlobStore, request: HttpRequest, path: string): Promise<{ ifMatch?: string }> {
  const { ifModifiedSince: _, ifNoneMatch, ...conditions } = readConditions(request.headers)
  const { ifMatch, ifUnmodifiedSince } = conditions
  if (ifMatch === undefined && ifNoneMatch === undefined && ifUnmodifiedSince === undefined) return {}
  const single = typeof ifMatch === 'string' ? ifMatch : ifMatch?.length === 1 ? ifMatch[0] : undefined
  if (single !== undefined && ifNoneMatch === undefined) return { ifMatch: single }
  try {
    const { etag } = await store.head(path, { ...conditions, signal: request.signal })
    const tags = typeof ifNoneMatch === 'string' ? [ifNoneMatch] : (ifNoneMatch ?? [])
    if (tags.some((tag) => tag === '*' || weaklySameEtag(tag, etag))) throw unmet(path)
    return { ifMatch: etag }
  } catch (error) {
    // Nothing there: If-Match fails on it, the others do not.
    if (isStorageError(error, 'NOT_FOUND') && ifMatch !== undefined) throw unmet(path)
    if (isStorageError(error, 'NOT_FOUND')) return {}
    throw error
  }
}

function unmet(key: string): StorageError {
  return new StorageError('PRECONDITION_FAILED', 'A condition of the request does not hold.', {
    operation: 'delete',
    key,
  })
}

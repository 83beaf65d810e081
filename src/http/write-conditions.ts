import { weaklySameEtag } from '../driver/index.js'
import { isStorageError, StorageError } from '../errors/index.js'
import type { BlobStore } from './blob-store.js'
import { readConditions } from './conditions.js'
import type { HttpRequest } from './message.js'

/** A condition that a store judges with the change itself. */
export interface ChangeCondition {
  readonly ifMatch?: string
  readonly ifNoneMatch?: '*'
}

/**
 * The condition of a PUT or DELETE, as the store can judge it. If-Match, If-None-Match and If-Unmodified-Since count (RFC 9110
 * section 13.2.1). What the store cannot judge by itself, a list of tags or a date, is judged here on the current
 * version, and the change is then bound to that version. PRECONDITION_FAILED where it does not hold.
 */
export async function changeCondition(
  store: BlobStore,
  request: HttpRequest,
  path: string,
  operation: 'put' | 'delete',
): Promise<ChangeCondition> {
  const { ifModifiedSince: _, ifNoneMatch, ...conditions } = readConditions(request.headers)
  const { ifMatch, ifUnmodifiedSince } = conditions
  if (ifMatch === undefined && ifNoneMatch === undefined && ifUnmodifiedSince === undefined) return {}
  const single = typeof ifMatch === 'string' ? ifMatch : ifMatch?.length === 1 ? ifMatch[0] : undefined
  if (single !== undefined && ifNoneMatch === undefined) return { ifMatch: single }
  const alone = ifMatch === undefined && ifUnmodifiedSince === undefined
  if (operation === 'put' && alone && ifNoneMatch === '*') return { ifNoneMatch }
  try {
    const { etag } = await store.head(path, { ...conditions, signal: request.signal })
    const tags = typeof ifNoneMatch === 'string' ? [ifNoneMatch] : (ifNoneMatch ?? [])
    if (tags.some((tag) => tag === '*' || weaklySameEtag(tag, etag))) throw unmet(path, operation)
    return { ifMatch: etag }
  } catch (error) {
    // Nothing there: If-Match fails on it, the others do not.
    if (isStorageError(error, 'NOT_FOUND') && ifMatch !== undefined) throw unmet(path, operation)
    if (isStorageError(error, 'NOT_FOUND')) return operation === 'put' ? { ifNoneMatch: '*' } : {}
    throw error
  }
}

function unmet(key: string, operation: string): StorageError {
  return new StorageError('PRECONDITION_FAILED', 'A condition of the request does not hold.', { operation, key })
}

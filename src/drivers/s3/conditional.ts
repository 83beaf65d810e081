import type { BlobInfo } from '../../driver/index.js'
import { isStorageError, StorageError } from '../../errors/index.js'
import { quoteKey } from '../../keys/index.js'
import { infoOf } from './attributes.js'
import { s3CodeOf, statusOf } from './errors.js'
import { decodeMetadata } from './metadata.js'
import type { PendingPut } from './pending-put.js'
import { Trace } from './trace.js'

/**
 * Runs a change and says what its refusal means. An unconditional one is simply run.
 *
 * A refused condition need not be what it seems: if the answer to an earlier attempt was lost, the later one meets our
 * own work. The write token in the metadata tells.
 */
export async function conditionalChange(
  put: PendingPut,
  change: (trace: Trace) => Promise<BlobInfo>,
): Promise<BlobInfo> {
  const { IfMatch, IfNoneMatch } = put.condition
  if (IfMatch === undefined && IfNoneMatch === undefined) return change(new Trace())
  const { maxAttempts } = put.s3.settings
  const trace = new Trace()
  for (let attempt = 1; ; attempt++) {
    try {
      return await change(trace)
    } catch (error) {
      if (!isStorageError(error)) throw error
      const status = statusOf(error)
      // 409: another change of this key was going on at the same moment. Asked again, S3 knows the outcome.
      if (status === 409 && s3CodeOf(error) === 'ConditionalRequestConflict' && attempt < maxAttempts) continue
      if (!isRefusal(error, status, put)) throw error
      if (!trace.ambiguous) throw refused(put, error, 'unchanged')
      const ours = await findOwnWork(put)
      if (ours) return ours
      throw refused(put, error, 'unknown')
    }
  }
}

function isRefusal(error: StorageError, status: number | undefined, put: PendingPut): boolean {
  if (status === 412) return true
  if (status === 409) return s3CodeOf(error) === 'ConditionalRequestConflict'
  // AWS says NoSuchKey to an If-Match on a key that is not there.
  return status === 404 && put.condition.IfMatch !== undefined && error.code === 'NOT_FOUND'
}

function refused(put: PendingPut, cause: unknown, outcome: 'unchanged' | 'unknown'): StorageError {
  const facts = { operation: 'put', driver: 's3', key: put.key, outcome, cause, status: 412 } as const
  const hint =
    outcome === 'unchanged'
      ? {}
      : {
          hint: 'The answer to a first attempt was lost and the key now holds something else: read it before you decide.',
        }
  return put.condition.IfNoneMatch !== undefined
    ? new StorageError('ALREADY_EXISTS', `${quoteKey(put.key)} exists already.`, { ...facts, ...hint })
    : new StorageError('PRECONDITION_FAILED', `${quoteKey(put.key)} is not as ifMatch demands.`, { ...facts, ...hint })
}

/** The object at the key, if it carries this put's token: then the put has succeeded, whatever was answered. */
export async function findOwnWork(put: PendingPut): Promise<BlobInfo | undefined> {
  const { s3, key, Key, token } = put
  if (token === undefined) return undefined
  try {
    const output = await s3.send('HeadObject', { Bucket: s3.settings.bucket, Key }, { operation: 'put', key })
    if (decodeMetadata(output.Metadata).token !== token) return undefined
    return infoOf(key, output.ContentLength ?? 0, output)
  } catch {
    // It cannot be seen now, so it stays unknown; the caller gets the change's own error.
    return undefined
  }
}

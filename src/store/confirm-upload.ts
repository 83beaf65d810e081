import { createHash } from 'node:crypto'
import { type DeleteOptions, type HeadOptions, type SignalOptions, sameEtag } from '../driver/index.js'
import { StorageError, type StorageErrorCode } from '../errors/index.js'
import { quoteKey } from '../keys/index.js'
import type { StoreContext } from './context.js'
import { deleteBlob } from './delete.js'
import { headBlob, openBlob } from './read.js'
import { removeVersion } from './remove-version.js'
import type { StoredBlob } from './stored.js'

/** What an upload should have left. What is not given is not looked at. */
export interface ExpectedUpload extends SignalOptions {
  /** Bytes. */
  readonly size?: number | undefined
  /** Bytes at most. */
  readonly maxSize?: number | undefined
  /** As it was signed, character by character. */
  readonly contentType?: string | undefined
  /** Lower- or upper-case hex. The blob is read for it where its driver does not know it. */
  readonly sha256?: string | undefined
  /** Quoted or not: the one that the answer to the upload had. */
  readonly etag?: string | undefined
  /** Deletes what does not fit: that version, none that came after it. Off by default. */
  readonly remove?: boolean | undefined
}

const OPERATION = 'confirmUpload'

/** What lies at `path`, if it is what was expected. */
export async function confirmUpload(
  context: StoreContext,
  path: string,
  { remove = false, ...expected }: ExpectedUpload,
): Promise<StoredBlob> {
  const { signal } = expected
  if (expected.sha256 !== undefined && !/^[0-9a-f]{64}$/i.test(expected.sha256)) {
    throw new StorageError('INVALID_ARGUMENT', 'sha256 is not 64 hexadecimal digits.', { operation: OPERATION })
  }
  const blob = await headBlob(context, path, { signal }, OPERATION)
  const problem = unfit(blob, expected) ?? (await otherBytes(context, blob, expected))
  if (problem === undefined) return blob
  if (remove) await removeVersion(versions(context), blob, { signal })
  throw problem
}

/** What does not fit, as far as the blob's attributes tell. */
function unfit(blob: StoredBlob, expected: ExpectedUpload): StorageError | undefined {
  const { size, maxSize, contentType, etag } = expected
  if (size !== undefined && blob.size !== size) {
    return problem('SIZE_MISMATCH', blob, `has ${blob.size} bytes, not ${size}`)
  }
  if (maxSize !== undefined && blob.size > maxSize) {
    return problem('TOO_LARGE', blob, `has ${blob.size} bytes, more than ${maxSize}`)
  }
  if (contentType !== undefined && blob.contentType !== contentType) {
    return problem('INVALID_ARGUMENT', blob, 'has another content type than was expected', 415)
  }
  if (etag !== undefined && !sameEtag(etag, blob.etag)) {
    return problem('PRECONDITION_FAILED', blob, 'has another etag than was expected')
  }
  return undefined
}

async function otherBytes(
  context: StoreContext,
  blob: StoredBlob,
  { sha256, signal }: ExpectedUpload,
): Promise<StorageError | undefined> {
  if (sha256 === undefined) return undefined
  const found = blob.sha256 ?? (await hashOf(context, blob, signal))
  return found === sha256.toLowerCase() ? undefined : problem('CHECKSUM_MISMATCH', blob, `hashes to ${found}`)
}

/** Of the version that was looked at: another one that comes meanwhile is PRECONDITION_FAILED. */
async function hashOf(
  context: StoreContext,
  { path, etag }: StoredBlob,
  signal: AbortSignal | undefined,
): Promise<string> {
  const reader = await openBlob(context, path, { ifMatch: etag, signal })
  const hash = createHash('sha256')
  for await (const chunk of reader.body) hash.update(chunk)
  return hash.digest('hex')
}

function versions(context: StoreContext) {
  return {
    head: (path: string, options: HeadOptions) => headBlob(context, path, options, OPERATION),
    delete: (path: string, options: DeleteOptions) => deleteBlob(context, path, options),
  }
}

function problem(code: StorageErrorCode, { key, driver }: StoredBlob, what: string, status?: number): StorageError {
  return new StorageError(code, `What was uploaded to ${quoteKey(key)} ${what}.`, {
    operation: OPERATION,
    key,
    driver,
    status,
    hint: 'The upload is not the one that was agreed on: have it repeated, and delete what arrived.',
  })
}

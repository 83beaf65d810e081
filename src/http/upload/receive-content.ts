import { isStorageError, StorageError } from '../../errors/index.js'
import type { BlobStore } from '../blob-store.js'
import { field, type HttpRequest } from '../message.js'
import { changeCondition } from '../write-conditions.js'
import { settleLimits } from './limits.js'
import type { FileOptions, UploadedBlob } from './options.js'
import { checkOrigin } from './origin.js'
import { ReceivedBody } from './received-body.js'
import { storeFile } from './store-file.js'
import type { UploadedFile } from './uploaded-file.js'

/** What became of the body of a request. */
export interface ReceivedContent {
  readonly blob: UploadedBlob
  /** Whether there was nothing at the key before; undefined where the storage could not say. */
  readonly created: boolean | undefined
}

/**
 * Stores the whole body of a request, as a PUT has it, under `key`. If-None-Match, If-Match and If-Unmodified-Since count (RFC 9110
 * section 13.2.1): PRECONDITION_FAILED or ALREADY_EXISTS, both 412, where they do not hold. A Content-Range is 400: parts
 * of a file cannot be put (section 14.5). Rejects, and leaves the key as it was, as `receiveUpload` does.
 */
export async function receiveContent<Native>(
  store: BlobStore,
  request: HttpRequest,
  key: string,
  options: FileOptions<Native>,
  native: Native,
): Promise<ReceivedContent> {
  const limits = settleLimits(options.limits)
  checkOrigin(request, options.origins)
  if (field(request.headers, 'content-range') !== undefined) throw partly()
  let arriving: UploadedFile | undefined
  const body = new ReceivedBody(request, { ...limits, totalSize: limits.fileSize }, (bytes) => {
    options.onProgress?.({ bytes, total: body.length, file: arriving })
  })
  try {
    const conditions = await changeCondition(store, request, key, 'put')
    const created = await isNew(store, request, key, conditions)
    const incoming = {
      field: '',
      filename: key.slice(key.lastIndexOf('/') + 1),
      declaredType: field(request.headers, 'content-type'),
      body: body[Symbol.asyncIterator](),
      size: body.length,
    }
    const onFile = (file: UploadedFile) => {
      arriving = file
    }
    const intake = { store, request, native, options, limits, fields: Object.create(null), onFile }
    return { blob: await storeFile(intake, incoming, () => key, conditions), created }
  } catch (error) {
    body.discard()
    throw error
  }
}

/** Whether there is nothing at `path`, as far as the storage can say; a condition may have said so already. */
export async function isNew(
  store: BlobStore,
  { signal }: HttpRequest,
  key: string,
  { ifMatch, ifNoneMatch }: { readonly ifMatch?: string; readonly ifNoneMatch?: '*' },
): Promise<boolean | undefined> {
  if (ifMatch !== undefined || ifNoneMatch !== undefined) return ifMatch === undefined
  try {
    await store.head(key, { signal })
    return false
  } catch (error) {
    if (isStorageError(error, 'NOT_FOUND')) return true
    // In an outage the put falls back, where it may; then nobody knows, and that is no reason to refuse it.
    if (isStorageError(error) && error.code !== 'ABORTED') return undefined
    throw error
  }
}

function partly(): StorageError {
  return new StorageError('INVALID_ARGUMENT', 'A part of a file cannot be put.', {
    operation: 'put',
    outcome: 'unchanged',
  })
}

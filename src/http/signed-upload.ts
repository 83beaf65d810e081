import { keptChunks } from '../driver/index.js'
import { StorageError } from '../errors/index.js'
import type { SignedTarget, SignedUploadGrant } from '../signing/index.js'
import { canonical } from './authorize.js'
import type { BlobStore } from './blob-store.js'
import { formatTag } from './entity-tag.js'
import { field, type HttpRequest, type HttpResponse } from './message.js'
import { fileOfForm, isNew, notTaken, ReceivedBody, settleLimits } from './upload/index.js'
import { changeCondition } from './write-conditions.js'

/** What a form may have around its file: the fields that S3 asks for are far smaller. */
const FORM_BYTES = 1024 * 1024

export interface SignedUploadOptions {
  /** Milliseconds that a client who uploads may send nothing; 30,000 by default, 0 for ever. Beyond: 408. */
  readonly idleTimeout?: number | undefined
}

/**
 * Takes in what a link of the store lets in: the body of a PUT, or the file of a POST whose form is as one for S3. It is
 * streamed into the store and held to all that was signed, on its way and before anything is published: 413 for more
 * bytes than may come, 400 for another number than must, 415 for another type, 412 where it must not find a blob and does.
 *
 * 201 where there was nothing before, else 200, with the ETag. Rejects with a StorageError whose `status` is the answer.
 */
export async function signedUpload(
  store: BlobStore,
  request: HttpRequest,
  target: SignedTarget,
  { idleTimeout }: SignedUploadOptions,
): Promise<HttpResponse> {
  const grant = store.verifySignedUpload(target, { method: request.method })
  const { key, driver } = canonical(store, grant.path)
  const { contentType, size, maxSize } = grant
  const limits = settleLimits({ idle: idleTimeout })
  const isForm = request.method === 'POST'
  if (!isForm) checkWhole(request, grant)
  const most = Math.min(size ?? Number.POSITIVE_INFINITY, maxSize ?? Number.POSITIVE_INFINITY)
  const body = new ReceivedBody(request, { totalSize: isForm ? most + FORM_BYTES : most, idle: limits.idle })
  try {
    if (!isForm && size !== undefined && (body.length ?? size) !== size) throw otherLength(key, size, body.length)
    const condition = await conditionOf(store, request, grant)
    const created = await isNew(store, request, grant.path, condition)
    const bytes = isForm ? await fileOfForm(request, body, limits, (fields) => checkFields(fields, grant)) : body
    const blob = await store.put(key, keptChunks(bytes), {
      ...condition,
      driver,
      contentType,
      size: size ?? (isForm ? undefined : body.length),
      maxSize,
      // The limit above counts. Without the signal of the request: the body fails when the client goes, and a put whose body
      // was read to its end is left to end.
      idleTimeout: 0,
    })
    const etag = formatTag(blob.etag)
    const headers = { 'content-length': '0', 'cache-control': 'private, no-store', ...(etag ? { etag } : {}) }
    return { status: created === false ? 200 : 201, headers }
  } catch (error) {
    body.discard()
    throw error
  }
}

/** Conditions of the request count beside the one that was signed. */
async function conditionOf(store: BlobStore, request: HttpRequest, { path, ifNoneMatch }: SignedUploadGrant) {
  const asked = await changeCondition(store, request, path, 'put')
  if (ifNoneMatch === undefined) return asked
  if (asked.ifMatch === undefined) return { ifNoneMatch }
  throw new StorageError('PRECONDITION_FAILED', 'The link creates a blob, and the request would replace one.', {
    operation: 'put',
    outcome: 'unchanged',
  })
}

/** Of a PUT: all of the body, of the type that was signed. */
function checkWhole({ headers }: HttpRequest, { contentType }: SignedUploadGrant): void {
  if (field(headers, 'content-range') !== undefined) {
    throw new StorageError('INVALID_ARGUMENT', 'A part of a file cannot be put.', {
      operation: 'put',
      outcome: 'unchanged',
    })
  }
  if (field(headers, 'content-type') !== contentType) throw otherType()
}

/** Of a form: the type stands in a field, as S3 has it; the one of the part with the file does not count. */
function checkFields(fields: Readonly<Record<string, string>>, { contentType }: SignedUploadGrant): void {
  if (fields['Content-Type'] !== contentType) throw otherType()
}

function otherType(): StorageError {
  return notTaken(
    'its Content-Type is not the one that was signed',
    'Send the headers or fields that signUpload answered.',
  )
}

function otherLength(key: string, size: number, length: number | undefined): StorageError {
  return new StorageError('SIZE_MISMATCH', `The body has ${length} bytes; ${size} were signed.`, {
    operation: 'put',
    key,
    outcome: 'unchanged',
  })
}

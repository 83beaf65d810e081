import type { StorageError } from '../../errors/index.js'
import type { BlobStore } from '../blob-store.js'
import { formatTag } from '../entity-tag.js'
import { jsonResponse } from '../json.js'
import type { HttpRequest, HttpResponse } from '../message.js'
import type { ErrorOptions } from '../options.js'
import { problemOf } from '../problem.js'
import type { FileOptions, FormFields, UploadedBlob, UploadOptions } from './options.js'
import { type ReceivedUpload, receiveUpload, type UploadFailure } from './receive.js'
import { receiveContent } from './receive-content.js'
import { undo } from './undo.js'

/** What the application is told of files that were stored. */
export interface Uploaded<Native = unknown> {
  readonly blobs: readonly UploadedBlob[]
  readonly fields: FormFields
  /** Files that were refused; empty unless `atomic` is off. */
  readonly failures: readonly UploadFailure[]
  /** Of the document whose content was put; with `locate`. */
  readonly id?: string | undefined
  readonly request: HttpRequest
  readonly native: Native
}

export interface UploadedOptions<Native = unknown> {
  /**
   * Called when the files are stored and before that is answered, such as to write their rows. What it returns is the
   * body of the answer, as JSON; undefined leaves the library's own. If it throws the files are removed again, exactly
   * these versions, and it is a 500, or the status of the StorageError that it threw. A file that took the place of
   * another one stays: the other one is gone.
   */
  readonly onUploaded?: ((uploaded: Uploaded<Native>) => unknown) | undefined
}

/** A stored file, as a client is told of it. */
export interface UploadedItem {
  readonly path: string
  readonly key: string
  /** Bytes. */
  readonly size: number
  readonly etag: string
  readonly contentType: string
}

/**
 * Answers a form with files: 201 with a list of {@link UploadedItem}, in the order of the files. With `atomic` off a file that
 * was refused has `{ field, problem }` in its place behind them; where all were refused the answer is that of the first. Rejects as `receiveUpload`.
 */
export async function answerUpload<Native>(
  store: BlobStore,
  request: HttpRequest,
  options: UploadOptions<Native> & UploadedOptions<Native> & ErrorOptions,
  native: Native,
): Promise<HttpResponse> {
  const received = await receiveUpload(store, request, options, native)
  const { blobs, fields, failures } = received
  const [first] = failures
  if (first && blobs.length === 0) throw first.error
  const refused = failures.map(({ field, error }) => ({ field, problem: problemOf(error, request, options) }))
  const body = await told(options, { blobs, fields, failures, request, native }, () => received.discard())
  return jsonResponse(body ?? [...blobs.map(itemOf), ...refused], { status: 201 })
}

/**
 * Answers a PUT: 201 with the {@link UploadedItem} where there was nothing before, else 204, or 200 where `onUploaded`
 * gives a body. Rejects as `receiveContent`.
 */
export async function answerContent<Native>(
  store: BlobStore,
  request: HttpRequest,
  { key, id }: { readonly key: string; readonly id?: string | undefined },
  options: FileOptions<Native> & UploadedOptions<Native>,
  native: Native,
): Promise<HttpResponse> {
  const { blob, created } = await receiveContent(store, request, key, options, native)
  const uploaded = { blobs: [blob], fields: {}, failures: [], id, request, native }
  const body = await told(options, uploaded, async () => (created ? undo(store, [blob]) : []))
  const tag = formatTag(blob.etag)
  const headers: Record<string, string> = tag === undefined ? {} : { etag: tag }
  if (created === false && body === undefined) return { status: 204, headers }
  return jsonResponse(body ?? itemOf(blob), { status: created === false ? 200 : 201, headers })
}

async function told<Native>(
  { onUploaded }: UploadedOptions<Native>,
  uploaded: Uploaded<Native>,
  discard: ReceivedUpload['discard'],
): Promise<unknown> {
  try {
    return await onUploaded?.(uploaded)
  } catch (error) {
    const left = await discard()
    throw left.length === 0 ? error : withLeft(error, left)
  }
}

function withLeft(failure: unknown, left: readonly StorageError[]): AggregateError {
  return new AggregateError([failure, ...left], 'The files of an upload could not be removed again.')
}

function itemOf({ path, key, size, etag, contentType }: UploadedBlob): UploadedItem {
  return { path, key, size, etag, contentType }
}

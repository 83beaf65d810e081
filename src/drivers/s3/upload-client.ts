import type {
  CompletedPart,
  CompleteMultipartUploadCommandInput,
  CreateMultipartUploadCommandInput,
  S3Client,
  UploadPartCommandInput,
} from '@aws-sdk/client-s3'
import type { BlobInfo } from '../../driver/index.js'
import { isStorageError, StorageError } from '../../errors/index.js'
import { completeUpload } from './complete-upload.js'
import { conditionalChange } from './conditional.js'
import { s3CodeOf } from './errors.js'
import type { Part } from './parts.js'
import type { PendingPut } from './pending-put.js'
import type { Trace } from './trace.js'
import type { Uploads } from './uploads.js'

type Input = CreateMultipartUploadCommandInput & UploadPartCommandInput & CompleteMultipartUploadCommandInput

/**
 * What Upload of @aws-sdk/lib-storage takes for an S3 client. Its requests go out through the driver's connection, each
 * built anew: Upload would give every one of them all parameters. The first that fails stops the others and the body.
 */
export class UploadClient {
  readonly #uploads: Uploads
  readonly #put: PendingPut
  readonly #algorithm: PendingPut['checksum']
  readonly #stop: () => void
  readonly #running = new Set<Promise<unknown>>()
  /** Parts whose memory is wanted back, by number. */
  readonly #parts = new Map<number, Part>()
  #failure: { readonly error: unknown } | undefined
  #uploadId: string | undefined
  #completing = false
  #info: BlobInfo | undefined

  constructor(uploads: Uploads, put: PendingPut, algorithm: PendingPut['checksum'], stop: () => void) {
    this.#uploads = uploads
    this.#put = put
    this.#algorithm = algorithm
    this.#stop = stop
  }

  /** Set once S3 has given it. */
  get uploadId(): string | undefined {
    return this.#uploadId
  }

  /** Whether S3 was asked to complete the upload, so that something may be seen of it. */
  get completing(): boolean {
    return this.#completing
  }

  /** Set once the upload is completed. */
  get info(): BlobInfo | undefined {
    return this.#info
  }

  /** The first failure, which caused all others. */
  get failure(): { readonly error: unknown } | undefined {
    return this.#failure
  }

  asS3Client(): S3Client {
    const config = { requestChecksumCalculation: async () => 'WHEN_REQUIRED' }
    const send = (command: { readonly input: Input }) => this.#track(this.#send(command.input))
    return { config, send } as unknown as S3Client
  }

  /** Gives the part's memory back once S3 has confirmed it. */
  releaseAfter(part: Part): void {
    this.#parts.set(part.number, part)
  }

  /** Notes a failure and stops the parts under way, and the body wherever it is being read. */
  fail(error: unknown): void {
    this.#failure ??= { error }
    this.#stop()
  }

  /** Resolves once nothing is under way any more. */
  async settled(): Promise<void> {
    await Promise.allSettled(this.#running)
  }

  async #track<T>(request: Promise<T>): Promise<T> {
    this.#running.add(request)
    try {
      return await request
    } catch (error) {
      this.fail(error)
      throw error
    } finally {
      this.#running.delete(request)
    }
  }

  /** The kind of a command is told by its input: class names change in bundles, and classes where a package is there twice. */
  #send(input: Input): Promise<object> {
    if (input.PartNumber !== undefined) return this.#sendPart(input.PartNumber, input.Body as Uint8Array)
    if (input.MultipartUpload !== undefined) return this.#complete(input.MultipartUpload.Parts ?? [])
    return this.#create()
  }

  async #create(): Promise<object> {
    const { s3, key, Key, params } = this.#put
    this.#assertNotAborted()
    // Not under the signal: an upload whose id never arrives could not be aborted.
    const { UploadId } = await s3.send(
      'CreateMultipartUpload',
      { Bucket: s3.settings.bucket, Key, ...params, ...this.#checksum },
      { operation: 'put', key },
    )
    if (UploadId === undefined) throw missing('upload id', key)
    this.#uploads.begin(UploadId)
    this.#uploadId = UploadId
    return { UploadId }
  }

  async #sendPart(PartNumber: number, Body: Uint8Array): Promise<object> {
    const { s3, key, Key, signal } = this.#put
    const output = await s3.send(
      'UploadPart',
      {
        Bucket: s3.settings.bucket,
        Key,
        UploadId: this.#uploadId,
        PartNumber,
        Body,
        ContentLength: Body.byteLength,
        ...this.#checksum,
      },
      { operation: 'put', key, signal, bytes: Body.byteLength },
    )
    if (!output.ETag) throw missing('etag of a part', key)
    this.#parts.get(PartNumber)?.release()
    this.#parts.delete(PartNumber)
    return output
  }

  async #complete(parts: CompletedPart[]): Promise<object> {
    this.#assertNotAborted()
    this.#completing = true
    this.#info = await conditionalChange(this.#put, (trace) => this.#publish(parts, trace))
    return {}
  }

  /** Once this request is out an abort cannot say any more what becomes of the key: the signal does not interrupt it. */
  async #publish(parts: CompletedPart[], trace: Trace): Promise<BlobInfo> {
    const { s3, key, Key, condition } = this.#put
    try {
      const call = { key, operation: 'put', trace }
      const etag = await completeUpload(s3, Key, this.#uploadId, parts, condition, call)
      return this.#put.published({ etag, date: trace.date })
    } catch (error) {
      // The upload is gone after an attempt whose answer was lost: that attempt has completed it, if the token says so.
      const gone = s3CodeOf(error) === 'NoSuchUpload' && trace.ambiguous
      if (gone && isStorageError(error)) throw error.with({ outcome: 'unknown' })
      throw error
    }
  }

  get #checksum() {
    return this.#algorithm === undefined ? {} : { ChecksumAlgorithm: this.#algorithm }
  }

  #assertNotAborted(): void {
    const { key, signal } = this.#put
    if (!signal.aborted) return
    const facts = { operation: 'put', driver: 's3', key, outcome: 'unchanged', cause: signal.reason } as const
    throw new StorageError('ABORTED', 'The put was aborted.', facts)
  }
}

function missing(what: string, key: string): StorageError {
  return new StorageError('INTERNAL', `S3 gave no ${what}.`, {
    operation: 'put',
    driver: 's3',
    key,
    hint: 'This endpoint does not answer as S3 does: see whether it supports multipart uploads.',
    outcome: 'unchanged',
  })
}

import { isStorageError, StorageError } from '../../errors/index.js'
import type { Connection } from './connection.js'
import { statusOf } from './errors.js'
import { Trace } from './trace.js'

export interface SweepUploadsOptions {
  /** Milliseconds since an upload began; younger ones may be somebody's who is still at it. 24 hours by default. */
  readonly olderThan?: number | undefined
  readonly signal?: AbortSignal | undefined
}

export interface SweptUploads {
  /** Uploads that are gone now. */
  readonly aborted: number
  /** Uploads that could not be aborted; another sweep tries again. */
  readonly failed: number
}

/** Multipart uploads under way, and those whose abort failed. */
export class Uploads {
  readonly #s3: Connection
  readonly #running = new Set<string>()
  /** Upload ids whose abort was not confirmed, with the object key each belongs to. */
  readonly #leftOver = new Map<string, string>()

  constructor(s3: Connection) {
    this.#s3 = s3
  }

  begin(uploadId: string): void {
    this.#running.add(uploadId)
  }

  /** The upload was completed: nothing of it is left. */
  end(uploadId: string): void {
    this.#running.delete(uploadId)
  }

  /** Resolves once S3 has confirmed it. Where it does not, the upload is kept in mind and tried again later. */
  async abort(Key: string, uploadId: string): Promise<boolean> {
    this.#running.delete(uploadId)
    try {
      await this.#send(Key, uploadId)
      this.#leftOver.delete(uploadId)
      return true
    } catch {
      // The failure that led here is the one to report. This one is answered by trying again.
      this.#leftOver.set(uploadId, Key)
      return false
    }
  }

  /** Tries again what could not be aborted before. */
  async retryLeftOver(): Promise<void> {
    if (this.#leftOver.size === 0) return
    const entries = [...this.#leftOver]
    this.#leftOver.clear()
    await Promise.all(entries.map(([uploadId, Key]) => this.abort(Key, uploadId)))
  }

  /** Aborts what was left by processes that died. Uploads of this driver that are under way are spared. */
  async sweep({ olderThan = 24 * 3600 * 1000, signal }: SweepUploadsOptions = {}): Promise<SweptUploads> {
    if (!(Number.isFinite(olderThan) && olderThan >= 0)) {
      throw new StorageError('INVALID_ARGUMENT', 'olderThan is not a number of milliseconds from 0.', {
        operation: 'sweep',
      })
    }
    await this.retryLeftOver()
    let aborted = 0
    let failed = this.#leftOver.size
    let marker: { KeyMarker?: string; UploadIdMarker?: string } | undefined = {}
    while (marker) {
      const trace = new Trace()
      const page: Awaited<ReturnType<typeof this.listPage>> = await this.listPage(marker, trace, signal)
      // The server's own clock, which its header gives in whole seconds.
      const now = (trace.date ?? new Date()).getTime() + 999
      for (const { Key, UploadId, Initiated } of page.Uploads ?? []) {
        if (Key === undefined || UploadId === undefined || !Key.startsWith(this.#s3.settings.prefix)) continue
        if (this.#running.has(UploadId) || this.#leftOver.has(UploadId)) continue
        if (now - (Initiated?.getTime() ?? now) < olderThan) continue
        if (await this.abort(Key, UploadId)) aborted++
        else failed++
      }
      const { IsTruncated, NextKeyMarker, NextUploadIdMarker } = page
      marker =
        IsTruncated && NextKeyMarker !== undefined
          ? {
              KeyMarker: NextKeyMarker,
              ...(NextUploadIdMarker === undefined ? {} : { UploadIdMarker: NextUploadIdMarker }),
            }
          : undefined
    }
    return { aborted, failed }
  }

  listPage(marker: { KeyMarker?: string; UploadIdMarker?: string }, trace: Trace, signal: AbortSignal | undefined) {
    const { bucket, prefix } = this.#s3.settings
    const input = { Bucket: bucket, ...(prefix === '' ? {} : { Prefix: prefix }), ...marker }
    return this.#s3.send('ListMultipartUploads', input, { operation: 'sweep', signal, trace })
  }

  async #send(Key: string, UploadId: string): Promise<void> {
    try {
      // Not under the caller's signal: it may be the very reason for this call.
      await this.#s3.send(
        'AbortMultipartUpload',
        { Bucket: this.#s3.settings.bucket, Key, UploadId },
        { operation: 'put' },
      )
    } catch (error) {
      // 404: it is gone already, which is what was wanted.
      if (!isStorageError(error) || statusOf(error) !== 404) throw error
    }
  }
}

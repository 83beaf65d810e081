import { Readable } from 'node:stream'
import type { BlobReader } from '../driver/index.js'

/**
 * The bytes of a read, which can be made to fail: by destroying the stream, or by itself once `limit` bytes were taken
 * (or all bytes, where there are fewer). What comes before the failure is delivered.
 */
export class BreakableStream extends Readable {
  readonly #reader: BlobReader
  readonly #chunks: AsyncIterator<Uint8Array>
  readonly #limit: number | undefined
  readonly #failure: () => Error
  #bytes = 0

  constructor(reader: BlobReader, limit: number | undefined, failure: () => Error) {
    // Nothing is read ahead: a failure would throw away what was not taken yet.
    super({ highWaterMark: 0 })
    this.#reader = reader
    this.#chunks = reader.body[Symbol.asyncIterator]()
    this.#limit = limit
    this.#failure = failure
  }

  override _read(): void {
    this.#next().catch((error: Error) => this.destroy(error))
  }

  async #next(): Promise<void> {
    const limit = this.#limit
    if (limit !== undefined && this.#bytes >= limit) throw this.#failure()
    const { value, done } = await this.#chunks.next()
    if (done) {
      if (limit !== undefined) throw this.#failure()
      this.push(null)
      return
    }
    const chunk = limit === undefined ? value : value.subarray(0, limit - this.#bytes)
    this.#bytes += chunk.byteLength
    this.push(chunk)
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    this.#reader.cancel().then(
      () => done(error),
      (problem: Error) => done(error ?? problem),
    )
  }
}

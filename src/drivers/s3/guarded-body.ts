import { Readable } from 'node:stream'
import { isStorageError, StorageError } from '../../errors/index.js'
import { quoteKey } from '../../keys/index.js'
import { toStorageError } from './errors.js'

export interface GuardedBodyOptions {
  readonly key: string
  /** Bytes that the answer announced. */
  readonly expected: number
  /** Milliseconds that the source may stay silent while somebody waits for it. */
  readonly idle: number
  readonly signal?: AbortSignal | undefined
}

/**
 * The body of an answer, which is all of it or a StorageError: never short, never long, never hanging. A reader may
 * take its time: only silence of the source counts.
 */
export class GuardedBody extends Readable {
  readonly #source: Readable
  readonly #options: GuardedBodyOptions
  readonly #onAbort = () => this.destroy(this.#error('ABORTED', 'The get was aborted', this.#options.signal?.reason))
  #received = 0
  #timer: NodeJS.Timeout | undefined

  constructor(source: Readable, options: GuardedBodyOptions) {
    super({ highWaterMark: 256 * 1024 })
    this.#source = source
    this.#options = options
    source.pause()
    source.on('data', (chunk: Uint8Array) => this.#onData(chunk))
    source.on('end', () => this.#onEnd())
    source.on('error', (error) => this.destroy(this.#meaningOf(error)))
    source.on('close', () => this.#onClose())
    options.signal?.addEventListener('abort', this.#onAbort, { once: true })
    if (options.signal?.aborted) this.#onAbort()
  }

  override _read(): void {
    this.#watch()
    this.#source.resume()
  }

  override _destroy(error: Error | null, callback: (error?: Error | null) => void): void {
    clearTimeout(this.#timer)
    this.#options.signal?.removeEventListener('abort', this.#onAbort)
    if (this.#source.closed) {
      callback(error)
      return
    }
    this.#source.once('close', () => callback(error))
    this.#source.destroy()
  }

  #onData(chunk: Uint8Array): void {
    this.#received += chunk.byteLength
    if (this.#received > this.#options.expected) {
      this.destroy(this.#error('CORRUPT', `S3 sent more than the ${this.#options.expected} bytes it announced`))
      return
    }
    if (this.push(chunk)) {
      this.#watch()
      return
    }
    clearTimeout(this.#timer)
    this.#source.pause()
  }

  #onEnd(): void {
    clearTimeout(this.#timer)
    if (this.#received === this.#options.expected) this.push(null)
    else this.destroy(this.#cutOff())
  }

  #onClose(): void {
    if (!this.#source.readableEnded && !this.destroyed) this.destroy(this.#cutOff())
  }

  #watch(): void {
    clearTimeout(this.#timer)
    const { idle } = this.#options
    this.#timer = setTimeout(() => {
      this.destroy(this.#error('TIMEOUT', `S3 sent nothing for ${idle} ms in the middle of the body`))
    }, idle)
  }

  #cutOff(cause?: unknown): StorageError {
    const { expected } = this.#options
    return this.#error('UNAVAILABLE', `The connection ended after ${this.#received} of ${expected} bytes`, cause)
  }

  #meaningOf(error: Error): StorageError {
    if (/checksum mismatch/i.test(error.message)) {
      return this.#error('CORRUPT', 'The bytes received do not match the checksum that S3 keeps', error)
    }
    if (this.#options.signal?.aborted) return this.#error('ABORTED', 'The get was aborted', error)
    const known = toStorageError(error, { operation: 'get', key: this.#options.key })
    return known.code === 'INTERNAL' && !isStorageError(error) ? this.#cutOff(error) : known
  }

  #error(code: 'ABORTED' | 'CORRUPT' | 'TIMEOUT' | 'UNAVAILABLE', problem: string, cause?: unknown): StorageError {
    const { key } = this.#options
    return new StorageError(code, `${problem} (${quoteKey(key)}).`, {
      operation: 'get',
      driver: 's3',
      key,
      ...(code === 'CORRUPT'
        ? { hint: 'Read the blob again; something between here and S3 damages it.', retryable: true }
        : {}),
      cause,
    })
  }
}

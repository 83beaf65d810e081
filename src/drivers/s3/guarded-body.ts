import { Readable } from 'node:stream'
import { BodyFailures, type ExpectedBody } from './body-failures.js'

/**
 * The body of an answer, which is all of it or a StorageError: never short, never long, never hanging. A reader may
 * take its time: only silence of the source counts.
 */
export class GuardedBody extends Readable {
  readonly #source: Readable
  readonly #options: ExpectedBody
  readonly #failures: BodyFailures
  readonly #onAbort = () => this.destroy(this.#failures.aborted())
  #received = 0
  #timer: NodeJS.Timeout | undefined

  constructor(source: Readable, options: ExpectedBody) {
    super({ highWaterMark: 256 * 1024 })
    this.#source = source
    this.#options = options
    this.#failures = new BodyFailures(options)
    source.pause()
    source.on('data', (chunk: Uint8Array) => this.#onData(chunk))
    source.on('end', () => this.#onEnd())
    source.on('error', (error) => this.destroy(this.#failures.meaningOf(error, this.#received)))
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
      this.destroy(this.#failures.tooLong())
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
    else this.destroy(this.#failures.cutOff(this.#received))
  }

  #onClose(): void {
    if (!this.#source.readableEnded && !this.destroyed) this.destroy(this.#failures.cutOff(this.#received))
  }

  #watch(): void {
    clearTimeout(this.#timer)
    this.#timer = setTimeout(() => this.destroy(this.#failures.silent()), this.#options.idle)
  }
}

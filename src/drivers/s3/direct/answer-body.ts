import { Readable } from 'node:stream'
import type { LazySource } from '../../../body/index.js'
import type { StorageError } from '../../../errors/index.js'
import { BodyFailures, type ExpectedBody } from '../body-failures.js'
import type { BodyCheck } from './checksum.js'

/** What an answer's body can do to the exchange that it comes from. */
export interface Flow {
  pause(): void
  resume(): void
  /** Ends the exchange, and with it its connection. */
  abort(reason: Error): void
}

/** Bytes that are taken from the connection before anybody wants them. */
const AHEAD = 256 * 1024

/**
 * The body of an answer while it arrives: all of it or a StorageError, never short, never long, never hanging. A reader
 * may take its time: only silence of the source counts. It becomes a stream only where somebody wants one.
 */
export class AnswerBody implements LazySource {
  readonly #flow: Flow
  readonly #options: ExpectedBody
  readonly #failures: BodyFailures
  readonly #check: BodyCheck | undefined
  #chunks: Uint8Array[] = []
  #buffered = 0
  #received = 0
  #ended = false
  #failure: StorageError | undefined
  /** Whoever waits for a chunk, for all of them, or for the end. */
  #wake: (() => void) | undefined
  /** Whether all is wanted, however much it is. */
  #whole = false
  #timer: NodeJS.Timeout | undefined
  #onAbort: (() => void) | undefined
  #stream: AnswerStream | undefined

  constructor(flow: Flow, options: ExpectedBody, check?: BodyCheck | undefined) {
    this.#flow = flow
    this.#options = options
    this.#failures = new BodyFailures(options)
    this.#check = check
    const { signal } = options
    if (signal === undefined) return
    this.#onAbort = () => this.#fail(this.#failures.aborted())
    signal.addEventListener('abort', this.#onAbort, { once: true })
    if (signal.aborted) this.#onAbort()
  }

  /** From the exchange: bytes have arrived. */
  add(chunk: Uint8Array): void {
    this.#received += chunk.byteLength
    if (this.#received > this.#options.expected) {
      this.#fail(this.#failures.tooLong())
      return
    }
    this.#check?.update(chunk)
    this.#chunks.push(chunk)
    this.#buffered += chunk.byteLength
    if (this.#whole) this.#timer?.refresh()
    else this.#notify()
    if (this.#buffered > AHEAD && !this.#whole) this.#flow.pause()
  }

  /** From the exchange: it has ended as it should. */
  end(): void {
    if (this.#received < this.#options.expected) this.#failure ??= this.#failures.cutOff(this.#received)
    else if (this.#check && !this.#check.matches()) this.#failure ??= this.#failures.damaged()
    this.#settle()
  }

  /** From the exchange: it has failed. */
  break(error: Error): void {
    this.#failure ??= this.#failures.meaningOf(error, this.#received)
    this.#settle()
  }

  async readWhole(): Promise<Uint8Array> {
    this.#whole = true
    while (!this.#ended) await this.#next()
    if (this.#failure) throw this.#failure
    const chunks = this.#chunks
    this.#chunks = []
    const [only] = chunks
    // A small chunk keeps alive the much larger buffer that it was read in.
    if (only && chunks.length === 1 && only.buffer.byteLength <= 2 * only.byteLength) return only
    return Buffer.concat(chunks)
  }

  stream(): Readable {
    this.#stream = new AnswerStream(this)
    if (this.#failure) this.#stream.destroy(this.#failure)
    return this.#stream
  }

  /** Bytes that have arrived, if there are any. Throws the failure of the body. */
  take(): Uint8Array | undefined {
    if (this.#failure) throw this.#failure
    const chunk = this.#chunks.shift()
    if (chunk === undefined) return undefined
    this.#buffered -= chunk.byteLength
    if (this.#buffered < AHEAD / 2) this.#flow.resume()
    return chunk
  }

  /** False at the end; resolves once bytes have arrived, or none will. One caller at a time. */
  async wait(): Promise<boolean> {
    while (this.#chunks.length === 0 && !this.#ended) await this.#next()
    return this.#chunks.length > 0 || this.#failure !== undefined
  }

  async release(): Promise<void> {
    this.#chunks = []
    if (!this.#ended) this.#fail(this.#failures.aborted())
    while (!this.#ended) await new Promise<void>((resolve) => this.#wakeAlso(resolve))
  }

  #next(): Promise<void> {
    this.#timer = setTimeout(() => this.#fail(this.#failures.silent()), this.#options.idle)
    this.#flow.resume()
    return new Promise((resolve) => {
      this.#wake = resolve
    })
  }

  #wakeAlso(resolve: () => void): void {
    const before = this.#wake
    this.#wake = () => {
      before?.()
      resolve()
    }
  }

  #notify(): void {
    clearTimeout(this.#timer)
    this.#wake?.()
    this.#wake = undefined
  }

  #fail(failure: StorageError): void {
    this.#failure ??= failure
    this.#flow.abort(failure)
  }

  #settle(): void {
    this.#ended = true
    if (this.#onAbort) this.#options.signal?.removeEventListener('abort', this.#onAbort)
    this.#notify()
    if (this.#failure) this.#stream?.destroy(this.#failure)
  }
}

class AnswerStream extends Readable {
  readonly #body: AnswerBody
  #waiting = false

  constructor(body: AnswerBody) {
    super({ highWaterMark: AHEAD })
    this.#body = body
  }

  override _read(): void {
    try {
      for (let chunk = this.#body.take(); chunk; chunk = this.#body.take()) if (!this.push(chunk)) return
    } catch (error) {
      this.destroy(error as Error)
      return
    }
    if (this.#waiting) return
    this.#waiting = true
    this.#body.wait().then((more) => {
      this.#waiting = false
      if (more) this._read()
      else this.push(null)
    })
  }

  override _destroy(error: Error | null, callback: (error?: Error | null) => void): void {
    this.#body.release().then(() => callback(error))
  }
}

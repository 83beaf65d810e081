import { Readable } from 'node:stream'
import type { PulledSource } from '../driver/index.js'
import { corrupt, type ExactBodyOptions, short, stalled } from './exact-body.js'
import type { LendingBody } from './message.js'
import { asStorageError } from './problem.js'
import { StallTimer } from './stall-timer.js'

/** Bytes of one read call: few calls, and two such buffers for each client. */
const CHUNK = 512 * 1024

/**
 * Where the bytes begin in a buffer. Large blocks of memory begin 16 bytes behind the start of a page, and to such an address
 * the kernel copies out of its page cache several times slower than to the start of a page, on AMD processors at least.
 */
const OFFSET = 4096 - 16

/**
 * A body as {@link ExactBody} gives it, of a source that fills buffers. Whoever can tell when a chunk has been sent borrows
 * them, and two buffers do for a body of any length; all others read it as the stream that it is.
 */
export class LentBody extends Readable implements LendingBody {
  readonly #source: Readable & PulledSource
  readonly #length: number
  readonly #stall: StallTimer
  readonly #free: Uint8Array[] = []
  #read = 0
  /** What was read before anybody asked for it. */
  #first: Uint8Array | undefined

  constructor(source: Readable & PulledSource, { length, stallTimeout }: ExactBodyOptions) {
    // Each chunk is read when the one before was taken.
    super({ highWaterMark: 1 })
    this.#source = source
    this.#length = length
    this.#stall = new StallTimer(stallTimeout, () => this.destroy(stalled(stallTimeout)))
    // Until the answer begins nobody listens; `begun` rejects with the same.
    this.on('error', () => {})
    source.on('error', (error) => this.destroy(asStorageError(error)))
    source.on('close', () => {
      if (this.#read < length) this.destroy(short(this.#read, length))
    })
  }

  /** As that of ExactBody: settles when the first bytes are here, rejects where there will be none. */
  async begun(): Promise<void> {
    this.#first = await this.#next()
    this.#stall.start()
  }

  async lend(): Promise<Uint8Array | undefined> {
    const chunk = await this.#take()
    if (chunk === undefined) {
      this.push(null)
      this.resume()
    }
    return chunk
  }

  giveBack(chunk: Uint8Array): void {
    if (chunk.buffer.byteLength === OFFSET + CHUNK) this.#free.push(new Uint8Array(chunk.buffer, OFFSET, CHUNK))
  }

  override _read(): void {
    this.#take().then(
      (chunk) => this.push(chunk ?? null),
      // The stream was destroyed with it.
      () => {},
    )
  }

  override _destroy(error: Error | null, callback: (error?: Error | null) => void): void {
    this.#stall.stop()
    // Not waited for: the client must hear of a failure also where the source is slow to let go.
    this.#source.destroy()
    callback(error)
  }

  async #take(): Promise<Uint8Array | undefined> {
    this.#stall.stop()
    // Somebody may have given it up since its first bytes were read.
    if (this.destroyed) throw this.errored ?? short(this.#read, this.#length)
    const chunk = this.#first ?? (await this.#next())
    this.#first = undefined
    if (chunk) this.#stall.start()
    return chunk
  }

  async #next(): Promise<Uint8Array | undefined> {
    try {
      return await this.#pull()
    } catch (error) {
      const failure = asStorageError(error)
      this.destroy(failure)
      throw failure
    }
  }

  async #pull(): Promise<Uint8Array | undefined> {
    const rest = this.#length - this.#read
    if (rest === 0) return undefined
    const buffer = this.#free.pop() ?? freshBuffer(rest)
    const read = await this.#source.readInto(buffer)
    if (this.errored) throw this.errored
    if (read === 0) throw short(this.#read, this.#length)
    this.#read += read
    const more = read > rest || (read === rest && (await this.#source.readInto(new Uint8Array(1))) > 0)
    if (more) throw corrupt(`more than the ${this.#length} bytes announced`)
    // The file need not stay open until the client has taken the last of it.
    if (read === rest) this.#source.destroy()
    return buffer.subarray(0, read)
  }
}

function freshBuffer(rest: number): Uint8Array {
  return rest < CHUNK ? Buffer.allocUnsafeSlow(rest) : Buffer.allocUnsafeSlow(OFFSET + CHUNK).subarray(OFFSET)
}

import { Readable } from 'node:stream'
import type { BlobReader } from '../driver/index.js'
import { StorageError } from '../errors/index.js'
import { asStorageError } from './problem.js'
import { StallTimer } from './stall-timer.js'

export interface ExactBodyOptions {
  /** Bytes that were announced to the client. */
  readonly length: number
  /** Milliseconds that the client may take nothing; 0 for ever. */
  readonly stallTimeout: number
}

/**
 * A body that is as long as was announced, or fails: RFC 9110 section 8.6 leaves nothing between. Gives the source up when the
 * client takes nothing for too long, since what it holds (a connection to S3, a file) is not there for everybody.
 */
export class ExactBody extends Readable {
  readonly #source: Readable
  readonly #length: number
  readonly #stall: StallTimer
  #sent = 0
  #last: Uint8Array | undefined
  #onBegun: (() => void) | undefined

  constructor(source: Readable, { length, stallTimeout }: ExactBodyOptions) {
    // One chunk is held here; what the source has ready is its own to bound.
    super({ highWaterMark: 1 })
    this.#source = source
    this.#length = length
    this.#stall = new StallTimer(stallTimeout, () => this.destroy(stalled(stallTimeout)))
    source.pause()
    source.on('data', (chunk: Uint8Array) => this.#onData(chunk))
    source.on('end', () => this.#onEnd())
    source.on('error', (error) => this.destroy(asStorageError(error)))
    source.on('close', () => {
      if (!source.readableEnded) this.destroy(short(this.#sent, length))
    })
    if (source.destroyed) this.destroy(source.errored ? asStorageError(source.errored) : short(0, length))
    this.#stall.start()
  }

  /**
   * Settles when the first bytes are here, rejects where there will be none: nothing was said to the client yet, and the
   * failure is still an answer.
   */
  async begun(): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      this.#onBegun = resolve
      this.once('error', reject)
      this.read(0)
    })
    if (this.errored) throw this.errored
  }

  override _read(): void {
    this.#stall.stop()
    this.#source.resume()
  }

  override _destroy(error: Error | null, callback: (error?: Error | null) => void): void {
    this.#stall.stop()
    // Not waited for: the client must hear of a failure also where the source is slow to let go.
    this.#source.destroy()
    callback(error)
  }

  #onData(chunk: Uint8Array): void {
    if (this.destroyed) return
    this.#sent += chunk.byteLength
    if (this.#sent > this.#length) {
      this.destroy(corrupt(`more than the ${this.#length} bytes announced`))
      return
    }
    // The last one waits for the end: a client that has all that was announced would not hear of more.
    if (this.#sent === this.#length && chunk.byteLength > 0) this.#last = chunk
    else if (chunk.byteLength > 0 && !this.#give(chunk)) this.#source.pause()
  }

  #onEnd(): void {
    if (this.destroyed) return
    if (this.#sent !== this.#length) {
      this.destroy(short(this.#sent, this.#length))
      return
    }
    if (this.#last) this.#give(this.#last)
    this.push(null)
  }

  /** Hands a chunk on; false where the client has to take it first. */
  #give(chunk: Uint8Array): boolean {
    const wanted = this.push(chunk)
    this.#onBegun?.()
    if (!wanted) this.#stall.start()
    return wanted
  }
}

/** All bytes of a reader, which must be as many as were announced. */
export async function exactBytes(reader: BlobReader, length: number): Promise<Uint8Array> {
  const bytes = await reader.bytes()
  if (bytes.byteLength !== length) throw short(bytes.byteLength, length)
  return bytes
}

export function short(sent: number, length: number): StorageError {
  return corrupt(`${sent} of the ${length} bytes announced`)
}

export function corrupt(what: string): StorageError {
  return new StorageError('CORRUPT', `The storage delivered ${what}.`, {
    operation: 'get',
    hint: 'The connection to the client was cut, so that it cannot take what arrived for the whole.',
  })
}

export function stalled(timeout: number): StorageError {
  return new StorageError('ABORTED', `The client took nothing for ${timeout} ms.`, {
    operation: 'get',
    hint: 'Raise stallTimeout if clients may be that slow; most ask for the rest again by themselves.',
  })
}

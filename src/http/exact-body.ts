import { Readable } from 'node:stream'
import { StorageError } from '../errors/index.js'

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
  readonly #stallTimeout: number
  #sent = 0
  #timer: NodeJS.Timeout | undefined

  constructor(source: Readable, { length, stallTimeout }: ExactBodyOptions) {
    // One chunk is held here; what the source has ready is its own to bound.
    super({ highWaterMark: 1 })
    this.#source = source
    this.#length = length
    this.#stallTimeout = stallTimeout
    source.pause()
    source.on('data', (chunk: Uint8Array) => this.#onData(chunk))
    source.on('end', () => this.#onEnd())
    source.on('error', (error) => this.destroy(error))
    source.on('close', () => {
      if (!source.readableEnded) this.destroy(short(this.#sent, length))
    })
    if (source.errored) this.destroy(source.errored)
    this.#watch()
  }

  override _read(): void {
    clearTimeout(this.#timer)
    this.#source.resume()
  }

  override _destroy(error: Error | null, callback: (error?: Error | null) => void): void {
    clearTimeout(this.#timer)
    if (this.#source.closed) {
      callback(error)
      return
    }
    this.#source.once('close', () => callback(error))
    this.#source.destroy()
  }

  #onData(chunk: Uint8Array): void {
    if (this.destroyed) return
    this.#sent += chunk.byteLength
    if (this.#sent > this.#length) {
      this.destroy(corrupt(`more than the ${this.#length} bytes announced`))
      return
    }
    if (this.push(chunk)) return
    this.#source.pause()
    this.#watch()
  }

  #onEnd(): void {
    if (this.#sent === this.#length) this.push(null)
    else this.destroy(short(this.#sent, this.#length))
  }

  #watch(): void {
    if (this.#stallTimeout === 0) return
    this.#timer = setTimeout(() => this.destroy(stalled(this.#stallTimeout)), this.#stallTimeout)
    this.#timer.unref()
  }
}

function short(sent: number, length: number): StorageError {
  return corrupt(`${sent} of the ${length} bytes announced`)
}

function corrupt(what: string): StorageError {
  return new StorageError('CORRUPT', `The storage delivered ${what}.`, {
    operation: 'get',
    hint: 'The connection to the client was cut, so that it cannot take what arrived for the whole.',
  })
}

function stalled(timeout: number): StorageError {
  return new StorageError('ABORTED', `The client took nothing for ${timeout} ms.`, {
    operation: 'get',
    hint: 'Raise stallTimeout if clients may be that slow; most ask for the rest again by themselves.',
  })
}

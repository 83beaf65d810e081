import { Readable } from 'node:stream'
import type { WholeSource } from '../../body/index.js'
import type { DiskHandle } from '../../disk/index.js'
import { diskError } from '../../disk/index.js'
import { StorageError } from '../../errors/index.js'
import { closeRead } from './confinement.js'

/** Bytes of one read call. Large enough for the disk, small enough to hold two of them per stream. */
const CHUNK = 512 * 1024

export interface BodyStreamOptions {
  readonly key: string
  /** First byte. */
  readonly start: number
  /** Bytes to deliver. Fewer are CORRUPT, never a short body. */
  readonly length: number
  readonly signal?: AbortSignal | undefined
  readonly onClose: () => void
}

/** The bytes of an open body. Owns the handle, and closes it on every path. */
export class BodyStream extends Readable implements WholeSource {
  readonly #handle: DiskHandle
  readonly #options: BodyStreamOptions
  readonly #onAbort: () => void
  #position: number
  #rest: number
  #reading: Promise<unknown> | undefined
  #closing: Promise<void> | undefined

  constructor(handle: DiskHandle, options: BodyStreamOptions) {
    super({ highWaterMark: CHUNK })
    this.#handle = handle
    this.#options = options
    this.#position = options.start
    this.#rest = options.length
    this.#onAbort = () => this.destroy(abortedRead(options))
    options.signal?.addEventListener('abort', this.#onAbort, { once: true })
  }

  /** All that is left, in one buffer. */
  async readWhole(): Promise<Uint8Array> {
    const buffer = Buffer.allocUnsafeSlow(this.#rest)
    try {
      for (let offset = 0; offset < buffer.byteLength; ) {
        if (this.destroyed) throw this.errored ?? abortedRead(this.#options)
        const reading = this.#handle.read(buffer, offset, buffer.byteLength - offset, this.#position + offset)
        this.#reading = reading.catch(() => {})
        const { bytesRead } = await reading
        if (bytesRead === 0) throw shrunk(this.#options)
        offset += bytesRead
      }
      return buffer
    } catch (error) {
      throw readError(error, this.#options)
    } finally {
      this.destroy()
      await this.#close()
    }
  }

  override _read(): void {
    if (this.#rest === 0) {
      this.push(null)
      return
    }
    const buffer = Buffer.allocUnsafeSlow(Math.min(this.#rest, CHUNK))
    const reading = this.#handle.read(buffer, 0, buffer.byteLength, this.#position)
    this.#reading = reading.then(
      ({ bytesRead }) => {
        this.#reading = undefined
        if (this.destroyed) return
        if (bytesRead === 0) {
          this.destroy(shrunk(this.#options))
          return
        }
        this.#position += bytesRead
        this.#rest -= bytesRead
        this.push(bytesRead === buffer.byteLength ? buffer : buffer.subarray(0, bytesRead))
        // Ends without another turn: a small blob is one read.
        if (this.#rest === 0) this.push(null)
      },
      (error) => {
        this.#reading = undefined
        this.destroy(readError(error, this.#options))
      },
    )
  }

  override _destroy(error: Error | null, callback: (error?: Error | null) => void): void {
    this.#options.signal?.removeEventListener('abort', this.#onAbort)
    this.#close().then(() => callback(error))
  }

  /** Closes the handle, once, when the read that is under way has let go of it. */
  #close(): Promise<void> {
    this.#closing ??= (async () => {
      await this.#reading
      this.#options.onClose()
      await closeRead(this.#handle)
    })()
    return this.#closing
  }
}

function readError(error: unknown, { key }: BodyStreamOptions): StorageError {
  return diskError(error, 'Reading the blob', { operation: 'get', driver: 'fs', key })
}

function shrunk({ key }: BodyStreamOptions): StorageError {
  return new StorageError('CORRUPT', 'The file became shorter while it was read.', {
    operation: 'get',
    driver: 'fs',
    key,
    hint: 'Another program truncated the file; blobs are replaced as a whole, never written in place.',
  })
}

function abortedRead({ key, signal }: BodyStreamOptions): StorageError {
  return new StorageError('ABORTED', 'The read was aborted.', {
    operation: 'get',
    driver: 'fs',
    key,
    cause: signal?.reason,
  })
}

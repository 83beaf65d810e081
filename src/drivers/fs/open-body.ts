import type { Readable } from 'node:stream'
import type { LazySource } from '../../body/index.js'
import { type Disk, type DiskHandle, diskError } from '../../disk/index.js'
import type { PulledSource } from '../../driver/index.js'
import { StorageError } from '../../errors/index.js'
import { BodyStream } from './body-stream.js'
import { closeSoon } from './confinement.js'

export interface OpenBodyOptions {
  readonly disk: Disk
  readonly key: string
  /** Bytes of the file. */
  readonly size: number
  /** First byte. */
  readonly start: number
  /** Bytes to deliver. Fewer are CORRUPT, never a short body. */
  readonly length: number
  readonly signal?: AbortSignal | undefined
  readonly onClose: () => void
}

/** The bytes of one version, and the handle that they are read through: owned by this, and closed on every path. */
export class OpenBody implements LazySource, PulledSource {
  readonly #handle: DiskHandle
  readonly #options: OpenBodyOptions
  readonly #onAbort: () => void
  #position: number
  #rest: number
  #reading: Promise<unknown> | undefined
  #stream: BodyStream | undefined
  #failure: StorageError | undefined
  #released: Promise<void> | undefined

  constructor(handle: DiskHandle, options: OpenBodyOptions) {
    this.#handle = handle
    this.#options = options
    this.#position = options.start
    this.#rest = options.length
    this.#onAbort = () => this.end(abortedRead(options))
    options.signal?.addEventListener('abort', this.#onAbort, { once: true })
  }

  /** Bytes that are still to be read. */
  get rest(): number {
    return this.#rest
  }

  stream(): Readable {
    this.#stream ??= new BodyStream(this)
    return this.#stream
  }

  async readWhole(): Promise<Uint8Array> {
    const buffer = Buffer.allocUnsafeSlow(this.#rest)
    try {
      for (let filled = 0; filled < buffer.byteLength; ) {
        filled += await this.readInto(filled === 0 ? buffer : buffer.subarray(filled))
      }
      return buffer
    } finally {
      await this.release()
    }
  }

  async readInto(buffer: Uint8Array): Promise<number> {
    if (this.#released) throw this.#failure ?? abortedRead(this.#options)
    if (this.#rest === 0) return 0
    const reading = this.#handle.read(buffer, 0, Math.min(buffer.byteLength, this.#rest), this.#position)
    this.#reading = reading
    let bytesRead: number
    try {
      bytesRead = (await reading).bytesRead
    } catch (error) {
      throw diskError(error, 'Reading the blob', { operation: 'get', driver: 'fs', key: this.#options.key })
    } finally {
      this.#reading = undefined
    }
    if (this.#failure) throw this.#failure
    if (bytesRead === 0) throw shrunk(this.#options)
    this.#position += bytesRead
    this.#rest -= bytesRead
    return bytesRead
  }

  /** Ends whatever reads it with this failure; settles once the handle is closed. */
  async end(failure: StorageError): Promise<void> {
    this.#failure ??= failure
    this.#stream?.destroy(failure)
    await this.release()
  }

  /** Closes the handle, once, when the read that is under way has let go of it. */
  release(): Promise<void> {
    this.#released ??= this.#release()
    return this.#released
  }

  async #release(): Promise<void> {
    const { disk, size, signal, onClose } = this.#options
    signal?.removeEventListener('abort', this.#onAbort)
    // Its failure is its reader's.
    await this.#reading?.catch(() => {})
    onClose()
    await closeSoon(disk, this.#handle, size)
  }
}

function shrunk({ key }: OpenBodyOptions): StorageError {
  return new StorageError('CORRUPT', 'The file became shorter while it was read.', {
    operation: 'get',
    driver: 'fs',
    key,
    hint: 'Another program truncated the file; blobs are replaced as a whole, never written in place.',
  })
}

function abortedRead({ key, signal }: OpenBodyOptions): StorageError {
  return new StorageError('ABORTED', 'The read was aborted.', {
    operation: 'get',
    driver: 'fs',
    key,
    cause: signal?.reason,
  })
}

import { Readable } from 'node:stream'
import type { PulledSource } from '../../driver/index.js'
import type { OpenBody } from './open-body.js'

/** Bytes of one read call. Large enough for the disk, small enough to hold two of them per stream. */
const CHUNK = 512 * 1024

/** The bytes of an open body as a stream, which owns it. */
export class BodyStream extends Readable implements PulledSource {
  readonly #body: OpenBody

  constructor(body: OpenBody) {
    super({ highWaterMark: CHUNK })
    this.#body = body
  }

  readInto(buffer: Uint8Array): Promise<number> {
    return this.#body.readInto(buffer)
  }

  override _read(): void {
    const buffer = Buffer.allocUnsafeSlow(Math.min(this.#body.rest, CHUNK))
    this.#body.readInto(buffer).then(
      (read) => {
        if (this.destroyed) return
        if (read > 0) this.push(read === buffer.byteLength ? buffer : buffer.subarray(0, read))
        // Ends without another turn: a small blob is one read.
        if (this.#body.rest === 0) this.push(null)
      },
      (error) => this.destroy(error),
    )
  }

  override _destroy(error: Error | null, callback: (error?: Error | null) => void): void {
    this.#body.release().then(() => callback(error))
  }
}

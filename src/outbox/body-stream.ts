import { Readable } from 'node:stream'
import type { DiskHandle } from '../disk/index.js'
import { StorageError } from '../errors/index.js'
import { outboxError } from './folder.js'

const CHUNK_BYTES = 256 * 1024

/** `length` bytes of an open file from `position`; closes the handle at the end. CORRUPT where the file is shorter. */
export function bodyStream(handle: DiskHandle, position: number, length: number, key: string): Readable {
  let at = position
  let left = length
  const readChunk = async (): Promise<Uint8Array | null> => {
    if (left === 0) return null
    const buffer = Buffer.allocUnsafe(Math.min(CHUNK_BYTES, left))
    const { bytesRead } = await handle.read(buffer, 0, buffer.byteLength, at)
    if (bytesRead === 0) {
      throw new StorageError('CORRUPT', 'A body in the outbox is shorter than its record says.', {
        operation: 'get',
        key,
      })
    }
    at += bytesRead
    left -= bytesRead
    return buffer.subarray(0, bytesRead)
  }
  return new Readable({
    highWaterMark: CHUNK_BYTES,
    read() {
      readChunk().then(
        (chunk) => this.push(chunk),
        (error) => this.destroy(outboxError(error, 'Reading from the outbox', { operation: 'get', key })),
      )
    },
    destroy(error, callback) {
      handle.close().then(
        () => callback(error),
        (failure) => callback(error ?? outboxError(failure, 'Closing a body of the outbox', { operation: 'get', key })),
      )
    },
  })
}

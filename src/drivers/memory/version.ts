import { createHash } from 'node:crypto'
import { Readable } from 'node:stream'
import type { BlobInfo, CheckedAttributes, Visibility } from '../../driver/index.js'
import { StorageError } from '../../errors/index.js'

/** One version of a blob: never changed once made, so that a reader of it is not disturbed by what comes after. */
export interface Version {
  readonly info: BlobInfo
  /** The driver's own bytes; what goes out is always a copy. */
  readonly bytes: Uint8Array
}

/** Bytes that go to a reader at a time. */
const CHUNK_BYTES = 64 * 1024

/** A version of `chunks`, with the etag that S3 gives to a blob put in one request: its MD5. */
export function makeVersion(
  key: string,
  bytes: Uint8Array,
  attributes: CheckedAttributes,
  publishedAt: number,
  writeToken: string | undefined,
): Version {
  const info: BlobInfo = {
    ...attributes,
    ...(writeToken === undefined ? {} : { writeToken }),
    key,
    size: bytes.byteLength,
    etag: createHash('md5').update(bytes).digest('hex'),
    sha256: createHash('sha256').update(bytes).digest('hex'),
    lastModified: new Date(publishedAt),
    visibility: attributes.visibility ?? 'private',
  }
  return { info, bytes }
}

/** The same bytes and attributes at another key. */
export function copyVersion(
  { bytes, info }: Version,
  key: string,
  publishedAt: number,
  writeToken: string | undefined,
): Version {
  const { writeToken: _, ...rest } = info
  const token = writeToken === undefined ? {} : { writeToken }
  return { bytes, info: { ...rest, ...token, key, lastModified: new Date(publishedAt) } }
}

/** The same version, readable by others. */
export function showVersion(version: Version, visibility: Visibility): Version {
  return { bytes: version.bytes, info: { ...version.info, visibility } }
}

/** What a caller may hold and change without touching the stored version. */
export function detach(info: BlobInfo): BlobInfo {
  return { ...info, lastModified: new Date(info.lastModified), metadata: { ...info.metadata } }
}

/** The bytes from `start` up to but not including `end` as a stream of copies, ended early by `signal` with ABORTED. */
export function readVersion(version: Version, start: number, end: number, signal: AbortSignal | undefined): Readable {
  let offset = start
  const stream = new Readable({
    read() {
      if (offset >= end) {
        this.push(null)
        return
      }
      const next = Math.min(end, offset + CHUNK_BYTES)
      this.push(Buffer.copyBytesFrom(version.bytes, offset, next - offset))
      offset = next
    },
    destroy(error, done) {
      signal?.removeEventListener('abort', abort)
      done(error)
    },
  })
  const abort = () => stream.destroy(aborted('get', version.info.key, signal))
  signal?.addEventListener('abort', abort, { once: true })
  return stream
}

/** The caller's own abort as an error. */
export function aborted(operation: string, key: string | undefined, signal: AbortSignal | undefined): StorageError {
  return new StorageError('ABORTED', `The ${operation} was aborted.`, {
    operation,
    driver: 'memory',
    key,
    outcome: 'unchanged',
    cause: signal?.reason,
  })
}

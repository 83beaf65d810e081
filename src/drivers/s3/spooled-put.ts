import { createHash, randomUUID } from 'node:crypto'
import { type FileHandle, open, unlink } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { setTimeout as sleep } from 'node:timers/promises'
import type { BlobInfo } from '../../driver/index.js'
import { isStorageError, StorageError } from '../../errors/index.js'
import { conditionalChange } from './conditional.js'
import type { Part } from './parts.js'
import { type PendingPut, tooLarge } from './pending-put.js'
import { MAX_SINGLE_REQUEST } from './settings.js'
import { putObject } from './single-put.js'
import type { Trace } from './trace.js'

/**
 * A conditional body of more than one part, for endpoints that judge conditions on PutObject only (Ceph): it is written
 * to a private temporary file and goes out as one request, repeated from the file. Up to 5 GiB.
 */
export async function spooledPut(put: PendingPut, first: Part, rest: AsyncIterable<Part>): Promise<BlobInfo> {
  const path = join(tmpdir(), `hybrid-store-${randomUUID()}`)
  const file = await openTemporary(put, path)
  try {
    const { size, sha256 } = await fill(put, file, first, rest)
    return await sendWhole(put, () => chunksOf(file, size), size, sha256)
  } finally {
    await file.close()
  }
}

/** A body of this size and hash that can be read again and again, in one request each time it is read. */
export function sendWhole(
  put: PendingPut,
  open: () => AsyncIterable<Uint8Array>,
  size: number,
  sha256: string,
): Promise<BlobInfo> {
  return conditionalChange(put, (trace) => sendAgain(put, open, size, sha256, trace))
}

/** Nobody else can open it, and with its name gone at once no crash leaves it behind (on Windows it is deleted on close). */
async function openTemporary(put: PendingPut, path: string): Promise<FileHandle> {
  try {
    const file = await open(path, 'wx+', 0o600)
    await unlink(path)
    return file
  } catch (cause) {
    throw spoolFailed(put, cause)
  }
}

async function fill(
  put: PendingPut,
  file: FileHandle,
  first: Part,
  rest: AsyncIterable<Part>,
): Promise<{ readonly size: number; readonly sha256: string }> {
  const hash = createHash('sha256')
  let size = 0
  async function append(part: Part): Promise<void> {
    if (size + part.bytes.byteLength > MAX_SINGLE_REQUEST) throw tooLarge(put.key, MAX_SINGLE_REQUEST)
    hash.update(part.bytes)
    let at = 0
    while (at < part.bytes.byteLength) {
      const { bytesWritten } = await file
        .write(part.bytes, at, part.bytes.byteLength - at, size + at)
        .catch((cause) => {
          throw spoolFailed(put, cause)
        })
      at += bytesWritten
    }
    size += at
    part.release()
  }
  await append(first)
  for await (const part of rest) await append(part)
  return { size, sha256: hash.digest('hex') }
}

/** The SDK never repeats a stream, which it could only send half; here each attempt begins anew. */
async function sendAgain(
  put: PendingPut,
  open: () => AsyncIterable<Uint8Array>,
  size: number,
  sha256: string,
  trace: Trace,
): Promise<BlobInfo> {
  const { maxAttempts, timeouts } = put.s3.settings
  for (let attempt = 1; ; attempt++) {
    const stalled = new AbortController()
    const watch = setTimeout(() => stalled.abort(), timeouts.response)
    // A failure after the request has ended has no other listener, and is told by the request.
    const body = Readable.from(watched(open(), watch), { objectMode: false }).on('error', () => {})
    try {
      return await putObject(put, body, size, trace, AbortSignal.any([put.signal, stalled.signal]), sha256)
    } catch (caught) {
      const error = stalled.signal.aborted && !put.signal.aborted ? stalledError(put, caught) : caught
      const again = isStorageError(error) && error.retryable && !put.signal.aborted && attempt < maxAttempts
      if (!again) throw error
      // An abort cuts the pause short, and the next attempt then says so.
      await sleep(100 * 2 ** attempt * Math.random(), undefined, { signal: put.signal }).catch(() => {})
    } finally {
      clearTimeout(watch)
      body.destroy()
    }
  }
}

const CHUNK = 256 * 1024

/** Each chunk that is taken is a sign of life. */
async function* watched(chunks: AsyncIterable<Uint8Array>, watch: NodeJS.Timeout): AsyncGenerator<Uint8Array> {
  for await (const chunk of chunks) {
    watch.refresh()
    yield chunk
  }
}

/** Not a read stream of the handle: that would close it, and with it the file that the next attempt needs. */
async function* chunksOf(file: FileHandle, size: number): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < size; ) {
    const { bytesRead, buffer } = await file.read(Buffer.allocUnsafe(Math.min(CHUNK, size - at)), 0, null, at)
    if (bytesRead === 0) throw new Error('The temporary file has become shorter.')
    yield buffer.subarray(0, bytesRead)
    at += bytesRead
  }
}

function stalledError({ key }: PendingPut, cause: unknown): StorageError {
  return new StorageError('TIMEOUT', 'S3 stopped taking the body.', {
    operation: 'put',
    driver: 's3',
    key,
    outcome: 'unknown',
    cause,
  })
}

function spoolFailed({ key }: PendingPut, cause: unknown): StorageError {
  const code = (cause as NodeJS.ErrnoException).code === 'ENOSPC' ? 'NO_SPACE' : 'UNAVAILABLE'
  return new StorageError(code, 'The temporary file for a conditional upload cannot be written.', {
    operation: 'put',
    driver: 's3',
    key,
    hint: 'Make room in the folder for temporary files, or name another one by TMPDIR.',
    outcome: 'unchanged',
    cause,
  })
}

import { createHash } from 'node:crypto'
import type { CompletedPart } from '@aws-sdk/client-s3'
import type { BlobInfo } from '../../driver/index.js'
import { isStorageError, StorageError } from '../../errors/index.js'
import { conditionalChange, findOwnWork } from './conditional.js'
import type { Connection } from './connection.js'
import { s3CodeOf } from './errors.js'
import type { Part } from './parts.js'
import { type PendingPut, tooLarge } from './pending-put.js'
import { MAX_PARTS } from './settings.js'
import type { Trace } from './trace.js'
import type { Uploads } from './uploads.js'

/**
 * A body in parts, `queueSize` of them under way at once. After a failure or an abort it settles once nothing is under
 * way any more and S3 has answered the abort of the upload.
 *
 * The Upload class of @aws-sdk/lib-storage is not used: when one part fails it goes on to read and send the rest of the
 * body, its `abort` rejects while parts are still going out and does not interrupt them, and a failed abort takes the
 * place of the failure that caused it, with the upload id lost.
 */
export async function multipartPut(
  uploads: Uploads,
  put: PendingPut,
  first: Part,
  rest: AsyncIterable<Part>,
  stop: () => void,
): Promise<BlobInfo> {
  const { s3, Key } = put
  await uploads.retryLeftOver()
  const algorithm = put.checksum ?? ((await s3.checksumsByDefault()) ? 'CRC32' : undefined)
  const uploadId = await createUpload(uploads, put, algorithm)
  let completing = false
  try {
    const parts = await sendParts(put, uploadId, algorithm, first, rest, stop)
    assertNotAborted(put)
    completing = true
    const info = await conditionalChange(put, (trace) => complete(put, uploadId, parts, trace))
    uploads.end(uploadId)
    return info
  } catch (error) {
    const outcomeUnknown = completing && isStorageError(error) && error.outcome === 'unknown'
    const ours = outcomeUnknown ? await findOwnWork(put) : undefined
    if (ours) {
      uploads.end(uploadId)
      return ours
    }
    await uploads.abort(Key, uploadId)
    // Until it was asked to complete, an upload changes nothing that anybody can see.
    throw isStorageError(error) && !completing ? error.with({ outcome: 'unchanged' }) : error
  }
}

function assertNotAborted({ key, signal }: PendingPut): void {
  if (!signal.aborted) return
  const facts = { operation: 'put', driver: 's3', key, outcome: 'unchanged', cause: signal.reason } as const
  throw new StorageError('ABORTED', 'The put was aborted.', facts)
}

async function createUpload(uploads: Uploads, put: PendingPut, algorithm: PendingPut['checksum']): Promise<string> {
  const { s3, key, Key, params } = put
  assertNotAborted(put)
  // Not under the signal: an upload whose id never arrives could not be aborted.
  const { UploadId } = await s3.send(
    'CreateMultipartUpload',
    {
      Bucket: s3.settings.bucket,
      Key,
      ...params,
      ...(algorithm === undefined ? {} : { ChecksumAlgorithm: algorithm }),
    },
    { operation: 'put', key },
  )
  if (UploadId === undefined)
    throw new StorageError('INTERNAL', 'S3 gave no upload id.', { operation: 'put', driver: 's3', key })
  uploads.begin(UploadId)
  return UploadId
}

async function sendParts(
  put: PendingPut,
  uploadId: string,
  algorithm: PendingPut['checksum'],
  first: Part,
  rest: AsyncIterable<Part>,
  stop: () => void,
): Promise<CompletedPart[]> {
  const { queueSize } = put.s3.settings
  const done: CompletedPart[] = []
  const running = new Set<Promise<void>>()
  let failure: { readonly error: unknown } | undefined

  function start(part: Part): void {
    const task = sendPart(put, uploadId, algorithm, part)
      .then((completed) => {
        done.push(completed)
        part.release()
      })
      .catch((error: unknown) => {
        failure ??= { error }
        // Stops the other parts, and the body wherever it is being read.
        stop()
      })
      .finally(() => running.delete(task))
    running.add(task)
  }

  try {
    start(first)
    for await (const part of rest) {
      while (running.size >= queueSize && !failure) await Promise.race(running)
      if (failure) break
      if (part.number > MAX_PARTS) throw tooLarge(put.key, MAX_PARTS * first.bytes.byteLength)
      start(part)
    }
  } catch (error) {
    // A body that failed because a part did is not the cause.
    failure ??= { error }
    stop()
  }
  await Promise.all(running)
  if (failure) throw failure.error
  return done.sort((a, b) => (a.PartNumber ?? 0) - (b.PartNumber ?? 0))
}

async function sendPart(
  { s3, key, Key, signal }: PendingPut,
  UploadId: string,
  algorithm: PendingPut['checksum'],
  part: Part,
): Promise<CompletedPart> {
  const { ETag, ChecksumCRC32, ChecksumCRC32C, ChecksumSHA1, ChecksumSHA256 } = await s3.send(
    'UploadPart',
    {
      Bucket: s3.settings.bucket,
      Key,
      UploadId,
      PartNumber: part.number,
      Body: part.bytes,
      ContentLength: part.bytes.byteLength,
      ...(algorithm === undefined ? {} : { ChecksumAlgorithm: algorithm }),
    },
    { operation: 'put', key, signal, bytes: part.bytes.byteLength },
  )
  const checksums = { ChecksumCRC32, ChecksumCRC32C, ChecksumSHA1, ChecksumSHA256 }
  const given = Object.entries(checksums).filter(([, value]) => value !== undefined)
  return { PartNumber: part.number, ETag, ...Object.fromEntries(given) }
}

/**
 * Publishes the parts. Once this request is out an abort cannot say any more what becomes of the key, so the signal
 * does not interrupt it.
 */
async function complete(put: PendingPut, UploadId: string, Parts: CompletedPart[], trace: Trace): Promise<BlobInfo> {
  const { s3, key } = put
  try {
    const etag = await completeUpload(s3, put.Key, UploadId, Parts, put.condition, { key, operation: 'put', trace })
    return put.published({ etag, date: trace.date })
  } catch (error) {
    // The upload is gone after an attempt whose answer was lost: that attempt has completed it, if the token says so.
    const gone = s3CodeOf(error) === 'NoSuchUpload' && trace.ambiguous
    if (gone && isStorageError(error)) throw error.with({ outcome: 'unknown' })
    throw error
  }
}

/** What CompleteMultipartUpload answers, with the etag that some servers (Ceph 16) leave out. */
export async function completeUpload(
  s3: Connection,
  Key: string,
  UploadId: string,
  Parts: CompletedPart[],
  condition: PendingPut['condition'],
  call: { readonly key: string; readonly operation: string; readonly trace: Trace },
): Promise<string | undefined> {
  const { ETag } = await s3.send(
    'CompleteMultipartUpload',
    { Bucket: s3.settings.bucket, Key, UploadId, MultipartUpload: { Parts }, ...condition },
    { ...call, change: true },
  )
  return ETag || etagOfParts(Parts)
}

/** How S3 makes the etag of an upload: the MD5 of the parts' MD5s, and how many they are. */
export function etagOfParts(parts: readonly CompletedPart[]): string | undefined {
  const hash = createHash('md5')
  for (const { ETag = '' } of parts) {
    const md5 = /^"?([0-9a-f]{32})"?$/.exec(ETag)?.[1]
    if (md5 === undefined) return undefined
    hash.update(md5, 'hex')
  }
  return `${hash.digest('hex')}-${parts.length}`
}

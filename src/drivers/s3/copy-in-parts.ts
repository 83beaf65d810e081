import { setMaxListeners } from 'node:events'
import type { CompletedPart } from '@aws-sdk/client-s3'
import type { CopyOptions } from '../../driver/index.js'
import { isStorageError, StorageError } from '../../errors/index.js'
import { encryptionParams } from './attributes.js'
import { completeUpload } from './complete-upload.js'
import type { Connection } from './connection.js'
import { type CopySource, copiedAttributes, sourceParams } from './copy-source.js'
import { partSizeFor } from './part-size.js'
import { objectKey } from './settings.js'
import type { Trace } from './trace.js'
import type { Uploads } from './uploads.js'

export interface CopyLimits {
  /** Bytes up to which one CopyObject does it. */
  readonly single: number
  /** Bytes of a part, more only where 10,000 of them would not do. */
  readonly part: number
}

const PART = 512 * 1024 ** 2

/** A copy beyond what CopyObject takes: S3 copies ranges of the source into the parts of an upload. */
export async function copyInParts(
  s3: Connection,
  uploads: Uploads,
  source: CopySource,
  to: string,
  { ifNoneMatch, signal }: CopyOptions,
  token: string,
  trace: Trace,
  limits: CopyLimits | undefined,
): Promise<{ etag: string | undefined; lastModified: Date | undefined }> {
  const Key = objectKey(s3.settings, to, 'copy')
  const uploadId = await createUpload(s3, uploads, source, to, token, signal)
  try {
    const parts = await copyParts(s3, source, to, uploadId, limits?.part ?? PART, signal)
    const condition = ifNoneMatch === undefined ? {} : { IfNoneMatch: ifNoneMatch }
    const etag = await completeUpload(s3, Key, uploadId, parts, condition, { key: to, operation: 'copy', trace })
    uploads.end(uploadId)
    return { etag, lastModified: trace.date }
  } catch (error) {
    await uploads.abort(Key, uploadId)
    throw error
  }
}

async function createUpload(
  s3: Connection,
  uploads: Uploads,
  source: CopySource,
  key: string,
  token: string,
  signal: AbortSignal | undefined,
): Promise<string> {
  const facts = { operation: 'copy', driver: 's3', key } as const
  if (signal?.aborted) throw new StorageError('ABORTED', 'The copy was aborted.', { ...facts, outcome: 'unchanged' })
  // Not under the signal: an upload whose id never arrives could not be aborted.
  const { UploadId } = await s3.send(
    'CreateMultipartUpload',
    {
      Bucket: s3.settings.bucket,
      Key: objectKey(s3.settings, key, 'copy'),
      ...copiedAttributes(source, token),
      ...encryptionParams(s3.settings.sse, await s3.isAws()),
      ...(source.visibility === 'public' ? { ACL: 'public-read' } : {}),
    },
    { operation: 'copy', key },
  )
  if (UploadId === undefined) throw new StorageError('INTERNAL', 'S3 gave no upload id.', facts)
  uploads.begin(UploadId)
  return UploadId
}

async function copyParts(
  s3: Connection,
  source: CopySource,
  to: string,
  UploadId: string,
  part: number,
  signal: AbortSignal | undefined,
): Promise<CompletedPart[]> {
  const { size } = source.info
  const partSize = partSizeFor(part, size)
  const count = Math.ceil(size / partSize)
  const done: CompletedPart[] = []
  const stop = new AbortController()
  const either = signal ? AbortSignal.any([signal, stop.signal]) : stop.signal
  setMaxListeners(0, either)
  let next = 0
  let failure: { readonly error: unknown } | undefined
  const worker = async () => {
    while (next < count && !failure) {
      const number = ++next
      const start = (number - 1) * partSize
      const end = Math.min(start + partSize, size) - 1
      try {
        const { CopyPartResult } = await s3.send(
          'UploadPartCopy',
          {
            Bucket: s3.settings.bucket,
            Key: objectKey(s3.settings, to, 'copy'),
            UploadId,
            PartNumber: number,
            CopySourceRange: `bytes=${start}-${end}`,
            ...sourceParams(s3, source),
          },
          { operation: 'copy', key: to, signal: either },
        )
        done.push({ PartNumber: number, ETag: CopyPartResult?.ETag })
      } catch (error) {
        failure ??= { error }
        stop.abort()
      }
    }
  }
  await Promise.all(Array.from({ length: s3.settings.queueSize }, worker))
  if (failure) throw isStorageError(failure.error) ? failure.error.with({ outcome: 'unchanged' }) : failure.error
  return done.sort((a, b) => (a.PartNumber ?? 0) - (b.PartNumber ?? 0))
}

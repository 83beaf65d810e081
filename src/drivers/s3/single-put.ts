import type { Readable } from 'node:stream'
import type { BlobInfo } from '../../driver/index.js'
import { conditionalChange } from './conditional.js'
import type { PendingPut } from './pending-put.js'
import type { Trace } from './trace.js'

/** One PutObject from memory: the SDK can repeat it with the same bytes. */
export async function singlePut(put: PendingPut, bytes: Uint8Array): Promise<BlobInfo> {
  return conditionalChange(put, (trace) => putObject(put, bytes, bytes.byteLength, trace, put.signal))
}

export async function putObject(
  put: PendingPut,
  Body: Uint8Array | Readable,
  size: number,
  trace: Trace,
  signal: AbortSignal,
  payloadSha256?: string | undefined,
): Promise<BlobInfo> {
  const { s3, key, Key, params, condition, checksum } = put
  const output = await s3.send(
    'PutObject',
    {
      Bucket: s3.settings.bucket,
      Key,
      Body,
      ContentLength: size,
      ...params,
      ...condition,
      ...(checksum === undefined ? {} : { ChecksumAlgorithm: checksum }),
    },
    { operation: 'put', key, signal, trace, change: true, bytes: size, payloadSha256 },
  )
  return put.published({ etag: output.ETag, date: trace.date })
}

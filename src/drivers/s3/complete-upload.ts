import { createHash } from 'node:crypto'
import type { CompletedPart } from '@aws-sdk/client-s3'
import type { Connection } from './connection.js'
import type { PutCondition } from './pending-put.js'
import type { Trace } from './trace.js'

/** What CompleteMultipartUpload answers, with the etag that some servers (Ceph 16) leave out. */
export async function completeUpload(
  s3: Connection,
  Key: string,
  UploadId: string | undefined,
  Parts: CompletedPart[],
  condition: PutCondition,
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

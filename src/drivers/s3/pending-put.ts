import type { BlobInfo } from '../../driver/index.js'
import { StorageError } from '../../errors/index.js'
import { quoteKey } from '../../keys/index.js'
import type { AttributeParams, EncryptionParams } from './attributes.js'
import type { Connection } from './connection.js'

/** One put, checked and ready to go out in whichever way its size and conditions call for. */
export interface PendingPut {
  readonly s3: Connection
  readonly key: string
  readonly Key: string
  readonly params: AttributeParams & EncryptionParams
  readonly checksum: 'CRC32' | 'CRC32C' | 'SHA1' | 'SHA256' | undefined
  /** Header values, as the endpoint takes them. Empty: unconditional. */
  readonly condition: PutCondition
  /** Recognises our own work where an answer was lost; undefined if the metadata had no room for it. */
  readonly token: string | undefined
  readonly signal: AbortSignal
  /** What the put resolves with. */
  published(answer: { readonly etag: string | undefined; readonly date: Date | undefined }): BlobInfo
}

export interface PutCondition {
  readonly IfMatch?: string
  readonly IfNoneMatch?: '*'
}

export function tooLarge(key: string, limit: number): StorageError {
  return new StorageError('TOO_LARGE', `The body of ${quoteKey(key)} is larger than the ${limit} bytes that fit.`, {
    operation: 'put',
    driver: 's3',
    key,
    hint: 'Declare the size of the stream, or raise partSize: an upload has at most 10,000 parts.',
    outcome: 'unchanged',
  })
}

import type { BlobInfo, Visibility } from '../../driver/index.js'
import { isStorageError } from '../../errors/index.js'
import type { DescribedObject } from './attributes.js'
import type { Connection } from './connection.js'
import { encodeKey } from './encode-key.js'
import { withToken } from './metadata.js'
import { describe } from './read.js'
import { objectKey } from './settings.js'
import { getVisibility } from './visibility.js'

/** A source as it was looked at: what is copied is this version or nothing. */
export interface CopySource {
  readonly key: string
  readonly Key: string
  readonly info: BlobInfo
  /** The attributes as S3 stores them. */
  readonly object: DescribedObject
  readonly visibility: Visibility
}

/** One look gives what CopyObject's answer lacks (size, attributes) and which version it is. */
export async function lookAtSource(
  s3: Connection,
  key: string,
  operation: string,
  signal: AbortSignal | undefined,
): Promise<CopySource> {
  const Key = objectKey(s3.settings, key, operation)
  const [{ info, object }, visibility] = await Promise.all([
    describe(s3, key, { signal }, operation),
    s3.settings.visibility ? visibilityOf(s3, key, signal) : ('private' as const),
  ])
  return { key, Key, info, object, visibility }
}

/**
 * The attributes that the copy is to have: those of the source, but for the token, which says whose write an object is.
 */
export function copiedAttributes({ object }: CopySource, token: string) {
  const { ContentType, CacheControl, ContentDisposition, ContentEncoding, ContentLanguage, Metadata } = object
  const attributes = { ContentType, CacheControl, ContentDisposition, ContentEncoding, ContentLanguage }
  const given = Object.fromEntries(Object.entries(attributes).filter(([, value]) => value !== undefined))
  return { ...given, Metadata: withToken(Metadata, token) }
}

/** Which object, and which version of it. */
export function sourceParams(s3: Connection, source: CopySource) {
  return {
    CopySource: `${s3.settings.bucket}/${encodeKey(source.Key)}`,
    CopySourceIfMatch: `"${source.info.etag}"`,
  }
}

/** S3 gives a copy no ACL of its source, so a public blob would silently become private. */
async function visibilityOf(s3: Connection, key: string, signal: AbortSignal | undefined): Promise<Visibility> {
  try {
    return await getVisibility(s3, key, { signal }, 'copy')
  } catch (error) {
    if (isStorageError(error, 'ABORTED')) throw error
    // Without ACLs, or the right to see them, nothing was made public by this driver; the rest the look itself reports.
    return 'private'
  }
}

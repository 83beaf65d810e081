import { type BlobInfo, bareEtag, type CopyOptions, checkWriteOptions } from '../../driver/index.js'
import { isStorageError, StorageError, type StorageErrorOptions } from '../../errors/index.js'
import { quoteKey } from '../../keys/index.js'
import { encryptionParams, newToken } from './attributes.js'
import type { Connection } from './connection.js'
import { type CopyLimits, copyInParts } from './copy-in-parts.js'
import { type CopySource, copiedAttributes, lookAtSource, sourceParams } from './copy-source.js'
import { deleteOne } from './delete.js'
import { s3CodeOf, statusOf } from './errors.js'
import { type FeatureProbe, unsupported } from './features.js'
import { head } from './read.js'
import { MAX_SINGLE_REQUEST, objectKey } from './settings.js'
import { Trace } from './trace.js'
import type { Uploads } from './uploads.js'

export interface CopyContext {
  readonly s3: Connection
  readonly probe: FeatureProbe
  readonly uploads: Uploads
  /** S3's limits unless a test says otherwise. */
  readonly copyLimits?: CopyLimits | undefined
}

/** Copies bytes and attributes without the bytes passing through here. Onto itself nothing changes. */
export async function copy(
  context: CopyContext,
  from: string,
  to: string,
  options: CopyOptions = {},
): Promise<BlobInfo> {
  const { s3 } = context
  checkWriteOptions(options, 'copy')
  objectKey(s3.settings, from, 'copy')
  objectKey(s3.settings, to, 'copy')
  if (from === to) return copyOntoItself(s3, from, options)
  await assertCanCopy(context, to, options)
  return copyFrom(context, await lookAtSource(s3, from, 'copy', options.signal), to, options)
}

/** Copies, then deletes the source as it was copied: a version that was put meanwhile stays. */
export async function move(
  context: CopyContext,
  from: string,
  to: string,
  options: CopyOptions = {},
): Promise<BlobInfo> {
  const { s3, probe } = context
  checkWriteOptions(options, 'move')
  objectKey(s3.settings, from, 'move')
  objectKey(s3.settings, to, 'move')
  if (from === to) return copyOntoItself(s3, from, options)
  await assertCanCopy(context, to, options)
  const { signal } = options
  const { conditionalDelete } = await probe.features(signal)
  const source = await lookAtSource(s3, from, 'move', signal)
  const info = await copyFrom(context, source, to, options)
  const { etag } = source.info
  try {
    if (conditionalDelete) {
      await deleteOne(s3, probe, from, { signal, ifMatch: etag })
    } else if (await isStill(s3, from, etag, signal)) {
      // Between the look and the delete is a gap that this endpoint gives no way to close.
      await deleteOne(s3, probe, from, { signal })
    }
  } catch (error) {
    // The destination is there, whatever became of the source.
    throw isStorageError(error) ? error.with({ outcome: 'unknown' }) : error
  }
  return info
}

async function isStill(s3: Connection, key: string, etag: string, signal: AbortSignal | undefined): Promise<boolean> {
  try {
    await head(s3, key, { ifMatch: etag, signal }, 'move')
    return true
  } catch (error) {
    // Deleted by somebody else: nothing is left to do.
    if (isStorageError(error, 'NOT_FOUND')) return false
    if (!isStorageError(error, 'PRECONDITION_FAILED')) throw error
    throw error.with({
      hint: 'The source was changed while it was being moved: it stays, beside the copy.',
      outcome: 'unknown',
    })
  }
}

async function copyOntoItself(s3: Connection, key: string, { ifNoneMatch, signal }: CopyOptions): Promise<BlobInfo> {
  const info = await head(s3, key, { signal }, 'copy')
  if (ifNoneMatch !== undefined) throw alreadyExists(key, { outcome: 'unchanged' })
  return info
}

async function assertCanCopy({ probe }: CopyContext, to: string, { ifNoneMatch, signal }: CopyOptions): Promise<void> {
  if (ifNoneMatch === undefined) return
  const { conditionalCopy, conditionalComplete } = await probe.features(signal)
  if (!conditionalCopy || !conditionalComplete) throw unsupported('copy', to, 'a copy with ifNoneMatch')
}

async function copyFrom(context: CopyContext, source: CopySource, to: string, options: CopyOptions): Promise<BlobInfo> {
  const { s3, uploads, copyLimits } = context
  const trace = new Trace()
  const token = options.writeToken ?? newToken()
  const small = source.info.size <= (copyLimits?.single ?? MAX_SINGLE_REQUEST)
  try {
    const done = small
      ? await copyWhole(s3, source, to, options, token, trace)
      : await copyInParts(s3, uploads, source, to, options, token, trace, copyLimits)
    const lastModified = new Date(Math.floor((done.lastModified ?? new Date()).getTime() / 1000) * 1000)
    const { writeToken: _, ...info } = source.info
    const kept = copiedAttributes(source, token).Metadata
    const own = Object.values(kept).includes(token) ? { writeToken: token } : {}
    return { ...info, ...own, key: to, etag: bareEtag(done.etag ?? ''), lastModified }
  } catch (error) {
    // The answer to a first attempt was lost, and the second met its work: by the token it is known.
    const ours = trace.ambiguous && !options.signal?.aborted ? await findCopy(s3, to, token) : undefined
    if (ours) return ours
    throw meaningOf(error, source.key, to, options, trace)
  }
}

async function findCopy(s3: Connection, key: string, token: string): Promise<BlobInfo | undefined> {
  try {
    const info = await head(s3, key, {}, 'copy')
    return info.writeToken === token ? info : undefined
  } catch {
    // It cannot be seen now, so it stays unknown; the caller gets the copy's own error.
    return undefined
  }
}

async function copyWhole(
  s3: Connection,
  source: CopySource,
  to: string,
  { ifNoneMatch, signal }: CopyOptions,
  token: string,
  trace: Trace,
) {
  const { CopyObjectResult: result } = await s3.send(
    'CopyObject',
    {
      Bucket: s3.settings.bucket,
      Key: objectKey(s3.settings, to, 'copy'),
      ...sourceParams(s3, source),
      MetadataDirective: 'REPLACE',
      ...copiedAttributes(source, token),
      ...encryptionParams(s3.settings.sse, await s3.isAws()),
      ...(source.visibility === 'public' ? { ACL: 'public-read' } : {}),
      ...(ifNoneMatch === undefined ? {} : { IfNoneMatch: ifNoneMatch }),
    },
    { operation: 'copy', key: to, signal, change: true, trace },
  )
  return { etag: result?.ETag, lastModified: result?.LastModified ?? trace.date }
}

function meaningOf(error: unknown, from: string, to: string, { ifNoneMatch }: CopyOptions, trace: Trace): unknown {
  if (!isStorageError(error)) return error
  const refused =
    statusOf(error) === 412 || (statusOf(error) === 409 && s3CodeOf(error) === 'ConditionalRequestConflict')
  if (refused && ifNoneMatch !== undefined) {
    // 412 is also the answer where the source changed; both ways the destination is untouched, unless an answer was lost.
    return alreadyExists(to, { outcome: trace.ambiguous ? 'unknown' : 'unchanged', cause: error })
  }
  if (error.code === 'NOT_FOUND') {
    const facts = { operation: 'copy', driver: 's3', key: from, outcome: 'unchanged', cause: error } as const
    return new StorageError('NOT_FOUND', `${quoteKey(from)} does not exist.`, facts)
  }
  return error
}

function alreadyExists(key: string, more: StorageErrorOptions): StorageError {
  const facts = { operation: 'copy', driver: 's3', key, status: 412, ...more }
  return new StorageError('ALREADY_EXISTS', `${quoteKey(key)} exists already.`, facts)
}

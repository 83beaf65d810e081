import { setMaxListeners } from 'node:events'
import { Intake } from '../../body/index.js'
import {
  type BlobBody,
  type BlobInfo,
  bareEtag,
  type CheckedAttributes,
  checkAttributes,
  checkWriteOptions,
  type PutOptions,
} from '../../driver/index.js'
import { StorageError } from '../../errors/index.js'
import { assertKey, quoteKey } from '../../keys/index.js'
import { attributeParams, encryptionParams, newToken } from './attributes.js'
import type { Connection } from './connection.js'
import type { FeatureProbe } from './features.js'
import { multipartPut } from './multipart.js'
import type { S3Features } from './options.js'
import { partSizeFor } from './part-size.js'
import { type Part, readParts } from './parts.js'
import { type PendingPut, type PutCondition, tooLarge } from './pending-put.js'
import { head } from './read.js'
import { MAX_OBJECT_SIZE, MAX_SINGLE_REQUEST, objectKey } from './settings.js'
import { singlePut } from './single-put.js'
import { sendWhole, spooledPut } from './spooled-put.js'
import type { Uploads } from './uploads.js'

export interface PutContext {
  readonly s3: Connection
  readonly probe: FeatureProbe
  readonly uploads: Uploads
}

/** Publishes a body: in one request up to partSize, in parts beyond. */
export async function put(
  context: PutContext,
  key: string,
  body: BlobBody,
  options: PutOptions = {},
): Promise<BlobInfo> {
  const { s3, probe, uploads } = context
  const { settings } = s3
  const stop = new AbortController()
  const { signal } = stop
  const onAbort = () => stop.abort(options.signal?.reason)
  if (options.signal?.aborted) onAbort()
  options.signal?.addEventListener('abort', onAbort, { once: true })
  const intake = takeIn(key, body, { ...options, signal })
  try {
    s3.assertOpen()
    const Key = objectKey(settings, key, 'put')
    checkWriteOptions(options, 'put')
    const attributes = checkAttributes(key, options)
    if (attributes.visibility === 'public' && !settings.visibility) throw noAcls(key)
    if (intake.size !== undefined && intake.size > MAX_OBJECT_SIZE) throw tooLarge(key, MAX_OBJECT_SIZE)
    const conditional = options.ifMatch !== undefined || options.ifNoneMatch !== undefined
    const features = conditional ? await probe.features(options.signal) : undefined
    const condition = features === undefined ? {} : await conditionOf(s3, key, options, features)
    const aws = await s3.isAws()
    const token = options.writeToken ?? newToken()
    const sha256 = options.sha256?.toLowerCase()
    const params = {
      ...attributeParams(attributes, { token, sha256 }, !aws),
      ...encryptionParams(settings.sse, aws),
    }
    const put: PendingPut = {
      s3,
      key,
      Key,
      params,
      checksum: options.checksum?.toUpperCase() as PendingPut['checksum'],
      condition,
      token: Object.values(params.Metadata).includes(token) ? token : undefined,
      signal,
      published: ({ etag, date }) => {
        return published(key, intake, attributes, { stored: params.Metadata, token, sha256 }, etag, date)
      },
    }
    await uploads.retryLeftOver()
    const oneRequest = features !== undefined && !features.conditionalComplete
    if (oneRequest && intake.replayable && sha256 && isOneRequest(intake.size, settings.partSize)) {
      return await sendWhole(put, () => intake.read(), intake.size, sha256)
    }
    const partSize = partSizeFor(settings.partSize, intake.size)
    if (intake.bytes && intake.bytes.byteLength <= partSize) return await singlePut(put, intake.take() as Uint8Array)
    // Every part under way listens to it.
    setMaxListeners(0, signal)
    const parts = readParts(intake.read(), { partSize, size: intake.size, buffers: settings.queueSize + 1 })
    return await send(context, put, parts, features, () => stop.abort())
  } finally {
    options.signal?.removeEventListener('abort', onAbort)
    intake.release()
  }
}

/** Whether it is more than goes out from memory, and not more than one request takes. */
function isOneRequest(size: number | undefined, partSize: number): size is number {
  return size !== undefined && size > partSize && size <= MAX_SINGLE_REQUEST
}

async function send(
  { uploads }: PutContext,
  put: PendingPut,
  parts: AsyncGenerator<Part, void>,
  features: S3Features | undefined,
  stop: () => void,
): Promise<BlobInfo> {
  try {
    const first = await parts.next()
    if (first.done) throw new StorageError('INTERNAL', 'A body had no parts.')
    if (first.value.last) return await singlePut(put, first.value.bytes)
    // Where completing an upload cannot be made conditional, one conditional request is the only way that is.
    if (features && !features.conditionalComplete) return await spooledPut(put, first.value, parts)
    return await multipartPut(uploads, put, first.value, parts, stop)
  } finally {
    await parts.return()
  }
}

function takeIn(key: string, body: BlobBody, options: PutOptions): Intake {
  try {
    return new Intake(body, { ...options, key })
  } catch (error) {
    assertKey(key, 'put')
    throw error
  }
}

async function conditionOf(
  s3: Connection,
  key: string,
  options: PutOptions,
  features: S3Features,
): Promise<PutCondition> {
  if (options.ifNoneMatch !== undefined) {
    if (!features.conditionalCreate) throw unsupported(key, 'ifNoneMatch')
    return { IfNoneMatch: '*' }
  }
  if (!features.conditionalUpdate) throw unsupported(key, 'ifMatch')
  let etag = bareEtag(options.ifMatch ?? '')
  if (etag === '*') etag = await currentEtag(s3, key, options.signal)
  if (etag.startsWith('W/') || !/^[\x21\x23-\x7e]+$/.test(etag)) throw changed(key)
  return { IfMatch: features.conditionalUpdate === 'quoted' ? `"${etag}"` : etag }
}

/** S3 knows no `If-Match: *` on a put: the etag of what is there stands in for it. */
async function currentEtag(s3: Connection, key: string, signal: AbortSignal | undefined): Promise<string> {
  try {
    return (await head(s3, key, { signal }, 'put')).etag
  } catch (error) {
    if (error instanceof StorageError && error.code === 'NOT_FOUND') throw changed(key)
    throw error
  }
}

function published(
  key: string,
  intake: Intake,
  attributes: CheckedAttributes,
  { stored, token, sha256 }: OwnFacts,
  etag: string | undefined,
  date: Date | undefined,
): BlobInfo {
  const { visibility: _, ...kept } = attributes
  // S3 does not say Last-Modified on a put; its Date is the same clock, to the second.
  const lastModified = new Date(Math.floor((date ?? new Date()).getTime() / 1000) * 1000)
  const info = { key, size: intake.digest.size, etag: bareEtag(etag ?? ''), lastModified, ...kept }
  // Either is left out where the metadata had no room for it.
  const own = Object.values(stored)
  return {
    ...info,
    ...(sha256 !== undefined && own.includes(sha256) ? { sha256 } : {}),
    ...(own.includes(token) ? { writeToken: token } : {}),
  }
}

/** What the driver adds to the metadata that it is given. */
interface OwnFacts {
  readonly stored: Readonly<Record<string, string>>
  readonly token: string
  readonly sha256: string | undefined
}

function unsupported(key: string, condition: string): StorageError {
  return new StorageError('NOT_SUPPORTED', `This S3 endpoint ignores ${condition} on a put of ${quoteKey(key)}.`, {
    operation: 'put',
    driver: 's3',
    key,
    outcome: 'unchanged',
  })
}

function changed(key: string): StorageError {
  return new StorageError('PRECONDITION_FAILED', `${quoteKey(key)} is not as ifMatch demands.`, {
    operation: 'put',
    driver: 's3',
    key,
    outcome: 'unchanged',
  })
}

function noAcls(key: string): StorageError {
  return new StorageError('NOT_SUPPORTED', 'This S3 driver is set to use no ACLs (visibility: false).', {
    operation: 'put',
    driver: 's3',
    key,
    outcome: 'unchanged',
  })
}

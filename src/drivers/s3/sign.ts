import type { S3Client } from '@aws-sdk/client-s3'
import type { SignedUpload, SignUploadOptions, SignUrlOptions } from '../../driver/index.js'
import { contentTypeOf } from '../../driver/index.js'
import { StorageError } from '../../errors/index.js'
import { ascii, encryptionParams } from './attributes.js'
import type { Connection } from './connection.js'
import { toStorageError } from './errors.js'
import { type FeatureProbe, unsupported } from './features.js'
import { loadPostPresigner, loadPresigner, loadSdk } from './sdk.js'
import { MAX_SINGLE_REQUEST, objectKey } from './settings.js'

const SEVEN_DAYS = 604_800

/** In a form's key, the name of the uploaded file. */
const FILE_NAME = `$\{filename}`

/** A presigned GET. */
export async function signUrl(s3: Connection, key: string, options: SignUrlOptions = {}): Promise<string> {
  const operation = 'signUrl'
  const Key = objectKey(s3.settings, key, operation)
  const { contentDisposition, contentType, signal } = options
  const lifetime = await lifetimeOf(s3, operation, options.expiresIn, signal)
  const [{ GetObjectCommand }, { getSignedUrl }] = await Promise.all([loadSdk(), loadPresigner()])
  const command = new GetObjectCommand({
    Bucket: s3.settings.bucket,
    Key,
    ...(contentDisposition === undefined
      ? {}
      : { ResponseContentDisposition: ascii('contentDisposition', contentDisposition) }),
    ...(contentType === undefined ? {} : { ResponseContentType: ascii('contentType', contentType) }),
  })
  return mapped(operation, key, async () => {
    return getSignedUrl((await s3.client()) as unknown as S3Client, command, { expiresIn: lifetime.seconds })
  })
}

/** A presigned PUT, or a form for POST. */
export async function signUpload(
  s3: Connection,
  probe: FeatureProbe,
  key: string,
  options: SignUploadOptions = {},
): Promise<SignedUpload> {
  const Key = objectKey(s3.settings, key, 'signUpload')
  checkUploadOptions(options)
  const lifetime = await lifetimeOf(s3, 'signUpload', options.expiresIn, options.signal)
  if (options.method === 'POST') return signPost(s3, key, Key, options, lifetime)
  if (options.ifNoneMatch !== undefined && !(await probe.features(options.signal)).conditionalCreate) {
    throw unsupported('signUpload', key, 'a put with ifNoneMatch')
  }
  return signPut(s3, key, Key, options, lifetime)
}

interface Lifetime {
  readonly seconds: number
  readonly expiresAt: Date
}

async function signPut(
  s3: Connection,
  key: string,
  Key: string,
  options: SignUploadOptions,
  lifetime: Lifetime,
): Promise<SignedUpload> {
  const { contentType = contentTypeOf(key), size, ifNoneMatch } = options
  const [{ PutObjectCommand }, { getSignedUrl }] = await Promise.all([loadSdk(), loadPresigner()])
  const encryption = encryptionParams(s3.settings.sse, await s3.isAws())
  const command = new PutObjectCommand({
    Bucket: s3.settings.bucket,
    Key,
    ContentType: ascii('contentType', contentType),
    ...(size === undefined ? {} : { ContentLength: size }),
    ...(ifNoneMatch === undefined ? {} : { IfNoneMatch: ifNoneMatch }),
    ...encryption,
  })
  // The SDK would bind the upload to the checksum of a body that it does not have.
  command.middlewareStack.add(withoutChecksum as never, {
    step: 'build',
    priority: 'low',
    name: 'hybridStoreNoChecksum',
  })
  const headers = {
    'content-type': contentType,
    ...(size === undefined ? {} : { 'content-length': String(size) }),
    ...(ifNoneMatch === undefined ? {} : { 'if-none-match': ifNoneMatch }),
    ...(encryption.ServerSideEncryption ? { 'x-amz-server-side-encryption': encryption.ServerSideEncryption } : {}),
    ...(encryption.SSEKMSKeyId ? { 'x-amz-server-side-encryption-aws-kms-key-id': encryption.SSEKMSKeyId } : {}),
  }
  const names = Object.keys(headers)
  const url = await mapped('signUpload', key, async () => {
    return getSignedUrl((await s3.client()) as unknown as S3Client, command, {
      expiresIn: lifetime.seconds,
      // Signed and sent as headers: in the query S3 would not hold the upload to them.
      signableHeaders: new Set(['host', ...names]),
      unhoistableHeaders: new Set(names),
    })
  })
  return { method: 'PUT', url, headers, expiresAt: lifetime.expiresAt }
}

interface BuildArgs {
  readonly request: { readonly headers: Record<string, string>; readonly query?: Record<string, unknown> }
}

const withoutChecksum = (next: (args: BuildArgs) => unknown) => async (args: BuildArgs) => {
  for (const bag of [args.request.headers, args.request.query ?? {}]) {
    for (const name of Object.keys(bag)) {
      if (/^x-amz-(sdk-)?checksum-/i.test(name)) delete bag[name]
    }
  }
  return next(args)
}

async function signPost(
  s3: Connection,
  key: string,
  Key: string,
  options: SignUploadOptions,
  lifetime: Lifetime,
): Promise<SignedUpload> {
  const { contentType = contentTypeOf(key), size, maxSize = size } = options
  // S3 puts the name of the uploaded file there, which the browser chooses.
  if (Key.includes(FILE_NAME)) throw invalid(`a key with ${FILE_NAME} cannot be bound by a form`)
  const { createPresignedPost } = await loadPostPresigner()
  const encryption = encryptionParams(s3.settings.sse, await s3.isAws())
  const Fields = {
    'Content-Type': ascii('contentType', contentType),
    ...(encryption.ServerSideEncryption ? { 'x-amz-server-side-encryption': encryption.ServerSideEncryption } : {}),
    ...(encryption.SSEKMSKeyId ? { 'x-amz-server-side-encryption-aws-kms-key-id': encryption.SSEKMSKeyId } : {}),
  }
  const { url, fields } = await mapped('signUpload', key, async () => {
    return createPresignedPost((await s3.client()) as unknown as S3Client, {
      Bucket: s3.settings.bucket,
      Key,
      Fields,
      Conditions: maxSize === undefined ? [] : [['content-length-range', size ?? 0, maxSize]],
      Expires: lifetime.seconds,
    })
  })
  return { method: 'POST', url, fields, expiresAt: lifetime.expiresAt }
}

/** A signature dies with the credentials it was made with, so it is not given out for longer. */
async function lifetimeOf(
  s3: Connection,
  operation: string,
  expiresIn = 3600,
  signal: AbortSignal | undefined,
): Promise<Lifetime> {
  if (!Number.isSafeInteger(expiresIn) || expiresIn < 1 || expiresIn > SEVEN_DAYS) {
    throw invalid(`expiresIn is ${String(expiresIn)}, not whole seconds from 1 to ${SEVEN_DAYS}`, operation)
  }
  if (signal?.aborted) throw toStorageError(signal.reason, { operation, signal })
  const { expiration } = await s3.credentials()
  const now = Date.now()
  const left = expiration === undefined ? expiresIn : Math.floor((expiration.getTime() - now) / 1000)
  if (left < 1) throw toStorageError({ name: 'ExpiredToken' }, { operation })
  const seconds = Math.min(expiresIn, left)
  return { seconds, expiresAt: new Date(now + seconds * 1000) }
}

function checkUploadOptions({ method = 'PUT', size, maxSize, ifNoneMatch }: SignUploadOptions): void {
  if (method !== 'PUT' && method !== 'POST') throw invalid('method is neither PUT nor POST')
  for (const [name, value] of Object.entries({ size, maxSize })) {
    if (value !== undefined && !(Number.isSafeInteger(value) && value >= 0))
      throw invalid(`${name} is no whole number from 0`)
  }
  if ((size ?? maxSize ?? 0) > MAX_SINGLE_REQUEST) throw invalid('S3 takes at most 5 GiB in one upload')
  if (ifNoneMatch !== undefined && ifNoneMatch !== '*') throw invalid("ifNoneMatch takes only '*'")
  if (method === 'PUT' && maxSize !== undefined)
    throw invalid('maxSize cannot be bound to a PUT; give its size, or use POST')
  if (method === 'POST' && ifNoneMatch !== undefined) throw invalid('ifNoneMatch cannot be bound to a POST; use PUT')
}

function invalid(problem: string, operation = 'signUpload'): StorageError {
  return new StorageError('INVALID_ARGUMENT', `${operation}: ${problem}.`, { operation, driver: 's3' })
}

async function mapped<T>(operation: string, key: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    throw toStorageError(error, { operation, key })
  }
}

import { Readable } from 'node:stream'
import { openReader } from '../../body/index.js'
import {
  type BlobInfo,
  type BlobReader,
  type ByteRange,
  bareEtag,
  checkRange,
  checkReadConditions,
  type GetOptions,
  type HeadOptions,
  type ReadConditions,
  type ResolvedRange,
} from '../../driver/index.js'
import { isStorageError, StorageError } from '../../errors/index.js'
import { quoteKey } from '../../keys/index.js'
import { type DescribedObject, infoOf } from './attributes.js'
import type { Connection } from './connection.js'
import { AnswerBody } from './direct/answer-body.js'
import { statusOf } from './errors.js'
import { GuardedBody } from './guarded-body.js'
import { type AnsweredBody, releaseBody } from './release-body.js'
import { objectKey } from './settings.js'

/** Opens one version for reading, in one request: range and conditions are S3's to judge. */
export async function get(s3: Connection, key: string, options: GetOptions = {}): Promise<BlobReader> {
  const Key = objectKey(s3.settings, key, 'get')
  const { range, signal } = options
  if (range !== undefined) {
    checkRange(range)
    // No range header says this. The head still finds a missing key and unmet conditions first.
    if ('suffix' in range && range.suffix === 0) {
      await head(s3, key, options)
      throw invalidRange(key)
    }
  }
  const output = await s3
    .send(
      'GetObject',
      { Bucket: s3.settings.bucket, Key, ...conditionParams(options), ...rangeParam(range) },
      { operation: 'get', key, signal },
    )
    .catch(async (error: unknown) => {
      // Conditions that S3 was not asked come before the range, too (RFC 9110 section 13.2.2).
      if (isStorageError(error, 'INVALID_RANGE') && !asksAll(options)) await head(s3, key, options)
      throw error
    })
  const source = (output.Body as AnsweredBody | undefined) ?? Readable.from([])
  try {
    const length = output.ContentLength
    if (length === undefined) throw noLength(key)
    const resolved = range === undefined ? undefined : answeredRange(key, range, output.ContentRange, length)
    const info = infoOf(key, resolved?.size ?? length, output)
    checkReadConditions(info, options, 'get')
    if (source instanceof AnswerBody) return openReader(info, source, resolved)
    const body = new GuardedBody(source, { key, expected: length, idle: s3.settings.timeouts.idle, signal })
    return openReader(info, s3.track(body), resolved)
  } catch (error) {
    await releaseBody(source)
    throw error
  }
}

/** What `get` would say, without the bytes. */
export async function head(
  s3: Connection,
  key: string,
  options: HeadOptions = {},
  operation = 'head',
): Promise<BlobInfo> {
  return (await describe(s3, key, options, operation)).info
}

/** The same, with the attributes as S3 stores them beside it. */
export async function describe(
  s3: Connection,
  key: string,
  options: HeadOptions,
  operation: string,
): Promise<{ readonly info: BlobInfo; readonly object: DescribedObject }> {
  const Key = objectKey(s3.settings, key, operation)
  const { bucket: Bucket } = s3.settings
  const call = { operation, key, signal: options.signal }
  try {
    const object = await s3.send('HeadObject', { Bucket, Key, ...conditionParams(options) }, call)
    const info = infoOf(key, object.ContentLength ?? 0, object)
    checkReadConditions(info, options, operation)
    return { info, object }
  } catch (error) {
    const status = statusOf(error)
    // An answer to HEAD has no body, hence no error code: 404 may be the bucket, 403 a wrong secret.
    const vague = status === 400 || status === 403 || (status === 404 && !s3.bucketSeenLately)
    if (vague && isStorageError(error) && error.code !== 'ABORTED') await s3.askWhy(Key, call)
    throw error
  }
}

/**
 * The conditions that S3 may judge alone. Of several, only those that RFC 9110 section 13.2.2 looks at first: servers
 * differ in how they combine them. The rest is judged on the answer.
 */
function conditionParams(conditions: ReadConditions) {
  const { ifMatch, ifNoneMatch, ifModifiedSince, ifUnmodifiedSince } = conditions
  if (ifMatch !== undefined) {
    const tag = singleTag(ifMatch)
    return tag === undefined || tag.startsWith('W/') ? {} : { IfMatch: `"${tag}"` }
  }
  if (ifUnmodifiedSince !== undefined) return { IfUnmodifiedSince: ifUnmodifiedSince }
  if (ifNoneMatch !== undefined) {
    const tag = singleTag(ifNoneMatch)?.replace(/^W\//, '')
    return tag === undefined ? {} : { IfNoneMatch: `"${tag}"` }
  }
  return ifModifiedSince === undefined ? {} : { IfModifiedSince: ifModifiedSince }
}

/** Whether S3 judges all of the conditions. */
function asksAll(conditions: ReadConditions): boolean {
  const { ifMatch, ifNoneMatch, ifModifiedSince, ifUnmodifiedSince } = conditions
  const given = [ifMatch, ifNoneMatch, ifModifiedSince, ifUnmodifiedSince].filter((one) => one !== undefined)
  return Object.keys(conditionParams(conditions)).length === given.length
}

function singleTag(condition: string | readonly string[]): string | undefined {
  const tags = typeof condition === 'string' ? [condition] : condition
  const [tag] = tags
  if (tags.length !== 1 || tag === undefined || tag === '*') return undefined
  const bare = bareEtag(tag)
  return /^[\x21\x23-\x7e]+$/.test(bare) ? bare : undefined
}

function rangeParam(range: ByteRange | undefined): { Range?: string } {
  if (range === undefined) return {}
  return { Range: 'suffix' in range ? `bytes=-${range.suffix}` : `bytes=${range.start}-${range.end ?? ''}` }
}

/** What Content-Range says (RFC 9110 section 14.4), compared with what was asked for. */
function answeredRange(key: string, range: ByteRange, header: string | undefined, length: number): ResolvedRange {
  const match = /^bytes (\d+)-(\d+)\/(\d+)$/.exec(header ?? '')
  if (!match) {
    if (length === 0) throw invalidRange(key)
    throw new StorageError('NOT_SUPPORTED', 'The endpoint ignored the range.', { operation: 'get', driver: 's3', key })
  }
  const [start = 0, end = 0, size = 0] = match.slice(1).map(Number)
  const asked = 'suffix' in range ? Math.max(0, size - range.suffix) : range.start
  if (start !== asked || end - start + 1 !== length || end >= size) {
    throw new StorageError('CORRUPT', `S3 answered with another range of ${quoteKey(key)} than was asked for.`, {
      operation: 'get',
      driver: 's3',
      key,
    })
  }
  return { start, end, size }
}

function noLength(key: string): StorageError {
  return new StorageError(
    'NOT_SUPPORTED',
    `The answer to ${quoteKey(key)} has no Content-Length, so a short body could not be told.`,
    {
      operation: 'get',
      driver: 's3',
      key,
      hint: 'Something between here and S3 rewrites its answers (compression, a caching proxy): take it out.',
    },
  )
}

function invalidRange(key: string): StorageError {
  return new StorageError('INVALID_RANGE', `${quoteKey(key)} is shorter than the range.`, {
    operation: 'get',
    driver: 's3',
    key,
  })
}

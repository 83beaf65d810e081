import type { Readable } from 'node:stream'
import { isPulled } from '../driver/index.js'
import { isStorageError, type StorageError } from '../errors/index.js'
import type { StoredBlob } from '../store/index.js'
import { accelerated } from './accel.js'
import type { BlobStore } from './blob-store.js'
import { byteranges } from './byteranges.js'
import { ifRange, readConditions } from './conditions.js'
import { formatTag, isWeak } from './entity-tag.js'
import { ExactBody, exactBytes } from './exact-body.js'
import { LentBody } from './lent-body.js'
import { checkField, field, type HttpRequest, type HttpResponse } from './message.js'
import { type OpenedBlob, openRequested } from './open.js'
import type { CacheFacts, DeliverOptions } from './options.js'
import { errorResponse, refusal, report } from './problem.js'
import { parseRange } from './range.js'
import { redirected } from './redirect.js'
import { fixedCacheControl, ownHeaders, presentation, repeatedHeaders, validators } from './representation.js'

/** Bytes up to which an answer is read whole before it begins: one read, one write, and an error is still a 5xx. */
const SMALL = 128 * 1024

const MAX_RANGES = 16
const STALL_TIMEOUT = 120_000

/**
 * Answers a GET or HEAD for a blob, to the letter of RFC 9110: conditions (section 13), ranges (section 14), one
 * request to the storage in nearly all cases. Never rejects for what the request or the storage does: errors are
 * answers, in problem details (RFC 9457) that name neither path nor driver.
 */
export async function deliver(
  store: BlobStore,
  request: HttpRequest,
  path: string,
  options: DeliverOptions = {},
): Promise<HttpResponse> {
  const { method } = request
  if (method !== 'GET' && method !== 'HEAD') return methodNotAllowed(request, options)
  const started = performance.now()
  try {
    const response = (await elsewhere(store, request, path, options)) ?? (await here(store, request, path, options))
    return options.serverTiming ? timed(response, performance.now() - started) : response
  } catch (error) {
    if (isStorageError(error, 'NOT_MODIFIED')) return notModified(store, request, path, options, error)
    if (isStorageError(error, 'INVALID_RANGE')) return rangeNotSatisfiable(store, request, path, options, error)
    return errorResponse(error, request, options)
  }
}

/** 405, or what OPTIONS asks: the methods that a blob's address knows (RFC 9110 sections 9.3.7 and 15.5.6). */
export function methodNotAllowed(request: HttpRequest, options: DeliverOptions, allow = 'GET, HEAD'): HttpResponse {
  if (request.method === 'OPTIONS') return { status: 204, headers: { allow } }
  const response = refusal(405, request, options)
  return { ...response, headers: { ...response.headers, allow } }
}

/** An answer that leaves the bytes to somebody else, where the options ask for that and the blob allows it. */
async function elsewhere(
  store: BlobStore,
  request: HttpRequest,
  path: string,
  options: DeliverOptions,
): Promise<HttpResponse | undefined> {
  const file = options.accel && (await accelerated(store, request, path, options))
  const answer = file ?? (options.redirect ? await redirected(store, request, path, options) : undefined)
  return answer && { ...answer, headers: checked(answer.headers) }
}

function here(store: BlobStore, request: HttpRequest, path: string, options: DeliverOptions): Promise<HttpResponse> {
  return request.method === 'HEAD' ? headOf(store, request, path, options) : bodyOf(store, request, path, options)
}

async function headOf(
  store: BlobStore,
  request: HttpRequest,
  path: string,
  options: DeliverOptions,
): Promise<HttpResponse> {
  // A HEAD has no ranges: RFC 9110 section 14.2 gives them to GET alone.
  const info = await store.head(path, { ...readConditions(request.headers), signal: request.signal })
  return { status: 200, headers: { ...headersOf(info, options), 'content-length': String(info.size) } }
}

async function bodyOf(
  store: BlobStore,
  request: HttpRequest,
  path: string,
  options: DeliverOptions,
): Promise<HttpResponse> {
  const { headers, signal } = request
  const range = field(headers, 'range')
  const opened = await openRequested(store, {
    path,
    conditions: readConditions(headers),
    ranges: range === undefined ? undefined : parseRange(range, options.maxRanges ?? MAX_RANGES),
    ifRange: ifRange(headers),
    signal,
  })
  try {
    return await answer(store, request, path, options, opened)
  } catch (error) {
    await opened.reader.cancel()
    throw error
  }
}

async function answer(
  store: BlobStore,
  request: HttpRequest,
  path: string,
  options: DeliverOptions,
  { reader, spans }: OpenedBlob,
): Promise<HttpResponse> {
  const { info, range } = reader
  const headers = headersOf(info, options)
  if (spans) {
    const contentType = headers['content-type'] as string
    const open = (span: { start: number; end: number }) => {
      return store.get(path, { range: span, ifMatch: info.etag, signal: request.signal })
    }
    const parts = byteranges({ contentType, size: info.size, spans, first: reader, open })
    const body = await begun(parts.body, parts.length, request, options)
    const length = { 'content-type': parts.contentType, 'content-length': String(parts.length) }
    return { status: 206, headers: { ...headers, ...length }, body }
  }
  const length = range ? range.end - range.start + 1 : info.size
  headers['content-length'] = String(length)
  if (range) headers['content-range'] = `bytes ${range.start}-${range.end}/${range.size}`
  const status = range ? 206 : 200
  if (length <= SMALL) return { status, headers, body: await exactBytes(reader, length) }
  return { status, headers, body: await begun(reader.body, length, request, options) }
}

function headersOf(info: StoredBlob, options: DeliverOptions): Record<string, string> {
  return checked(Object.assign(presentation(info, options), validators(info, options), ownHeaders(options)))
}

function checked<H extends HttpResponse['headers']>(headers: H): H {
  for (const name in headers) checkField(name, headers[name])
  return headers
}

/** The body once its first bytes are here; the failure of one that never begins is an answer and not a connection cut. */
async function begun(
  source: Readable,
  length: number,
  request: HttpRequest,
  options: DeliverOptions,
): Promise<Readable> {
  const announced = { length, stallTimeout: options.stallTimeout ?? STALL_TIMEOUT }
  const body = isPulled(source) ? new LentBody(source, announced) : new ExactBody(source, announced)
  await body.begun()
  body.on('error', (error) => {
    // Whatever else it is destroyed with is a server's way of saying that the client has gone.
    if (isStorageError(error) && error.code !== 'ABORTED') report({ request, error }, options)
  })
  return body
}

/**
 * A 304 says what the 200 would have said about the version, and no more than is needed: Last-Modified only where there is
 * no etag (RFC 9110 section 15.4.5).
 */
async function notModified(
  store: BlobStore,
  request: HttpRequest,
  path: string,
  options: DeliverOptions,
  error: StorageError,
): Promise<HttpResponse> {
  try {
    const implied = impliedByRequest(request, options, error)
    const {
      etag,
      'last-modified': modified = '',
      ...rest
    } = implied ?? validators(await current(store, request, path, error), options)
    const validator = etag === undefined ? { 'last-modified': modified } : { etag }
    return { status: 304, headers: checked({ ...rest, ...validator, ...repeatedHeaders(options) }) }
  } catch (failure) {
    return errorResponse(failure, request, options)
  }
}

/** S3 says nothing with a 304; but the one strong tag that was sent is then the tag of what is there. */
function impliedByRequest(
  request: HttpRequest,
  options: DeliverOptions,
  { current }: StorageError,
): Record<string, string> | undefined {
  const conditions = readConditions(request.headers)
  const [tag, ...others] = Array.isArray(conditions.ifNoneMatch) ? (conditions.ifNoneMatch as readonly string[]) : []
  const cacheControl = fixedCacheControl(options)
  if (current || tag === undefined || others.length > 0 || isWeak(tag) || cacheControl === undefined) return undefined
  return { etag: tag, 'cache-control': cacheControl, 'accept-ranges': 'bytes' }
}

async function rangeNotSatisfiable(
  store: BlobStore,
  request: HttpRequest,
  path: string,
  options: DeliverOptions,
  error: StorageError,
): Promise<HttpResponse> {
  try {
    // S3 judges a list of tags, or a second condition, only with what it delivers, and these come first.
    const { size, etag } = await store.head(path, { ...readConditions(request.headers), signal: request.signal })
    const response = errorResponse(error, request, options)
    const tag = formatTag(etag)
    const more = { 'content-range': `bytes */${size}`, 'accept-ranges': 'bytes', ...(tag && { etag: tag }) }
    return { ...response, headers: { ...response.headers, ...more } }
  } catch (failure) {
    if (isStorageError(failure, 'NOT_MODIFIED')) return notModified(store, request, path, options, failure)
    return errorResponse(failure, request, options)
  }
}

async function current(
  store: BlobStore,
  { signal }: HttpRequest,
  path: string,
  error: StorageError,
): Promise<CacheFacts> {
  return error.current ?? (await store.head(path, { signal }))
}

function timed(response: HttpResponse, ms: number): HttpResponse {
  return { ...response, headers: { ...response.headers, 'server-timing': `store;dur=${ms.toFixed(1)}` } }
}

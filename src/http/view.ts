import type { BlobReader } from '../driver/index.js'
import { isStorageError, type StorageError } from '../errors/index.js'
import type { StoredBlob } from '../store/index.js'
import type { BlobStore } from './blob-store.js'
import { readConditions } from './conditions.js'
import { isTextType, parseMediaType } from './content-type.js'
import { methodNotAllowed } from './deliver.js'
import { formatTag, isWeak } from './entity-tag.js'
import { exactBytes } from './exact-body.js'
import { jsonResponse } from './json.js'
import type { HttpRequest, HttpResponse } from './message.js'
import type { ErrorOptions } from './options.js'
import { errorResponse, refusal } from './problem.js'

const MAX_SIZE = 5 * 1024 * 1024

export interface ViewOptions extends ErrorOptions {
  /** Bytes that a blob may have at most, else 413 before any of it is read; 5 MiB by default. */
  readonly maxSize?: number | undefined
  /** Instead of the stored content type. */
  readonly contentType?: string | undefined
  /** Tells the path, too. Off by default: one out of a database may be an absolute path of the server. */
  readonly showPath?: boolean | undefined
}

/** A blob as JSON, for a front end that shows it in a page of its own. */
export interface BlobView {
  readonly path?: string | undefined
  readonly contentType: string
  /** Bytes of the blob. */
  readonly size: number
  /** `utf-8`: `content` is the text, without a byte order mark. `base64`: it is the bytes. */
  readonly encoding: 'utf-8' | 'base64'
  readonly content: string
}

/** Answers a GET or HEAD with a {@link BlobView}: text of a text type or an unknown one, else base64. */
export async function view(
  store: BlobStore,
  request: HttpRequest,
  path: string,
  options: ViewOptions = {},
): Promise<HttpResponse> {
  const { method, signal } = request
  if (method !== 'GET' && method !== 'HEAD') return methodNotAllowed(request, options)
  try {
    await using reader = await store.get(path, { ...readConditions(request.headers), signal })
    if (reader.info.size > (options.maxSize ?? MAX_SIZE)) return refusal(413, request, options)
    const answer = { method, cacheControl: 'private, no-cache', headers: weakTag(reader.info.etag) }
    return jsonResponse(await viewOf(reader, path, options), answer)
  } catch (error) {
    if (isStorageError(error, 'NOT_MODIFIED')) return notModified(store, request, path, options, error)
    return errorResponse(error, request, options)
  }
}

async function notModified(
  store: BlobStore,
  request: HttpRequest,
  path: string,
  options: ViewOptions,
  { current }: StorageError,
): Promise<HttpResponse> {
  try {
    const { etag } = current ?? (await store.head(path, { signal: request.signal }))
    return { status: 304, headers: { 'cache-control': 'private, no-cache', ...weakTag(etag) } }
  } catch (error) {
    return errorResponse(error, request, options)
  }
}

async function viewOf(
  reader: BlobReader<StoredBlob>,
  path: string,
  { contentType: given, showPath }: ViewOptions,
): Promise<BlobView> {
  const contentType = given ?? reader.info.contentType
  const facts = { ...(showPath ? { path } : {}), contentType, size: reader.info.size }
  const bytes = await exactBytes(reader, reader.info.size)
  const text = isText(contentType) ? decode(bytes) : undefined
  if (text !== undefined) return { ...facts, encoding: 'utf-8', content: text }
  return { ...facts, encoding: 'base64', content: Buffer.from(bytes).toString('base64') }
}

function isText(contentType: string): boolean {
  const essence = parseMediaType(contentType)?.essence
  if (essence === undefined || essence === 'application/octet-stream') return true
  return isTextType(essence)
}

function decode(bytes: Uint8Array): string | undefined {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes)
  } catch {
    // No UTF-8, hence no text that could be put into JSON as it is.
    return undefined
  }
}

/** The view is another representation than the blob, made of the same version: its tag says so by being weak. */
function weakTag(etag: string): { readonly etag?: string } {
  const tag = formatTag(etag)
  return tag === undefined ? {} : { etag: isWeak(tag) ? tag : `W/${tag}` }
}

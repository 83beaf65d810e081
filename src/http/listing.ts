import { StorageError } from '../errors/index.js'
import type { StoredEntry } from '../store/index.js'
import type { BlobStore } from './blob-store.js'
import { jsonResponse } from './json.js'
import type { HttpRequest, HttpResponse } from './message.js'
import type { ErrorOptions } from './options.js'
import { errorResponse } from './problem.js'

const MAX_LIMIT = 1000

/** One page of a list, as a front end gets it. */
export interface ListingPage {
  readonly items: readonly {
    readonly path: string
    /** Bytes. */
    readonly size: number
    readonly etag: string
    /** ISO 8601. */
    readonly lastModified: string
  }[]
  /** Pass it as `cursor` for the next page; missing on the last one. */
  readonly cursor?: string | undefined
}

export interface ListingOptions extends ErrorOptions {
  /** Leaves out a blob for which it answers false. */
  readonly filter?: ((path: string) => boolean | Promise<boolean>) | undefined
}

/** The prefix of a list request: empty or ending in a slash, so that `user1` never lists `user10/`. */
export function listPrefix(query: URLSearchParams): string {
  const prefix = query.get('prefix') ?? ''
  if (prefix === '' || prefix.endsWith('/')) return prefix
  throw new StorageError('INVALID_ARGUMENT', 'list: the prefix does not end in a slash.', {
    operation: 'list',
    hint: 'Ask for a whole folder, such as prefix=project_7/.',
  })
}

/** Answers `?prefix=&cursor=&limit=` with a {@link ListingPage} of at most 1000 items. */
export async function listing(
  store: BlobStore,
  request: HttpRequest,
  query: URLSearchParams,
  options: ListingOptions = {},
): Promise<HttpResponse> {
  try {
    const page = await store.listPage({
      prefix: listPrefix(query),
      cursor: query.get('cursor') ?? undefined,
      limit: limitOf(query),
      signal: request.signal,
    })
    const items = []
    for (const entry of page.entries) if (await isWanted(entry, options)) items.push(itemOf(entry))
    return jsonResponse({ items, cursor: page.cursor } satisfies ListingPage, { method: request.method })
  } catch (error) {
    return errorResponse(error, request, options)
  }
}

function limitOf(query: URLSearchParams): number {
  const text = query.get('limit')
  if (text === null) return MAX_LIMIT
  const limit = /^\d{1,9}$/.test(text) ? Number(text) : 0
  if (limit >= 1) return Math.min(limit, MAX_LIMIT)
  throw new StorageError('INVALID_ARGUMENT', 'list: limit is not a whole number from 1.', { operation: 'list' })
}

type Blob = Exclude<StoredEntry, { readonly type: 'prefix' }>

async function isWanted(entry: StoredEntry, { filter }: ListingOptions): Promise<boolean> {
  return entry.type === 'blob' && (filter === undefined || (await filter(entry.path)))
}

function itemOf(entry: StoredEntry): ListingPage['items'][number] {
  const { path, size, etag, lastModified } = entry as Blob
  return { path, size, etag, lastModified: lastModified.toISOString() }
}

import type { BlobReader, ByteRange, ReadConditions } from '../driver/index.js'
import { isStorageError } from '../errors/index.js'
import type { StoredBlob } from '../store/index.js'
import type { BlobStore } from './blob-store.js'
import type { IfRange } from './conditions.js'
import { isWeak } from './entity-tag.js'
import { seconds } from './http-date.js'
import { resolveRanges, type Span } from './range.js'

/** What a GET asks for, read from its header fields. */
export interface ReadRequest {
  readonly path: string
  readonly conditions: ReadConditions
  readonly ranges?: readonly ByteRange[] | undefined
  readonly ifRange?: IfRange | undefined
  readonly signal?: AbortSignal | undefined
}

type Reader = BlobReader<StoredBlob>

/** An open answer: the whole blob, or one part of it (`reader.range`), or several. */
export interface OpenedBlob {
  readonly reader: Reader
  /** With several parts: where they lie, in the order to send them. `reader` is open at the first. */
  readonly spans?: readonly Span[] | undefined
}

/**
 * Opens what a request asks for. Conditions and range go down to the storage, so that it is one request to it in nearly all
 * cases; a second one is made where If-Range does not hold, or stands beside a condition that comes before it, and
 * for each further part of several.
 */
export function openRequested(store: BlobStore, request: ReadRequest): Promise<OpenedBlob> {
  const { ranges, ifRange } = request
  if (ranges === undefined || ifRange === 'never') return openWhole(store, request)
  if (ifRange === undefined) return openRanges(store, request, ranges, request.conditions)
  const { ifMatch, ifUnmodifiedSince } = request.conditions
  const before = ifMatch !== undefined || ifUnmodifiedSince !== undefined
  return before ? lookFirst(store, request, ranges, ifRange) : assume(store, request, ranges, ifRange)
}

async function openWhole(store: BlobStore, { path, conditions, signal }: ReadRequest): Promise<OpenedBlob> {
  return { reader: await store.get(path, { ...conditions, signal }) }
}

/** Takes it that If-Range holds, as it does but when the blob was changed, and starts again where it does not. */
async function assume(
  store: BlobStore,
  request: ReadRequest,
  ranges: readonly ByteRange[],
  ifRange: Exclude<IfRange, 'never'>,
): Promise<OpenedBlob> {
  const guess = 'tag' in ifRange ? { ifMatch: ifRange.tag } : { ifUnmodifiedSince: ifRange.date }
  try {
    const opened = await openRanges(store, request, ranges, { ...request.conditions, ...guess })
    if (holds(ifRange, opened.reader.info)) return opened
    await opened.reader.cancel()
  } catch (error) {
    const fits = isStorageError(error, 'INVALID_RANGE') && (await stillHolds(store, request, ifRange))
    if (fits || !(isStorageError(error, 'PRECONDITION_FAILED') || isStorageError(error, 'INVALID_RANGE'))) throw error
  }
  return openWhole(store, request)
}

/** RFC 9110 section 13.2.2 judges these conditions before If-Range, and the store can be asked for one set only. */
async function lookFirst(
  store: BlobStore,
  request: ReadRequest,
  ranges: readonly ByteRange[],
  ifRange: Exclude<IfRange, 'never'>,
): Promise<OpenedBlob> {
  const { path, conditions, signal } = request
  const info = await store.head(path, { ...conditions, signal })
  if (!holds(ifRange, info)) return openWhole(store, request)
  return openRanges(store, request, ranges, sameVersion(info))
}

/** A weak etag fits no If-Match, its own version included. */
function sameVersion({ etag, lastModified }: StoredBlob): ReadConditions {
  return isWeak(etag) ? { ifUnmodifiedSince: lastModified } : { ifMatch: etag }
}

async function stillHolds(
  store: BlobStore,
  { path, signal }: ReadRequest,
  ifRange: Exclude<IfRange, 'never'>,
): Promise<boolean> {
  return holds(ifRange, await store.head(path, { signal }))
}

function holds(ifRange: Exclude<IfRange, 'never'>, info: StoredBlob): boolean {
  if ('tag' in ifRange) return ifRange.tag === `"${info.etag}"`
  // A date is a strong validator once the second it names is over (RFC 9110 section 8.8.2.2).
  const modified = seconds(info.lastModified)
  return seconds(ifRange.date) === modified && modified < seconds(new Date())
}

async function openRanges(
  store: BlobStore,
  { path, signal }: ReadRequest,
  ranges: readonly ByteRange[],
  conditions: ReadConditions,
): Promise<OpenedBlob> {
  const reader = await openFirst((range) => store.get(path, { ...conditions, range, signal }), ranges)
  if (ranges.length === 1) return { reader }
  const { info, range } = reader
  const spans = resolveRanges(ranges, info.size)
  const [first] = spans
  if (isWeak(info.etag)) {
    // Nothing would hold parts of one version together: the whole is sent.
    await reader.cancel()
    return { reader: await store.get(path, { ...conditions, signal }) }
  }
  const opened = first?.start === range?.start && first?.end === range?.end
  if (!opened) await reader.cancel()
  const firstPart = opened ? reader : await store.get(path, { ...sameVersion(info), range: first, signal })
  return spans.length > 1 ? { reader: firstPart, spans } : { reader: firstPart }
}

/** The first of the ranges that lies inside the blob. */
async function openFirst(open: (range: ByteRange) => Promise<Reader>, ranges: readonly ByteRange[]): Promise<Reader> {
  let failure: unknown
  for (const range of ranges) {
    try {
      return await open(range)
    } catch (error) {
      if (!isStorageError(error, 'INVALID_RANGE')) throw error
      failure = error
    }
  }
  throw failure
}

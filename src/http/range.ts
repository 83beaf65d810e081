import type { ByteRange } from '../driver/index.js'

/** A Range field that asks for more parts than this, empty ones aside, is ignored whatever the limit on parts is. */
const MAX_LOOKED_AT = 1000

/**
 * The ranges of a Range field (RFC 9110 section 14.1.2), in the order asked; undefined where the field is to be ignored:
 * another unit, not well-formed, one range that ends before it starts, or more than `maxRanges`, since many small
 * parts are the known way to make a server work for nothing (CVE-2011-3192 and its heirs).
 *
 * The package range-parser wants to know the size first, hence a request to the storage before the one that reads.
 */
export function parseRange(value: string, maxRanges: number): readonly ByteRange[] | undefined {
  const set = /^bytes=(.*)$/is.exec(value.trim())?.[1]
  if (set === undefined || set.length > 20 * MAX_LOOKED_AT) return undefined
  const ranges: ByteRange[] = []
  for (const part of set.split(',', MAX_LOOKED_AT)) {
    const spec = part.trim()
    // Empty elements of a list are to be skipped (RFC 9110 section 5.6.1.2).
    if (spec === '') continue
    const range = parseSpec(spec)
    if (range === undefined || ranges.length === maxRanges) return undefined
    ranges.push(range)
  }
  return ranges.length > 0 ? ranges : undefined
}

function parseSpec(spec: string): ByteRange | undefined {
  const [, first, last] = /^(\d*)-(\d*)$/.exec(spec) ?? []
  if (first === undefined || last === undefined || first + last === '') return undefined
  if (first === '') return { suffix: offset(last) }
  if (last === '') return { start: offset(first) }
  const [start, end] = [offset(first), offset(last)]
  return end < start ? undefined : { start, end }
}

/** Offsets beyond what a number holds lie behind the end of every blob. */
function offset(digits: string): number {
  return Math.min(Number(digits), Number.MAX_SAFE_INTEGER)
}

/** Bytes from `start` to `end`, both inclusive. */
export interface Span {
  readonly start: number
  readonly end: number
}

/**
 * The parts of a blob of `size` bytes that the ranges name, in the order asked; those behind its end are left out, and
 * those that overlap or touch are one (RFC 9110 section 15.3.7.2).
 */
export function resolveRanges(ranges: readonly ByteRange[], size: number): readonly Span[] {
  const spans: Span[] = []
  for (const range of ranges) {
    const span = resolveSpan(range, size)
    if (span) addSpan(spans, span)
  }
  return spans
}

function resolveSpan(range: ByteRange, size: number): Span | undefined {
  const start = 'suffix' in range ? Math.max(0, size - range.suffix) : range.start
  const end = 'suffix' in range ? size - 1 : Math.min(range.end ?? size - 1, size - 1)
  return start < size && start <= end ? { start, end } : undefined
}

/** Puts a span where the first one stands that it touches, together with all others that it touches. */
function addSpan(spans: Span[], added: Span): void {
  let joined = added
  let at = spans.length
  for (let i = spans.length - 1; i >= 0; i--) {
    const span = spans[i] as Span
    if (joined.start > span.end + 1 || span.start > joined.end + 1) continue
    joined = { start: Math.min(joined.start, span.start), end: Math.max(joined.end, span.end) }
    spans.splice(i, 1)
    at = i
    // The larger span may touch one that was passed already.
    i = spans.length
  }
  spans.splice(at, 0, joined)
}

import { parseDate, parseRanges, parseTagList } from './grammar.js'
import type { Facts } from './requests.js'

/** What RFC 9110 wants for an answer. `parts`: the bytes of each part, start and end inclusive, in the order asked. */
export interface Expected {
  readonly status: 200 | 206 | 304 | 412 | 416
  readonly parts?: readonly (readonly [start: number, end: number])[]
}

type Fields = Readonly<Record<string, string | undefined>>

/**
 * Section 13.2.2, step by step, for a blob that exists. Written from the RFC alone. `now` decides whether a date is a strong
 * validator (section 8.8.2.2). Where the RFC leaves a choice it is the library's: an invalid Range is ignored, parts that
 * overlap or touch are one, more than 16 are too many.
 */
export function expected(method: 'GET' | 'HEAD', fields: Fields, facts: Facts, now: Date): Expected {
  // Steps 1 and 2.
  if (fields['if-match'] !== undefined) {
    if (!matches(fields['if-match'], facts, strongly)) return { status: 412 }
  } else {
    const date = parseDate(fields['if-unmodified-since'])
    if (date !== undefined && facts.modified.getTime() > date.getTime()) return { status: 412 }
  }
  // Steps 3 and 4.
  if (fields['if-none-match'] !== undefined) {
    if (matches(fields['if-none-match'], facts, weakly)) return { status: 304 }
  } else {
    const date = parseDate(fields['if-modified-since'])
    if (date !== undefined && facts.modified.getTime() <= date.getTime()) return { status: 304 }
  }
  // Step 5, and section 14.2: Range means something to GET alone.
  const ranges = method === 'GET' ? parseRanges(fields.range) : undefined
  if (ranges === undefined || !rangeApplies(fields['if-range'], facts, now)) return { status: 200 }
  const spans = ranges.flatMap((range) => within(range, facts.size))
  return spans.length === 0 ? { status: 416 } : { status: 206, parts: joined(spans) }
}

type Compare = (asked: string, etag: string) => boolean

/** Section 8.8.3.2. The etag of the file is a strong one. */
const strongly: Compare = (asked, etag) => asked === etag
const weakly: Compare = (asked, etag) => asked.replace(/^W\//, '') === etag

function matches(value: string, { etag }: Facts, compare: Compare): boolean {
  const list = parseTagList(value)
  return list === '*' || list.some((asked) => compare(asked, etag))
}

/** Section 13.1.5. */
function rangeApplies(value: string | undefined, { etag, modified }: Facts, now: Date): boolean {
  if (value === undefined) return true
  const asked = value.trim()
  if (asked.startsWith('"') || asked.startsWith('W/')) return asked === etag
  const date = parseDate(asked)
  const strong = modified.getTime() + 1000 <= now.getTime()
  return date !== undefined && strong && date.getTime() === modified.getTime()
}

type Span = readonly [start: number, end: number]

/** Section 14.1.2: the bytes of a range that there are. */
function within({ first, last }: { readonly first?: number; readonly last?: number }, size: number): Span[] {
  const start = first ?? Math.max(0, size - (last ?? 0))
  const end = first === undefined || last === undefined ? size - 1 : Math.min(last, size - 1)
  return start <= end ? [[start, end]] : []
}

/** Section 15.3.7.2: those that overlap or touch are one, where the first of them stood. */
function joined(spans: readonly Span[]): Span[] {
  const groups: Span[] = []
  for (const span of spans) {
    const touching = groups.filter(([start, end]) => span[0] <= end + 1 && start <= span[1] + 1)
    const all = [...touching, span]
    const whole: Span = [Math.min(...all.map(([start]) => start)), Math.max(...all.map(([, end]) => end))]
    const at = touching[0] === undefined ? groups.length : groups.indexOf(touching[0])
    const rest = groups.filter((group) => !touching.includes(group))
    groups.splice(0, groups.length, ...rest.slice(0, at), whole, ...rest.slice(at))
  }
  return groups
}

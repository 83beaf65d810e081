/**
 * The grammars of RFC 9110 that conditional requests are made of, read a character or a token at a time, unlike the
 * library's own.
 */

/**
 * Sections 8.8.3 and 13.1.1: a list of entity tags, or the star alone. What is no tag counts for nothing, up to the next
 * comma: the RFC leaves open what to make of it.
 */
export function parseTagList(value: string): '*' | string[] {
  const text = value.replace(/^[ \t]+|[ \t]+$/g, '')
  if (text === '*') return '*'
  const tags: string[] = []
  for (let at = 0; at < text.length; at++) {
    while (text[at] === ' ' || text[at] === '\t') at++
    const end = endOfTag(text, at)
    if (end !== undefined) tags.push(text.slice(at, end))
    // A comma within a tag is none of the list.
    const comma = text.indexOf(',', end ?? at)
    at = comma < 0 ? text.length : comma
  }
  return tags
}

/** Where the tag that starts at `at` ends, if one does. */
function endOfTag(text: string, at: number): number | undefined {
  const open = text.startsWith('W/', at) ? at + 2 : at
  if (text[open] !== '"') return undefined
  const close = text.indexOf('"', open + 1)
  const valid = close > 0 && [...text.slice(open + 1, close)].every((char) => char > ' ' && char !== '\x7f')
  return valid ? close + 1 : undefined
}

export interface AskedRange {
  readonly first?: number
  readonly last?: number
}

/** Section 14.1.2; undefined where the field is not there or is to be ignored (section 14.2). */
export function parseRanges(value: string | undefined): AskedRange[] | undefined {
  const [unit = '', set, ...more] = value?.trim().split('=') ?? []
  if (unit.toLowerCase() !== 'bytes' || set === undefined || more.length > 0) return undefined
  const specs = set.split(',').map((spec) => spec.replace(/^[ \t]+|[ \t]+$/g, ''))
  const ranges = specs.filter((spec) => spec !== '').map(parseSpec)
  const valid = ranges.filter((range) => range !== undefined)
  return valid.length === ranges.length && valid.length > 0 && valid.length <= 16 ? valid : undefined
}

function parseSpec(spec: string): AskedRange | undefined {
  const at = spec.indexOf('-')
  const [first, last] = [spec.slice(0, at), spec.slice(at + 1)]
  const digits = (text: string) => [...text].every((char) => char >= '0' && char <= '9')
  if (at < 0 || !digits(first) || !digits(last) || first + last === '') return undefined
  if (first === '') return { last: Number(last) }
  if (last === '') return { first: Number(first) }
  return Number(last) < Number(first) ? undefined : { first: Number(first), last: Number(last) }
}

const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec']

/** Section 5.6.7: a date in one of three forms; undefined where there is none or no valid one, which is then ignored. */
export function parseDate(value: string | undefined): Date | undefined {
  const words = value?.trim().split(' ') ?? []
  if (words.length === 6 && /^[A-Z][a-z]{2},$/.test(words[0] ?? '') && words[5] === 'GMT') {
    const [, day, month, year, time] = words
    return dateOf(day, month, year, time)
  }
  if (words.length === 4 && /^[A-Z][a-z]{5,8},$/.test(words[0] ?? '') && words[3] === 'GMT') {
    const [day, month, year] = words[1]?.split('-') ?? []
    return dateOf(day, month, fullYear(year), words[2])
  }
  const rest = words.filter((word) => word !== '')
  if (rest.length === 5 && /^[A-Z][a-z]{2}$/.test(rest[0] ?? '')) {
    const [, month, day, time, year] = rest
    return dateOf(day, month, year, time)
  }
  return undefined
}

/** More than 50 years ahead would be the past. */
function fullYear(two: string | undefined): string {
  const near = 2000 + Number(two)
  return String(near > new Date().getUTCFullYear() + 50 ? near - 100 : near)
}

function dateOf(day = '', month = '', year = '', time = ''): Date | undefined {
  const [hour = 99, minute = 99, second = 99] = time.split(':').map(Number)
  const index = MONTHS.indexOf(month)
  if (index < 0 || !/^\d{1,2}$/.test(day) || !/^\d{4}$/.test(year) || !/^\d\d:\d\d:\d\d$/.test(time)) return undefined
  if (hour > 23 || minute > 59 || second > 60) return undefined
  const date = new Date(Date.UTC(Number(year), index, Number(day), hour, minute, second))
  return Number(day) >= 1 && date.getUTCMonth() === index ? date : undefined
}

import type { ReadConditions } from '../driver/index.js'
import { isWeak, parseTag, parseTags } from './entity-tag.js'
import { parseHttpDate } from './http-date.js'
import { field, type RequestHeaders } from './message.js'

/**
 * The conditions of a request as the store judges them, in the order of RFC 9110 section 13.2.2. A date that is none is
 * ignored (sections 13.1.3 and 13.1.4), and so is one beside the etags that stand above it.
 */
export function readConditions(headers: RequestHeaders): ReadConditions {
  const [match, noneMatch] = [field(headers, 'if-match'), field(headers, 'if-none-match')]
  const ifUnmodifiedSince = match === undefined ? dateField(headers, 'if-unmodified-since') : undefined
  const ifModifiedSince = noneMatch === undefined ? dateField(headers, 'if-modified-since') : undefined
  return {
    ...(match === undefined ? {} : { ifMatch: parseTags(match) }),
    ...(noneMatch === undefined ? {} : { ifNoneMatch: parseTags(noneMatch) }),
    ...(ifUnmodifiedSince && { ifUnmodifiedSince }),
    ...(ifModifiedSince && { ifModifiedSince }),
  }
}

/** What an If-Range field asks (RFC 9110 section 13.1.5). `never`: by what can match no version, so the whole is sent. */
export type IfRange = { readonly tag: string } | { readonly date: Date } | 'never'

/** The If-Range field of a request; undefined where there is none. */
export function ifRange(headers: RequestHeaders): IfRange | undefined {
  const value = field(headers, 'if-range')?.trim()
  if (value === undefined) return undefined
  const tag = parseTag(value)
  // Only strong comparison can promise that the parts fit together.
  if (tag !== undefined) return isWeak(tag) ? 'never' : { tag }
  const date = parseHttpDate(value)
  return date ? { date } : 'never'
}

function dateField(headers: RequestHeaders, name: string): Date | undefined {
  const value = field(headers, name)
  return value === undefined ? undefined : parseHttpDate(value.trim())
}

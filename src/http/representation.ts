import type { StoredBlob } from '../store/index.js'
import { BINARY, isPageCode, isSafeInline, parseMediaType, withCharset } from './content-type.js'
import { type Disposition, formatDisposition, readDisposition } from './disposition.js'
import { formatTag } from './entity-tag.js'
import { formatHttpDate } from './http-date.js'
import { fieldValue } from './message.js'
import type { CacheFacts, DeliverOptions } from './options.js'

/** Private, asked for again each time (a 304 costs little), and left as it is: a compressed 206 would be garbage. */
const CACHE_CONTROL = 'private, no-cache, no-transform'

/**
 * No script, nothing loaded from elsewhere, an origin of its own. Images, media and the styles that browsers put around them,
 * when a file is opened by itself, stay possible.
 */
const POLICY = "default-src 'none'; img-src 'self' data:; media-src 'self'; style-src 'unsafe-inline'; sandbox"

/** How the file is presented: its type and name, and what keeps it from harming the site. */
export function presentation(blob: StoredBlob, options: DeliverOptions): Record<string, string> {
  const type = parseMediaType(options.contentType ?? blob.contentType)
  const stored = readDisposition(blob.contentDisposition)
  const inline = type !== undefined && mayBeInline(type.essence, options)
  const wanted = options.disposition ?? stored.type ?? 'inline'
  const disposition: Disposition = inline ? wanted : 'attachment'
  const contentType = type === undefined || (!inline && isPageCode(type.essence)) ? BINARY : undefined
  const [encoding, language] = [fieldValue(blob.contentEncoding), fieldValue(blob.contentLanguage)]
  const policy = options.contentSecurityPolicy ?? POLICY
  return {
    'content-type': contentType ?? withCharset(type as NonNullable<typeof type>, options.charset ?? 'utf-8'),
    'content-disposition': formatDisposition(disposition, options.filename ?? stored.filename ?? lastPart(blob.key)),
    ...(encoding && { 'content-encoding': encoding }),
    ...(language && { 'content-language': language }),
    'x-content-type-options': 'nosniff',
    ...(policy === false ? {} : { 'content-security-policy': policy }),
  }
}

/** What caches and conditional requests go by: the fields that a 304 must repeat (RFC 9110 section 15.4.5). */
export function validators(facts: CacheFacts, options: DeliverOptions): Record<string, string> {
  const tag = formatTag(facts.etag)
  return {
    ...(tag && { etag: tag }),
    'last-modified': formatHttpDate(notAhead(facts.lastModified)),
    'cache-control': cacheControl(facts, options),
    'accept-ranges': 'bytes',
  }
}

/** The application's own fields of every answer with the blob, their names in lower case as all others are. */
export function ownHeaders({ headers }: DeliverOptions): Record<string, string> | undefined {
  if (headers === undefined) return undefined
  return Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]))
}

/** Of those, what a 304 must repeat (RFC 9110 section 15.4.5). */
export function repeatedHeaders(options: DeliverOptions): Record<string, string> {
  return Object.fromEntries(Object.entries(ownHeaders(options) ?? {}).filter(([name]) => REPEATED.has(name)))
}

const REPEATED: ReadonlySet<string> = new Set(['cache-control', 'content-location', 'expires', 'vary'])

/** Cache-Control where no more than the options is needed for it. */
export function fixedCacheControl({ cacheControl }: DeliverOptions): string | undefined {
  return typeof cacheControl === 'function' ? undefined : (cacheControl ?? CACHE_CONTROL)
}

function cacheControl(facts: CacheFacts, options: DeliverOptions): string {
  const { cacheControl } = options
  return typeof cacheControl === 'function' ? cacheControl(facts) : (fixedCacheControl(options) as string)
}

function mayBeInline(essence: string, { inlineTypes }: DeliverOptions): boolean {
  if (inlineTypes === undefined) return isSafeInline(essence)
  return typeof inlineTypes === 'function' ? inlineTypes(essence) : inlineTypes.includes(essence)
}

/** Last-Modified is never later than Date (RFC 9110 section 8.8.2.1): the storage's clock may be ahead of ours. */
function notAhead(date: Date): Date {
  return new Date(Math.min(date.getTime(), Date.now()))
}

function lastPart(key: string): string {
  return key.slice(key.lastIndexOf('/') + 1)
}

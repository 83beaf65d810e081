import { fieldValue } from './message.js'
import { remembered } from './remembered.js'

/** What is sent for bytes of which nothing is known. */
export const BINARY = 'application/octet-stream'

const TOKEN = "[!#$%&'*+.^_`|~0-9A-Za-z-]+"
const TYPE = new RegExp(
  `^(${TOKEN}/${TOKEN})(?:[ \\t]*;[ \\t]*${TOKEN}=(?:${TOKEN}|"[\\x20\\x21\\x23-\\x5b\\x5d-\\x7e]*"))*$`,
)

/** A Content-Type, understood. */
export interface MediaType {
  /** `type/subtype` in lower case. */
  readonly essence: string
  /** The whole value, parameters included. */
  readonly value: string
}

/** A stored content type, or undefined where it is none (RFC 9110 section 8.3.1) or one that browsers guess about. */
export const parseMediaType: (value: string) => MediaType | undefined = remembered(256, parse)

function parse(value: string): MediaType | undefined {
  const clean = fieldValue(value)
  const essence = clean && TYPE.exec(clean)?.[1]?.toLowerCase()
  // MIME Sniffing section 7: browsers look into the bytes of these.
  if (!clean || !essence || /^(unknown\/unknown|application\/unknown|\*\/\*)$/.test(essence)) return undefined
  return { essence, value: clean }
}

/** Types that a browser shows without running anything that the file brings along. */
const SAFE_INLINE: ReadonlySet<string> = new Set([
  'application/pdf',
  'application/json',
  'text/plain',
  'image/png',
  'image/jpeg',
  'image/gif',
  'image/webp',
  'image/avif',
  'image/apng',
  'image/bmp',
  'image/x-icon',
  'image/vnd.microsoft.icon',
  'image/tiff',
  'image/heic',
  'image/heif',
])

/** Whether a type may be shown inline: a safe list, audio and video. HTML, SVG, XML, scripts and the unknown are not. */
export function isSafeInline(essence: string): boolean {
  return SAFE_INLINE.has(essence) || /^(audio|video)\/[^/]+$/.test(essence)
}

/**
 * Types that harm a site by being fetched from it as a part of a page, which no Content-Disposition stops: scripts
 * (nosniff lets them run) and style sheets.
 */
export function isPageCode(essence: string): boolean {
  return essence === 'text/css' || /^(application|text)\/(x-)?(java|ecma|live|j)script([\d.]*)$/.test(essence)
}

/** Types whose bytes are text. */
export function isTextType(essence: string): boolean {
  return /^text\/|[/+](json|xml|yaml|x-yaml|javascript|ecmascript|x-javascript|csv|x-ndjson|toml|sql)$/.test(essence)
}

/** A text type without a charset gets `charset`: most browsers else take it for windows-1252. */
export function withCharset(type: MediaType, charset: string | false): string {
  if (charset === false || !type.essence.startsWith('text/') || /;[ \t]*charset=/i.test(type.value)) return type.value
  return `${type.value}; charset=${charset}`
}

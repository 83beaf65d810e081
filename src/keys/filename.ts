import { StorageError } from '../errors/index.js'

export interface FilenameOptions {
  /** Bytes of UTF-8 that the name may have; 255 by default and at most, what file systems take; 32 at least. */
  readonly maxBytes?: number | undefined
  /** The name where nothing is left of the one given; `file` by default. */
  readonly fallback?: string | undefined
}

/** The longest file name, in bytes of UTF-8, that every common file system takes. */
export const MAX_FILENAME_BYTES = 255

/** Invisible or direction-changing: controls, lone surrogates, line separators, bidi, zero-width, noncharacters. */
const INVISIBLE = /[\p{Cc}\p{Cs}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}\p{Noncharacter_Code_Point}\ufff9-\ufffb]/gu
const WINDOWS_FORBIDDEN = /[<>:"|?*]/g
const WINDOWS_RESERVED = /^(con|prn|aux|nul|conin\$|conout\$|(com|lpt)[0-9¹²³])$/i
/** `.tar.gz` and its like are one extension. */
const EXTENSION = /(\.tar)?\.[\p{L}\p{N}_~-]{1,20}$/iu

/**
 * A stranger's file name as one that is safe as a key's segment and as a file's name on every operating system, and
 * still readable: `résumé (1).pdf` stays as it is. Never throws on a name, never answers an empty one.
 *
 * Of a path only the last part counts (`..\..\etc/passwd` is `passwd`). Unicode is composed (NFC). Taken away are
 * control characters, lone surrogates, bidi controls such as U+202E, zero-width and other invisible characters, dots
 * and spaces at both ends (so no upload is a hidden file). `<>:"|?*` become `_`, names that Windows reserves (`CON`,
 * `nul.txt`, `COM¹`) get a `_` in front. A name that is too long is cut between characters; its extension stays.
 */
export function sanitizeFilename(name: string | null | undefined, options: FilenameOptions = {}): string {
  const { maxBytes = MAX_FILENAME_BYTES, fallback } = options
  checkMaxBytes(maxBytes)
  const clean = cleaned(name) || cleaned(fallback) || 'file'
  const cut = shorten(clean, maxBytes)
  if (!isReserved(cut)) return cut
  return `_${shorten(clean, maxBytes - 1)}`
}

/** Splits off the extension, dot included and empty where there is none; `.tar.gz` counts as one. */
export function splitExtension(name: string): readonly [stem: string, extension: string] {
  const at = name.search(EXTENSION)
  return at > 0 ? [name.slice(0, at), name.slice(at)] : [name, '']
}

/**
 * The name with `suffix` between stem and extension, the stem cut so that all of it has at most `maxBytes` bytes. An extension
 * that would leave nothing of the stem is none.
 */
export function withSuffix(name: string, suffix: string, maxBytes: number): string {
  const room = maxBytes - Buffer.byteLength(suffix)
  const [stem, extension] = splitExtension(name)
  const cut = cutToBytes(stem, room - Buffer.byteLength(extension))
  return cut === '' ? `${cutToBytes(name, room)}${suffix}` : `${cut}${suffix}${extension}`
}

export function checkMaxBytes(maxBytes: number): void {
  if (Number.isSafeInteger(maxBytes) && maxBytes >= 32 && maxBytes <= MAX_FILENAME_BYTES) return
  throw new StorageError('INVALID_ARGUMENT', `maxBytes is ${maxBytes}, not a whole number from 32 to 255.`)
}

function cleaned(name: string | null | undefined): string {
  const visible = String(name ?? '')
    .slice(-MAX_LOOKED_AT)
    .replace(INVISIBLE, '')
  for (const part of visible.split(/[\\/]/).reverse()) {
    const clean = cleanedPart(part)
    if (clean !== '') return clean
  }
  return ''
}

/** Far more than what is left of a name in the end. */
const MAX_LOOKED_AT = 16_384

function cleanedPart(part: string): string {
  // Composing takes quadratic time: a name of 200,000 accents would hold the process up for half a minute.
  const bounded = part.length <= 1600 ? part : `${part.slice(0, 1500)}${part.slice(-100)}`.replace(INVISIBLE, '')
  const composed = bounded
    .normalize('NFC')
    .replace(/\p{Zs}+/gu, ' ')
    .replace(WINDOWS_FORBIDDEN, '_')
  return trimDots(composed.replace(/^[. ]+/, ''))
}

function trimDots(part: string): string {
  let end = part.length
  while (end > 0 && (part[end - 1] === '.' || part[end - 1] === ' ')) end--
  return part.slice(0, end)
}

/** Windows looks at what stands before the first dot, without the spaces behind it. */
function isReserved(name: string): boolean {
  const dot = name.indexOf('.')
  return WINDOWS_RESERVED.test((dot < 0 ? name : name.slice(0, dot)).trimEnd())
}

function shorten(name: string, maxBytes: number): string {
  return Buffer.byteLength(name) <= maxBytes ? name : withSuffix(name, '', maxBytes)
}

const graphemes = new Intl.Segmenter('en', { granularity: 'grapheme' })

/** The start of `text` in at most `maxBytes` bytes, cut between graphemes, or between code points of one huge one. */
function cutToBytes(text: string, maxBytes: number): string {
  if (Buffer.byteLength(text) <= maxBytes) return text
  if (maxBytes <= 0) return ''
  const start = text.slice(0, maxBytes + 2)
  const byGrapheme = takeBytes(
    Array.from(graphemes.segment(start), ({ segment }) => segment),
    maxBytes,
  )
  return trimDots(byGrapheme || takeBytes(Array.from(start), maxBytes))
}

function takeBytes(pieces: readonly string[], maxBytes: number): string {
  let bytes = 0
  const end = pieces.findIndex((piece) => {
    bytes += Buffer.byteLength(piece)
    return bytes > maxBytes
  })
  return pieces.slice(0, end < 0 ? undefined : end).join('')
}

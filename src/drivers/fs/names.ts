import { looksInternal } from './internal-names.js'

/**
 * How a segment of a key becomes a file name. A plain segment is its own name. One that some operating system or the
 * driver itself would take for something else is percent-encoded, and one that no file system takes whole is split
 * over directories. The mapping is injective: see {@link segmentOf}, which is its exact inverse.
 */
export interface NameRules {
  /** Whether the disk takes names for equal that differ in case or normal form. */
  readonly folding: boolean
}

/** Bytes that a name may have before it is split; leaves room for a suffix within the 255 that file systems take. */
const MAX_NAME_BYTES = 250
const PIECE_BYTES = 240
/** Ends the name of a blob whose plain name is taken by a directory. */
export const CLASH_SUFFIX = '%'
/** Ends every directory that a long segment is split over, but for the last piece. */
const MORE_SUFFIX = '%+'
/** Ends the last piece of a long segment. */
const LAST_SUFFIX = '%-'

const FORBIDDEN = /[<>:"|?*]/
const RESERVED = /^(con|prn|aux|nul|com[0-9¹²³]|lpt[0-9¹²³]|conin\$|conout\$)\s*(\.|$)/i
const SUFFIX = /%[+-]?$/
const ESCAPED = /%[0-9A-F]{2}/
// By far the most names; saves the rules below for the few that need them.
const SIMPLE = /^[a-z0-9_][a-z0-9_-]*(\.[a-z0-9_-]+)*$/

/** The names, one below the other, that `segment` is stored under. */
export function namesOf(segment: string, rules: NameRules): readonly string[] {
  if (isPlain(segment, rules)) return [segment]
  if (Buffer.byteLength(segment) > MAX_NAME_BYTES) return split(escapeSegment(segment, rules, true))
  const escaped = escapeSegment(segment, rules, false)
  return Buffer.byteLength(escaped) > MAX_NAME_BYTES ? split(escapeSegment(segment, rules, true)) : [escaped]
}

/** The segment that is stored under `names`, or undefined where none is: {@link namesOf} is its inverse. */
export function segmentOf(names: readonly string[], rules: NameRules): string | undefined {
  const [first = ''] = names
  let segment: string | undefined = first
  if (names.length > 1) {
    const last = names.length - 1
    const joined = names.map((name, i) => name.slice(0, -(i === last ? LAST_SUFFIX : MORE_SUFFIX).length)).join('')
    segment = unescapeName(joined)
  } else if (!isPlain(first, rules)) {
    segment = unescapeName(first)
  }
  if (segment === undefined) return undefined
  const again = namesOf(segment, rules)
  return again.length === names.length && again.every((name, i) => name === names[i]) ? segment : undefined
}

/** Whether only another program can have given this name: the driver makes it for no key. */
export function isForeignName(name: string, rules: NameRules): boolean {
  return !SUFFIX.test(name) && segmentOf([name], rules) === undefined
}

/** Whether a directory of this name holds further pieces of a long segment. */
export function isPieceDirectory(name: string): boolean {
  return name.endsWith(MORE_SUFFIX)
}

/** Whether `segment` is its own name. */
function isPlain(segment: string, rules: NameRules): boolean {
  if (segment.length < 200 && SIMPLE.test(segment) && !RESERVED.test(segment)) return true
  return !needsEscape(segment, rules) && !isEscapedForm(segment, rules)
}

function needsEscape(segment: string, rules: NameRules): boolean {
  return (
    FORBIDDEN.test(segment) ||
    /[. ]$/.test(segment) ||
    RESERVED.test(segment) ||
    SUFFIX.test(segment) ||
    looksInternal(segment) ||
    Buffer.byteLength(segment) > MAX_NAME_BYTES ||
    (rules.folding && [...segment].some(foldsAway))
  )
}

/** Whether another segment is stored under this name, which must then make way. */
function isEscapedForm(name: string, rules: NameRules): boolean {
  if (!ESCAPED.test(name)) return false
  const segment = unescapeName(name)
  if (segment === undefined || segment === name || isPlain(segment, rules)) return false
  return escapeSegment(segment, rules, false) === name
}

function escapeSegment(segment: string, rules: NameRules, long: boolean): string {
  const guardFirst = RESERVED.test(segment) || looksInternal(segment)
  const characters = [...segment]
  const last = characters.length - 1
  return characters
    .map((character, i) => {
      const reserved =
        character === '%' ||
        FORBIDDEN.test(character) ||
        (i === 0 && guardFirst) ||
        (i === last && (character === '.' || character === ' ')) ||
        // No piece may start like an internal name.
        (long && /[.~]/.test(character.normalize('NFKC'))) ||
        (rules.folding && foldsAway(character))
      return reserved ? escapeCharacter(character) : character
    })
    .join('')
}

/** Whether a folding disk may show this character as another one, or join it with its neighbour. */
function foldsAway(character: string): boolean {
  if (/^[a-z0-9_.() -]$/.test(character)) return false
  return (
    character.toLowerCase() !== character ||
    character.toUpperCase().toLowerCase() !== character ||
    character.normalize('NFKC') !== character ||
    character.normalize('NFD') !== character ||
    /[\p{M}\p{Cf}]/u.test(character)
  )
}

function escapeCharacter(character: string): string {
  return [...Buffer.from(character)].map((byte) => `%${byte.toString(16).toUpperCase().padStart(2, '0')}`).join('')
}

function unescapeName(name: string): string | undefined {
  try {
    // A `%` that escapes nothing stands for itself here; whoever asks compares with the escaped form again.
    return decodeURIComponent(name.replace(/%(?![0-9A-F]{2})/g, '%25'))
  } catch {
    return undefined
  }
}

/** Cuts an escaped segment into pieces, between characters and never inside an escape. */
function split(escaped: string): readonly string[] {
  const pieces: string[] = []
  let piece = ''
  for (const unit of escaped.match(/(?:%[0-9A-F]{2})+|[^%]/gu) ?? []) {
    for (const part of unit.startsWith('%') ? (unit.match(/%../g) ?? []) : [unit]) {
      if (Buffer.byteLength(piece) + Buffer.byteLength(part) > PIECE_BYTES) {
        pieces.push(`${piece}${MORE_SUFFIX}`)
        piece = ''
      }
      piece += part
    }
  }
  pieces.push(`${piece}${LAST_SUFFIX}`)
  return pieces
}

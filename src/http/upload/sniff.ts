import { BINARY, isTextType, parseMediaType } from '../content-type.js'
import { familyOf } from './media-families.js'
import { notTaken } from './refusals.js'

/**
 * What becomes of a file whose bytes are not of the type that its sender declared. `correct`: it is stored with the type
 * of its bytes, or with application/octet-stream where they are of no type that is known. `refuse`: 415. `off`: what was
 * declared is believed.
 */
export type SniffPolicy = 'correct' | 'refuse' | 'off'

/** Bytes that are looked at, which is what file-type asks for. */
export const SNIFFED_BYTES = 4100

export interface Declared {
  /** Whatever the client said. */
  readonly contentType: string | undefined
  /** What the name suggests, where the client said nothing. */
  readonly suggested: string
}

/**
 * The type to store a file with. Only the first bytes are looked at, and they prove no more than that the file may be
 * what it says: bytes that are a picture and a page at once exist. What a browser does with the file is settled when it is delivered.
 */
export async function settleType(
  { contentType, suggested }: Declared,
  head: Uint8Array,
  policy: SniffPolicy,
): Promise<string> {
  const declared = parseMediaType(contentType ?? suggested) ?? { essence: BINARY, value: BINARY }
  if (policy === 'off' || head.byteLength === 0) return declared.value
  const { found, known } = await lookAt(head)
  if (declared.essence === BINARY) return found ?? BINARY
  if (fits(declared.essence, head, found, known)) return declared.value
  if (policy === 'correct') return found ?? BINARY
  throw notTaken(
    `it is declared as ${declared.essence}, and its bytes are ${found ?? 'not of that type'}`,
    'See sniff.',
  )
}

/**
 * What file-type would unpack, to tell archives that are packed whole from other files, which have one type all the same
 * (RFC 1952 section 2.3.1). It passes over byte order marks in front.
 */
const GZIP = /^(?:\xef\xbb\xbf)*\x1f\x8b\x08/

interface Sight {
  readonly found: string | undefined
  /** Types that would have been found. */
  readonly known: ReadonlySet<string>
}

async function lookAt(head: Uint8Array): Promise<Sight> {
  // Loaded with the first file: whoever only delivers never needs it.
  const { fileTypeFromBuffer, supportedMimeTypes } = await import('file-type')
  if (GZIP.test(Buffer.from(head).toString('latin1'))) return { found: 'application/gzip', known: supportedMimeTypes }
  const found = await fileTypeFromBuffer(head)
  return { found: found?.mime.split(';')[0], known: supportedMimeTypes }
}

function fits(declared: string, head: Uint8Array, found: string | undefined, known: ReadonlySet<string>): boolean {
  if (found !== undefined && familyOf(found) === familyOf(declared)) return true
  // Texts have no mark of their own, and some begin like something else: "BMW sold ..." like a bitmap.
  if (isTextType(declared)) return isText(head)
  const family = familyOf(declared)
  const recognisable = family !== declared || known.has(declared)
  // What is packed in a container need not show, and an older table of a document may be a text.
  if (recognisable && found === undefined) return family === 'compound' || family === 'mpeg' ? isText(head) : false
  if (recognisable) return false
  // Of a type that nobody knows the bytes cannot prove anything; but a film is no picture.
  const [media = ''] = declared.split('/')
  return found === undefined || !/^(image|audio|video|font)$/.test(media) || found.startsWith(`${media}/`)
}

/** No byte that no text has (MIME Sniffing section 3, binary data byte), or a mark of UTF-16 in front. */
function isText(head: Uint8Array): boolean {
  const [first, second] = head
  if ((first === 0xff && second === 0xfe) || (first === 0xfe && second === 0xff)) return true
  return !head.some((byte) => byte < 0x09 || byte === 0x0b || (byte > 0x0d && byte < 0x20 && byte !== 0x1b))
}

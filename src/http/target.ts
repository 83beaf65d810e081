import { StorageError } from '../errors/index.js'

/** The part of a request's target behind the mount, read once: `/content/a%20b?x=1`. */
export interface Target {
  /** Decoded segments of the path; the first stands behind the first slash. */
  readonly segments: readonly string[]
  readonly query: URLSearchParams
}

/**
 * Splits a raw target and decodes each segment once. Raw, since a framework's own decoding differs: Express 4, Express
 * 5 and Fastify each hand a wildcard over in their own way.
 *
 * INVALID_KEY where it is not percent-encoded UTF-8 or holds a control character. NOT_FOUND where it is another spelling of an address than
 * {@link blobHref} writes: an encoded slash or backslash, a letter, digit, `-`, `.`, `_` or `~` that needs no encoding, one
 * that needs it and has none, hex digits in lower case, a fragment. A rule of the application on
 * `/documents/content/secret/*` is one on the raw address, and must not be dodged by `secre%74`. Only what RFC 3986 section
 * 2.2 reserves (`:`, `@`, `(`, ...) may stand either way, since proxies and other makers of links differ there.
 */
export function parseTarget(raw: string): Target {
  const [path = '', query = ''] = splitOnce(raw, '?')
  const segments = path.replace(/^\//, '').split('/').map(decodeSegment)
  return { segments, query: new URLSearchParams(query) }
}

/** The link to a path below a mount: `blobHref('/documents/content', 'project_7/a b.pdf')`. */
export function blobHref(base: string, path: string): string {
  return `${base.replace(/\/+$/, '')}/${path.split('/').map(encodeURIComponent).join('/')}`
}

function splitOnce(text: string, separator: string): [string, string?] {
  const at = text.indexOf(separator)
  return at < 0 ? [text] : [text.slice(0, at), text.slice(at + 1)]
}

/** Slash, backslash and what needs no encoding (RFC 3986 section 2.3). */
const NEEDLESS = /%(2f|5c|2d|2e|5f|7e|3[0-9]|[46][1-9a-f]|[57][0-9a])/i

/** A segment of an address as RFC 3986 section 3.3 has it, brackets aside, which browsers leave as they are. */
const SEGMENT = /^(?:[\w.~!$&'()*+,;=:@[\]-]|%[0-9A-F]{2})*$/

function decodeSegment(segment: string): string {
  const broken = /%(?![0-9a-f]{2})/i.test(segment)
  if (!broken && (NEEDLESS.test(segment) || !SEGMENT.test(segment))) {
    throw new StorageError('NOT_FOUND', 'The address is encoded otherwise than it is written here.', {
      operation: 'http',
      hint: 'Build links with blobHref.',
    })
  }
  const decoded = decodeUtf8(segment)
  if (!/[\0-\x1f\x7f-\x9f]/.test(decoded)) return decoded
  throw new StorageError('INVALID_KEY', 'The address holds a control character.', { operation: 'http' })
}

function decodeUtf8(segment: string): string {
  try {
    return decodeURIComponent(segment)
  } catch (cause) {
    throw new StorageError('INVALID_KEY', 'The address is not percent-encoded UTF-8.', { operation: 'http', cause })
  }
}

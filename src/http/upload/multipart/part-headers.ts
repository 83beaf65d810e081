import { malformed } from '../refusals.js'

/** The header fields of a part that mean something (RFC 7578 section 4.8); others are ignored. */
export interface PartHeaders {
  readonly contentDisposition: string
  readonly contentType?: string | undefined
}

/**
 * Optional whitespace in front of the colon is refused, as in HTTP: readers differ about whose name it is then. The one behind
 * it is trimmed off later: with a place of its own here, a line full of it would be tried in quadratic time.
 */
const FIELD = /^([!#$%&'*+.^_`|~\w-]+):([^\r\n]*)$/

/**
 * Reads the header block of a part, of which line breaks at both ends are taken off. Folded lines are joined. Names and file
 * names are UTF-8 (RFC 7578 section 5.1). Refuses what cannot be read, rather than pass over a part: a file that
 * is silently left out would look stored.
 */
export function parsePartHeaders(block: Buffer, maxFields: number): PartHeaders {
  const text = block.toString('utf8').replace(/\r\n[ \t]+/g, ' ')
  const lines = text === '' ? [] : text.split('\r\n')
  if (lines.length > maxFields) throw malformed(`a part has more than ${maxFields} header fields`)
  const fields = new Map<string, string>()
  for (const line of lines) {
    const [, name, value] = FIELD.exec(line) ?? []
    if (name === undefined || value === undefined) throw malformed('a header field of a part cannot be read')
    const lower = name.toLowerCase()
    if (fields.has(lower) && lower.startsWith('content-')) throw malformed(`a part has ${lower} twice`)
    fields.set(lower, value.trim())
  }
  const encoding = fields.get('content-transfer-encoding')?.toLowerCase() ?? 'binary'
  // RFC 7578 section 4.7 has done away with the others, and what is sent in one would be stored in it.
  if (!/^(7bit|8bit|binary)$/.test(encoding)) throw malformed(`a part is sent as ${JSON.stringify(encoding)}`)
  const contentDisposition = fields.get('content-disposition')
  if (contentDisposition === undefined) throw malformed('a part has no Content-Disposition')
  return { contentDisposition, contentType: fields.get('content-type') }
}

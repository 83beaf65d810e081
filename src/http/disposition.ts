import { create, parse } from 'content-disposition'
import { sanitizeFilename } from '../keys/index.js'
import { remembered } from './remembered.js'

/** Whether a browser shows a file or saves it (RFC 6266 section 4.2). */
export type Disposition = 'inline' | 'attachment'

/**
 * A Content-Disposition with the name under which the file is saved: `filename` for everybody, `filename*` (RFC 8187)
 * where the name is not ASCII. The name is made safe first, since content-disposition keeps paths and reserved names.
 */
export function formatDisposition(type: Disposition, filename: string): string {
  return type === 'inline' ? inlineAs(filename) : attachmentAs(filename)
}

const inlineAs = remembered(1024, (filename) => format('inline', filename))
const attachmentAs = remembered(1024, (filename) => format('attachment', filename))

function format(type: Disposition, filename: string): string {
  const name = sanitizeFilename(filename, { fallback: 'download' })
  return create(name, { type, fallback: asciiName(name) })
}

/** What was stored as Content-Disposition: its type and name, as far as they can be understood. */
export function readDisposition(stored: string | undefined): {
  readonly type?: Disposition | undefined
  readonly filename?: string | undefined
} {
  if (stored === undefined) return {}
  try {
    const { type, parameters } = parse(stored)
    return { type: type === 'attachment' ? 'attachment' : undefined, filename: parameters.filename || undefined }
  } catch {
    // Somebody stored what is no disposition: the file is delivered all the same, under the name of its key.
    return {}
  }
}

/**
 * The name for clients that know no `filename*`: without accents where that is possible, `_` for the rest. The package's
 * own has `?`, which Windows takes in no name, and which curl -OJ would write.
 */
function asciiName(name: string): string {
  return name
    .normalize('NFKD')
    .replace(/\p{M}/gu, '')
    .replace(/ß/g, 'ss')
    .replace(/[^\x20-\x7e]+/gu, '_')
    .replace(/%(?=[0-9a-f]{2})/gi, '_')
}

import { extname } from 'node:path'
import { lookup } from 'mime-types'
import { StorageError } from '../errors/index.js'
import type { BlobAttributes, Visibility } from './blob.js'

/** Attributes as a driver stores them: checked, names in lower case, the content type settled. */
export interface CheckedAttributes {
  readonly contentType: string
  readonly cacheControl?: string
  readonly contentDisposition?: string
  readonly contentEncoding?: string
  readonly contentLanguage?: string
  readonly metadata: Readonly<Record<string, string>>
  readonly visibility?: Visibility
}

/** S3's limit on user metadata, names and values together, in bytes of UTF-8. */
export const MAX_METADATA_BYTES = 2048

const CONTROL = /[\u0000-\u001f\u007f]/
const TOKEN = /^[!#$%&'*+.^_`|~0-9a-z-]+$/i
const headers = ['cacheControl', 'contentDisposition', 'contentEncoding', 'contentLanguage'] as const

/** The MIME type that the key's extension suggests, without a charset, else `application/octet-stream`. */
export function contentTypeOf(key: string): string {
  // The bare word `html` is a name without an extension, which lookup would take for one.
  return lookup(extname(key.slice(key.lastIndexOf('/') + 1))) || 'application/octet-stream'
}

/** Checks what the caller says about a blob. INVALID_ARGUMENT names the attribute that is wrong. */
export function checkAttributes(key: string, attributes: BlobAttributes): CheckedAttributes {
  const checked: Record<string, unknown> = {
    contentType: headerValue('contentType', attributes.contentType || contentTypeOf(key)),
    metadata: checkMetadata(attributes.metadata ?? {}),
  }
  for (const name of headers) {
    const value = attributes[name]
    if (value !== undefined && value !== '') checked[name] = headerValue(name, value)
  }
  const { visibility } = attributes
  if (visibility !== undefined) {
    if (visibility !== 'private' && visibility !== 'public') throw invalid('visibility is neither private nor public')
    checked.visibility = visibility
  }
  return checked as unknown as CheckedAttributes
}

function headerValue(name: string, value: unknown): string {
  if (typeof value !== 'string') throw invalid(`${name} is of type ${typeof value}, not a string`)
  if (CONTROL.test(value) || !value.isWellFormed()) {
    throw invalid(`${name} holds a control character or a lone surrogate, which no header can carry`)
  }
  return value
}

function checkMetadata(metadata: Readonly<Record<string, string>>): Readonly<Record<string, string>> {
  const checked: Record<string, string> = Object.create(null)
  let bytes = 0
  for (const [name, value] of Object.entries(metadata)) {
    const lower = name.toLowerCase()
    if (!TOKEN.test(name)) {
      throw invalid(`the metadata name ${JSON.stringify(name)} is no token (letters, digits and !#$%&'*+-.^_\`|~)`)
    }
    // As a property it names an object's prototype: it would be lost on the way through somebody's plain object.
    if (lower === '__proto__') throw invalid('the metadata name "__proto__" cannot be kept')
    if (lower in checked) throw invalid(`the metadata name ${JSON.stringify(lower)} is given twice, in different case`)
    checked[lower] = headerValue(`the metadata ${JSON.stringify(name)}`, value)
    bytes += Buffer.byteLength(lower) + Buffer.byteLength(value)
  }
  if (bytes > MAX_METADATA_BYTES) {
    throw invalid(`the metadata has ${bytes} bytes, more than ${MAX_METADATA_BYTES}`)
  }
  return { ...checked }
}

function invalid(problem: string): StorageError {
  return new StorageError('INVALID_ARGUMENT', `The attributes are refused: ${problem}.`, { outcome: 'unchanged' })
}

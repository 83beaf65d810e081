import { StorageError } from '../../errors/index.js'

/** Names of the driver's own metadata. They are taken off on reading, and refused from callers. */
const TOKEN = 'hybrid-store-token'
const SHA256 = 'hybrid-store-sha256'
const NAMES = 'hybrid-store-names'
const reserved = new Set([TOKEN, SHA256, NAMES])

/** S3's limit on all metadata of an object, the driver's own included, in bytes. */
const LIMIT = 2048

const MARK = "utf-8''"
const PLAIN = /^[\x21-\x7e](?:[\x20-\x7e]*[\x21-\x7e])?$/

export interface OwnMetadata {
  /** Marks one change, so that its own work is recognised when the answer was lost. */
  readonly token?: string | undefined
  readonly sha256?: string | undefined
}

export interface DecodedMetadata extends OwnMetadata {
  readonly metadata: Readonly<Record<string, string>>
}

/**
 * Metadata as header values, which are ASCII. Plain ASCII stays readable for every other tool; the rest is written as
 * RFC 8187 section 3.2 does (`utf-8''r%C3%A9sum%C3%A9`), and so are empty values and blanks at the ends, which headers
 * lose. What the driver adds of its own is left out where the 2 KiB that S3 allows have no room for it.
 */
export function encodeMetadata(
  metadata: Readonly<Record<string, string>>,
  own: OwnMetadata,
  dashesNames: boolean,
): Record<string, string> {
  const encoded: Record<string, string> = {}
  let bytes = 0
  const add = (name: string, value: string) => {
    encoded[name] = value
    bytes += Buffer.byteLength(name) + value.length
  }
  for (const [name, value] of Object.entries(metadata)) {
    if (reserved.has(name)) throw invalid(`the metadata name "${name}" is the driver's own`)
    add(name, encodeValue(value))
  }
  if (bytes > LIMIT) {
    throw invalid(
      `the metadata has ${bytes} bytes as S3 stores it (non-ASCII characters percent-encoded), more than ${LIMIT}`,
    )
  }
  if (dashesNames && new Set(Object.keys(metadata).map(dashed)).size < Object.keys(metadata).length) {
    throw invalid('two metadata names differ only in "_" and "-", which servers other than AWS may take for one')
  }
  const addIfRoom = (name: string, value: string | undefined) => {
    if (value !== undefined && bytes + name.length + value.length <= LIMIT) add(name, value)
  }
  // Ceph turns `_` in names into `-`. The true names travel along, so that they come back as they were given.
  const underscored = dashesNames ? Object.keys(metadata).filter((name) => name.includes('_')) : []
  if (underscored.length > 0) addIfRoom(NAMES, underscored.join(','))
  addIfRoom(TOKEN, own.token)
  addIfRoom(SHA256, own.sha256)
  return encoded
}

/** What a reader is to see. Values that other tools wrote come back as they are. */
export function decodeMetadata(raw: Readonly<Record<string, string>> | undefined): DecodedMetadata {
  const names = new Map((raw?.[NAMES] ?? '').split(',').map((name) => [dashed(name), name]))
  const entries = Object.entries(raw ?? {}).flatMap(([name, value]) => {
    const lower = name.toLowerCase()
    return reserved.has(lower) ? [] : [[names.get(lower) ?? lower, decodeValue(value)] as const]
  })
  const metadata = Object.fromEntries(entries)
  const sha256 = raw?.[SHA256]
  return { metadata, token: raw?.[TOKEN], sha256: sha256 && /^[0-9a-f]{64}$/.test(sha256) ? sha256 : undefined }
}

/** Metadata as S3 stores it, with this token instead of the one it may hold; without any where there is no room. */
export function withToken(raw: Readonly<Record<string, string>> | undefined, token: string): Record<string, string> {
  const { [TOKEN]: _, ...rest } = raw ?? {}
  const bytes = Object.entries(rest).reduce((sum, [name, value]) => sum + name.length + value.length, 0)
  return bytes + TOKEN.length + token.length <= LIMIT ? { ...rest, [TOKEN]: token } : rest
}

function dashed(name: string): string {
  return name.replaceAll('_', '-')
}

function encodeValue(value: string): string {
  if (PLAIN.test(value) && !value.startsWith(MARK)) return value
  return (
    MARK + encodeURIComponent(value).replace(/['()*]/g, (char) => `%${char.charCodeAt(0).toString(16).toUpperCase()}`)
  )
}

function decodeValue(value: string): string {
  if (!value.startsWith(MARK)) return value
  try {
    return decodeURIComponent(value.slice(MARK.length))
  } catch {
    return value
  }
}

function invalid(problem: string): StorageError {
  return new StorageError('INVALID_ARGUMENT', `The attributes are refused: ${problem}.`, {
    driver: 's3',
    outcome: 'unchanged',
  })
}

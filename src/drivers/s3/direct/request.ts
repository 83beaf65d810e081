import { encodeKey } from '../encode-key.js'
import type { Commands } from '../sdk.js'
import { checksumHeader } from './checksum.js'

/** The commands that go out directly. All others are the SDK's. */
export type DirectCommand = 'GetObject' | 'HeadObject' | 'PutObject' | 'UploadPart' | 'DeleteObject' | 'ListObjectsV2'

export interface DirectRequest {
  readonly method: 'GET' | 'HEAD' | 'PUT' | 'DELETE'
  /** Within the bucket, encoded. Empty: the bucket itself. */
  readonly path: string
  /** Encoded and sorted; without `?`. */
  readonly query: string
  /** Lower-case names. */
  readonly headers: readonly (readonly [name: string, value: string])[]
  readonly body?: Uint8Array | undefined
}

const METHODS: Readonly<Record<DirectCommand, DirectRequest['method']>> = {
  GetObject: 'GET',
  HeadObject: 'HEAD',
  PutObject: 'PUT',
  UploadPart: 'PUT',
  DeleteObject: 'DELETE',
  ListObjectsV2: 'GET',
}

/** Parameters that travel as a header. */
const HEADERS: Readonly<Record<string, string>> = {
  ACL: 'x-amz-acl',
  CacheControl: 'cache-control',
  ContentDisposition: 'content-disposition',
  ContentEncoding: 'content-encoding',
  ContentLanguage: 'content-language',
  ContentType: 'content-type',
  IfMatch: 'if-match',
  IfModifiedSince: 'if-modified-since',
  IfNoneMatch: 'if-none-match',
  IfUnmodifiedSince: 'if-unmodified-since',
  Range: 'range',
  SSEKMSKeyId: 'x-amz-server-side-encryption-aws-kms-key-id',
  ServerSideEncryption: 'x-amz-server-side-encryption',
}

/** Parameters that travel in the query, in the order of their names there, which is that of the signature. */
const QUERY: readonly (readonly [param: string, name: string])[] = [
  ['ContinuationToken', 'continuation-token'],
  ['Delimiter', 'delimiter'],
  ['EncodingType', 'encoding-type'],
  ['MaxKeys', 'max-keys'],
  ['PartNumber', 'partNumber'],
  ['Prefix', 'prefix'],
  ['StartAfter', 'start-after'],
  ['UploadId', 'uploadId'],
]
const IN_QUERY = new Set(QUERY.map(([param]) => param))
/** Parameters with a place of their own. Content-Length comes with the body. */
const ELSEWHERE = new Set(['Bucket', 'Key', 'Body', 'ContentLength', 'Metadata', 'ChecksumAlgorithm'])

export function isDirectCommand(name: keyof Commands): name is DirectCommand {
  return Object.hasOwn(METHODS, name)
}

/** The request that a command stands for; undefined where it asks for something that only the SDK does. */
export function requestOf(name: DirectCommand, input: object, checksumsByDefault: boolean): DirectRequest | undefined {
  const params = input as Readonly<Record<string, unknown>>
  const headers: (readonly [string, string])[] = []
  for (const [param, value] of Object.entries(params)) {
    if (value === undefined || ELSEWHERE.has(param) || IN_QUERY.has(param)) continue
    const header = HEADERS[param]
    if (header === undefined) return undefined
    headers.push([header, value instanceof Date ? value.toUTCString() : String(value)])
  }
  const { Key, Body, Metadata, ChecksumAlgorithm } = params
  for (const [key, value] of Object.entries(Metadata ?? {})) headers.push([`x-amz-meta-${key.toLowerCase()}`, value])
  const method = METHODS[name]
  if (method === 'PUT') {
    // The SDK repeats no stream either, but it sends them.
    if (!(Body instanceof Uint8Array)) return undefined
    const algorithm = ChecksumAlgorithm ?? (checksumsByDefault ? 'CRC32' : undefined)
    if (algorithm !== undefined) {
      const header = checksumHeader(String(algorithm), Body)
      if (header === undefined) return undefined
      headers.push(header)
    }
  }
  return {
    method,
    path: Key === undefined ? '' : encodeKey(String(Key)),
    query: queryOf(name, params),
    headers,
    body: Body as Uint8Array | undefined,
  }
}

function queryOf(name: DirectCommand, params: Readonly<Record<string, unknown>>): string {
  const pairs: string[] = []
  for (const [param, key] of QUERY) {
    if (name === 'ListObjectsV2' && key === 'max-keys') pairs.push('list-type=2')
    const value = params[param]
    if (value !== undefined) pairs.push(`${key}=${encodeKey(String(value)).replaceAll('/', '%2F')}`)
  }
  return pairs.join('&')
}

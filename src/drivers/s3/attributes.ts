import { randomFillSync } from 'node:crypto'
import { type BlobInfo, bareEtag, type CheckedAttributes } from '../../driver/index.js'
import { StorageError } from '../../errors/index.js'
import { decodeMetadata, encodeMetadata, type OwnMetadata } from './metadata.js'
import type { S3Encryption } from './options.js'

/** The attributes that PutObject and CreateMultipartUpload take alike. */
export interface AttributeParams {
  readonly ContentType: string
  readonly CacheControl?: string
  readonly ContentDisposition?: string
  readonly ContentEncoding?: string
  readonly ContentLanguage?: string
  readonly Metadata: Record<string, string>
  readonly ACL?: 'public-read'
}

const headers = {
  cacheControl: 'CacheControl',
  contentDisposition: 'ContentDisposition',
  contentEncoding: 'ContentEncoding',
  contentLanguage: 'ContentLanguage',
} as const

export function attributeParams(
  attributes: CheckedAttributes,
  own: OwnMetadata,
  dashesNames: boolean,
): AttributeParams {
  const params: Record<string, unknown> = {
    ContentType: ascii('contentType', attributes.contentType),
    Metadata: encodeMetadata(attributes.metadata, own, dashesNames),
  }
  for (const [name, param] of Object.entries(headers)) {
    const value = attributes[name as keyof typeof headers]
    if (value !== undefined) params[param] = ascii(name, value)
  }
  // Private is what an object is anyway, and the header needs a right and a bucket that knows ACLs.
  if (attributes.visibility === 'public') params.ACL = 'public-read'
  return params as unknown as AttributeParams
}

/** S3 stores headers as they come, and headers are ASCII: anything else would be refused or come back garbled. */
export function ascii(name: string, value: string): string {
  if (/^[\x20-\x7e]*$/.test(value)) return value
  throw new StorageError(
    'INVALID_ARGUMENT',
    `${name} holds a character that is not ASCII, which S3 cannot keep in a header.`,
    {
      driver: 's3',
      hint: "Encode it, a file name as filename*=UTF-8''... (RFC 8187), or keep it in the metadata.",
      outcome: 'unchanged',
    },
  )
}

export interface EncryptionParams {
  readonly ServerSideEncryption?: 'AES256' | 'aws:kms'
  readonly SSEKMSKeyId?: string
}

export function encryptionParams(sse: S3Encryption | undefined, aws: boolean): EncryptionParams {
  const effective = sse ?? (aws ? 'AES256' : 'bucket')
  if (effective === 'bucket') return {}
  if (effective === 'AES256') return { ServerSideEncryption: 'AES256' }
  return { ServerSideEncryption: 'aws:kms', SSEKMSKeyId: effective.kms }
}

/** The part of GetObject's and HeadObject's answers that describes the object. */
export interface DescribedObject {
  readonly ETag?: string | undefined
  readonly LastModified?: Date | undefined
  readonly ContentType?: string | undefined
  readonly CacheControl?: string | undefined
  readonly ContentDisposition?: string | undefined
  readonly ContentEncoding?: string | undefined
  readonly ContentLanguage?: string | undefined
  readonly Metadata?: Record<string, string> | undefined
}

export function infoOf(key: string, size: number, object: DescribedObject): BlobInfo {
  const { metadata, sha256, token } = decodeMetadata(object.Metadata)
  const info: Record<string, unknown> = {
    key,
    size,
    etag: bareEtag(object.ETag ?? ''),
    lastModified: object.LastModified ?? new Date(0),
    contentType: object.ContentType ?? 'application/octet-stream',
  }
  for (const [name, param] of Object.entries(headers)) {
    const value = object[param as keyof DescribedObject]
    if (value !== undefined && value !== '') info[name] = value
  }
  info.metadata = metadata
  if (sha256 !== undefined) info.sha256 = sha256
  if (token !== undefined) info.writeToken = token
  return info as unknown as BlobInfo
}

const TOKEN_BYTES = 12
/** Random bytes for many tokens: each call for some costs the same, however few they are. */
const entropy = Buffer.allocUnsafe(TOKEN_BYTES * 256)
let used = entropy.byteLength

/** A mark that no other change carries. */
export function newToken(): string {
  if (used === entropy.byteLength) {
    randomFillSync(entropy)
    used = 0
  }
  used += TOKEN_BYTES
  return entropy.toString('base64url', used - TOKEN_BYTES, used)
}

import type { AnswerHeaders } from './exchange.js'
import { parseXml, textOf, type XmlElement } from './xml.js'

/** Headers that describe an object, by the name that the SDK gives them in its outputs. */
const DESCRIBING: readonly (readonly [header: string, name: string])[] = [
  ['etag', 'ETag'],
  ['content-type', 'ContentType'],
  ['content-range', 'ContentRange'],
  ['cache-control', 'CacheControl'],
  ['content-disposition', 'ContentDisposition'],
  ['content-encoding', 'ContentEncoding'],
  ['content-language', 'ContentLanguage'],
  ['x-amz-checksum-crc32', 'ChecksumCRC32'],
  ['x-amz-checksum-sha1', 'ChecksumSHA1'],
  ['x-amz-checksum-sha256', 'ChecksumSHA256'],
]
const META = 'x-amz-meta-'

/** What an answer's headers say, in the shape of the SDK's outputs. */
export function describedBy(headers: AnswerHeaders): Record<string, unknown> {
  const output: Record<string, unknown> = {}
  for (const [header, name] of DESCRIBING) {
    const value = headers[header]
    if (value !== undefined) output[name] = joined(value)
  }
  const length = headers['content-length']
  if (length !== undefined) output.ContentLength = Number(length)
  const modified = headers['last-modified']
  if (modified !== undefined) output.LastModified = new Date(joined(modified))
  const metadata: Record<string, string> = {}
  for (const name in headers) {
    if (name.startsWith(META)) metadata[name.slice(META.length)] = joined(headers[name] ?? '')
  }
  output.Metadata = metadata
  return output
}

/** A page of ListObjectsV2, in the shape of the SDK's output. Throws a SyntaxError where it is none. */
export function listedBy(document: string): object {
  const root = parseXml(document)
  if (root.name !== 'ListBucketResult') throw new SyntaxError(`a <${root.name}> instead of a list`)
  const Contents: object[] = []
  const CommonPrefixes: object[] = []
  for (const child of root.children) {
    if (child.name === 'Contents') Contents.push(objectOf(child))
    else if (child.name === 'CommonPrefixes') CommonPrefixes.push({ Prefix: textOf(child, 'Prefix') })
  }
  return {
    Contents,
    CommonPrefixes,
    IsTruncated: textOf(root, 'IsTruncated') === 'true',
    NextContinuationToken: textOf(root, 'NextContinuationToken'),
    EncodingType: textOf(root, 'EncodingType'),
  }
}

function objectOf({ children }: XmlElement): object {
  const object: Record<string, unknown> = {}
  for (const { name, text } of children) {
    if (name === 'Size') object.Size = Number(text)
    else if (name === 'LastModified') object.LastModified = new Date(text)
    else if (name === 'Key' || name === 'ETag') object[name] = text
  }
  return object
}

function joined(value: string | readonly string[]): string {
  return typeof value === 'string' ? value : value.join(', ')
}

import { createHash, type Hash, hash } from 'node:crypto'
import { crc32 } from 'node:zlib'

/** The algorithms that Node computes natively; a checksum by another is the SDK's affair. */
const HASHES: Readonly<Record<string, string>> = { SHA1: 'sha1', SHA256: 'sha256' }

/** The header by which S3 compares what arrived, and keeps the checksum with the object. */
export function checksumHeader(algorithm: string, body: Uint8Array): readonly [string, string] | undefined {
  if (algorithm === 'CRC32') return ['x-amz-checksum-crc32', crc32ToBase64(crc32(body))]
  const name = HASHES[algorithm]
  return name === undefined ? undefined : [`x-amz-checksum-${algorithm.toLowerCase()}`, hash(name, body, 'base64')]
}

/** Compares a body with the checksum that came with it, while it arrives. */
export interface BodyCheck {
  update(chunk: Uint8Array): void
  /** Whether it was the body that S3 keeps the checksum of. */
  matches(): boolean
}

/** The check of a whole body, or undefined: none came, or one of parts (`-2`), which says nothing of the whole. */
export function bodyCheckOf(headers: Readonly<Record<string, unknown>>): BodyCheck | undefined {
  const crc = headers['x-amz-checksum-crc32']
  if (isWhole(crc)) {
    let sum = 0
    return {
      update: (chunk) => {
        sum = crc32(chunk, sum)
      },
      matches: () => crc32ToBase64(sum) === crc,
    }
  }
  for (const [algorithm, name] of Object.entries(HASHES)) {
    const expected = headers[`x-amz-checksum-${algorithm.toLowerCase()}`]
    if (isWhole(expected)) return hashCheck(createHash(name), expected)
  }
  return undefined
}

function hashCheck(digest: Hash, expected: string): BodyCheck {
  return {
    update: (chunk) => void digest.update(chunk),
    matches: () => digest.digest('base64') === expected,
  }
}

function isWhole(checksum: unknown): checksum is string {
  return typeof checksum === 'string' && !checksum.includes('-')
}

function crc32ToBase64(sum: number): string {
  const bytes = Buffer.allocUnsafe(4)
  bytes.writeUInt32BE(sum)
  return bytes.toString('base64')
}

import { createHash, type Hash } from 'node:crypto'
import { StorageError } from '../../errors/index.js'
import { field, type RequestHeaders } from '../message.js'
import { notAsAnnounced } from './refusals.js'

/** Algorithms of RFC 9530 that are worth checking; the others of its registry are broken, and are passed over. */
const ALGORITHMS: Readonly<Record<string, string>> = { 'sha-256': 'sha256', 'sha-512': 'sha512' }
const LENGTHS: Readonly<Record<string, number>> = { sha256: 32, sha512: 64, md5: 16 }

/** A dictionary of byte sequences (RFC 8941 section 3.2): one member, its parameters passed over. */
const MEMBER = /^\s*([a-z*][a-z0-9_.*-]*)=:([A-Za-z0-9+/]*={0,2}):(?:;[^,]*)?\s*(?:,|$)/

interface Expected {
  readonly field: string
  readonly hash: Hash
  readonly digest: Buffer
}

/** What a request announces of the bytes of its body, checked as they arrive. */
export class DigestFields {
  readonly #expected: Expected[]

  /**
   * Reads Content-Digest, Repr-Digest (RFC 9530; the same thing in a request whose body is not encoded) and Content-MD5.
   * INVALID_ARGUMENT where one of them cannot be read.
   */
  constructor(headers: RequestHeaders) {
    this.#expected = [
      ...dictionary(headers, 'content-digest'),
      ...dictionary(headers, 'repr-digest'),
      ...contentMd5(headers),
    ]
  }

  update(chunk: Uint8Array): void {
    for (const { hash } of this.#expected) hash.update(chunk)
  }

  /** CHECKSUM_MISMATCH (422) where the bytes are others than was announced. Once. */
  verify(): void {
    for (const { field, hash, digest } of this.#expected) {
      if (!hash.digest().equals(digest)) throw notAsAnnounced(field)
    }
  }
}

function dictionary(headers: RequestHeaders, name: string): Expected[] {
  const expected: Expected[] = []
  for (let rest = field(headers, name) ?? ''; rest.trim() !== ''; ) {
    const [all, key = '', value = ''] = MEMBER.exec(rest) ?? []
    if (all === undefined) throw unreadable(name)
    rest = rest.slice(all.length)
    const algorithm = ALGORITHMS[key]
    if (algorithm !== undefined) expected.push(expectedOf(name, algorithm, value))
  }
  return expected
}

function contentMd5(headers: RequestHeaders): Expected[] {
  const value = field(headers, 'content-md5')
  return value === undefined ? [] : [expectedOf('content-md5', 'md5', value.trim())]
}

function expectedOf(name: string, algorithm: string, value: string): Expected {
  const digest = Buffer.from(value, 'base64')
  if (digest.byteLength !== LENGTHS[algorithm]) throw unreadable(name)
  return { field: name, hash: createHash(algorithm), digest }
}

function unreadable(name: string): StorageError {
  return new StorageError('INVALID_ARGUMENT', `The field ${name} cannot be read.`, {
    operation: 'upload',
    outcome: 'unchanged',
  })
}

import { createHash } from 'node:crypto'
import { Readable } from 'node:stream'
import { type BlobInfo, sameEtag } from '../driver/index.js'
import { StorageError } from '../errors/index.js'
import { quoteKey } from '../keys/index.js'
import type { StoreContext } from './context.js'

/** What a body must turn out to be at its destination. */
export interface ExpectedBody {
  /** Bytes. */
  readonly size: number
  /** Lower-case hex. */
  readonly sha256: string
  /** Lower-case hex, where known: the etag that S3 gives to a body put in one request. */
  readonly md5?: string | undefined
}

/** Compares what arrived with what was sent: by hash where the driver tells one, else by reading it back. */
export async function verifyArrival(
  context: StoreContext,
  driver: string,
  info: BlobInfo,
  expected: ExpectedBody,
  signal?: AbortSignal | undefined,
): Promise<void> {
  const { key } = info
  const wrong = (what: string) =>
    new StorageError('CORRUPT', `${quoteKey(key)} arrived on ${driver} with another ${what} than it was sent with.`, {
      operation: 'put',
      driver,
      key,
      hint: 'Something between here and the storage changes bytes. The source was kept.',
    })
  if (info.size !== expected.size) throw wrong('size')
  // An etag that is the MD5 was made of what arrived. The sha256 may be a word that travelled along: it refutes, only.
  if (expected.md5 !== undefined && sameEtag(info.etag, expected.md5)) return
  if (info.sha256 !== undefined && info.sha256.toLowerCase() !== expected.sha256) throw wrong('hash')
  const reader = await context.drivers.ask(driver, 'get', key, (target) =>
    target.get(key, { ifMatch: info.etag, signal }),
  )
  const hash = createHash('sha256')
  for await (const chunk of reader.body) hash.update(chunk)
  if (hash.digest('hex') !== expected.sha256) throw wrong('hash')
}

/** A stream that is opened when it is read, so that one that is not read holds nothing. */
export function lazyStream(open: () => Promise<AsyncIterable<Uint8Array>>): Readable {
  const chunks = async function* () {
    yield* await open()
  }
  // Whoever reads it is told of a failure; where nobody does any more, it must not end the process.
  return Readable.from(chunks(), { objectMode: false }).on('error', () => {})
}

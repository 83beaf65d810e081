import { createHash } from 'node:crypto'
import { Readable } from 'node:stream'
import { type BlobInfo, sameEtag } from '../driver/index.js'
import { isStorageError, StorageError } from '../errors/index.js'
import { quoteKey } from '../keys/index.js'
import type { Outbox, OutboxRecord } from '../outbox/index.js'
import { type StoreContext, storedBlob } from './context.js'
import { lookAround, settleVersions } from './versions.js'

/** What a body must turn out to be at its destination. */
export interface ExpectedBody {
  /** Bytes. */
  readonly size: number
  /** Lower-case hex. */
  readonly sha256: string
  /** Lower-case hex, where known: the etag that S3 gives to a body put in one request. */
  readonly md5?: string | undefined
}

/**
 * Gives a waiting blob to the driver that it is meant for, makes sure that it arrived whole, and removes it from the
 * outbox. The caller holds the key alone.
 */
export async function handOver(
  context: StoreContext,
  box: Outbox,
  record: OutboxRecord,
  signal?: AbortSignal | undefined,
): Promise<BlobInfo> {
  const { key, driver, attributes, size, sha256 } = record
  const before = await lookAround(context, key, driver, signal)
  const body = () => lazyStream(() => box.read(record))
  const options = { ...attributes, size, sha256, signal }
  let info: BlobInfo
  try {
    info = await context.drivers.ask(driver, 'put', key, (target) => target.put(key, body, options))
  } catch (error) {
    const failure = isStorageError(error, 'BODY_FAILED') && isStorageError(error.cause) ? error.cause : error
    const wrong = isStorageError(failure, 'CHECKSUM_MISMATCH') || isStorageError(failure, 'SIZE_MISMATCH')
    throw wrong ? damaged(record, error) : failure
  }
  await verifyArrival(context, driver, info, record, signal)
  await settleVersions(context, key, { ...before, pending: record })
  const { path, etag } = storedBlob(context, info, driver)
  context.events.emit('reconciled', { key, driver, path, size, etag })
  return info
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
  if (info.sha256 !== undefined) {
    if (info.sha256.toLowerCase() !== expected.sha256) throw wrong('hash')
    return
  }
  if (expected.md5 !== undefined && sameEtag(info.etag, expected.md5)) return
  const reader = await context.drivers.ask(driver, 'get', key, (target) =>
    target.get(key, { ifMatch: info.etag, signal }),
  )
  const hash = createHash('sha256')
  for await (const chunk of reader.body) hash.update(chunk)
  if (hash.digest('hex') !== expected.sha256) throw wrong('hash')
}

/** A stream that is opened when it is read, so that one that is not read holds nothing. */
export function lazyStream(open: () => Promise<AsyncIterable<Uint8Array>>): Readable {
  return Readable.from(
    (async function* () {
      yield* await open()
    })(),
    { objectMode: false },
  )
}

function damaged({ key, driver }: OutboxRecord, cause: unknown): StorageError {
  return new StorageError('CORRUPT', `The body of ${quoteKey(key)} in the outbox is damaged.`, {
    operation: 'put',
    driver,
    key,
    outcome: 'unchanged',
    cause,
  })
}

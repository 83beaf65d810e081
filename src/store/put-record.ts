import type { BlobInfo } from '../driver/index.js'
import { isStorageError, StorageError } from '../errors/index.js'
import { quoteKey } from '../keys/index.js'
import type { Outbox, OutboxRecord, PutRecord } from '../outbox/index.js'
import { lazyStream, verifyArrival } from './arrival.js'
import type { StoreContext } from './context.js'

/** Bytes up to which a body is read at once: what that takes is less than what a stream costs. */
const SMALL = 64 * 1024

/** Writes a waiting body to its driver, under its own key or another one, and makes sure that it arrived whole. */
export async function putRecord(
  context: StoreContext,
  box: Outbox,
  record: PutRecord,
  key: string,
  condition: object,
  signal: AbortSignal | undefined,
): Promise<BlobInfo> {
  const { driver, attributes, size, sha256, token: writeToken } = record
  const body = record.size <= SMALL ? await bytesOf(box, record) : () => lazyStream(() => box.read(record))
  const options = { ...attributes, ...condition, size, sha256, writeToken, signal }
  let info: BlobInfo
  try {
    info = await context.drivers.ask(driver, 'put', key, (target) => target.put(key, body, options))
  } catch (error) {
    const failure = isStorageError(error, 'BODY_FAILED') && isStorageError(error.cause) ? error.cause : error
    const wrong = isStorageError(failure, 'CHECKSUM_MISMATCH') || isStorageError(failure, 'SIZE_MISMATCH')
    throw wrong ? damaged(record, error) : failure
  }
  await verifyArrival(context, driver, info, record, signal)
  return info
}

async function bytesOf(box: Outbox, record: PutRecord): Promise<Uint8Array> {
  const chunks: Uint8Array[] = []
  for await (const chunk of await box.read(record)) chunks.push(chunk)
  return chunks.length === 1 ? (chunks[0] as Uint8Array) : Buffer.concat(chunks)
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

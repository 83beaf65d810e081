import { createHash } from 'node:crypto'
import type { BlobAttributes, BlobInfo, SignalOptions } from '../driver/index.js'
import { isStorageError, StorageError } from '../errors/index.js'
import { quoteKey } from '../keys/index.js'
import { type ExpectedBody, lazyStream, verifyArrival } from './arrival.js'
import type { StoreContext } from './context.js'
import { headBlob, openBlob } from './read.js'
import type { StoredBlob } from './stored.js'

/** A body that is read from one place of the store to be written to another. */
export interface Transfer {
  /** Reads the same version again each time it is called. */
  readonly body: () => ReturnType<typeof lazyStream>
  readonly attributes: BlobAttributes
  /** What went through in the last complete reading. */
  readonly expected: () => ExpectedBody
}

/** Prepares to read exactly the version that `source` says; another one found there fails the body. */
export async function openTransfer(
  context: StoreContext,
  source: StoredBlob,
  options: SignalOptions,
): Promise<Transfer> {
  const { signal } = options
  let sent: ExpectedBody | undefined
  async function* hashed(): AsyncGenerator<Uint8Array, void, undefined> {
    const weak = source.etag.startsWith('W/')
    const reader = await openBlob(context, source.path, { signal, ifMatch: weak ? undefined : source.etag })
    if (weak && reader.info.etag.replace('W/', '') !== source.etag.replace('W/', '')) {
      await reader.cancel()
      throw changed(source)
    }
    const [sha256, md5] = [createHash('sha256'), createHash('md5')]
    let size = 0
    for await (const chunk of reader.body as AsyncIterable<Uint8Array>) {
      sha256.update(chunk)
      md5.update(chunk)
      size += chunk.byteLength
      yield chunk
    }
    sent = { size, sha256: sha256.digest('hex'), md5: md5.digest('hex') }
  }
  return {
    body: () => lazyStream(async () => hashed()),
    attributes: await attributesOf(context, source, options),
    expected: () => {
      if (sent) return sent
      throw new StorageError('INTERNAL', 'A driver published a blob without reading its body to the end.', {
        operation: 'copy',
        key: source.key,
      })
    },
  }
}

/** Makes sure that what arrived is what was read. What waits in the outbox was hashed as it was written there. */
export async function verifyTransfer(
  context: StoreContext,
  source: StoredBlob,
  arrived: StoredBlob,
  transfer: Transfer,
  { signal }: SignalOptions,
): Promise<void> {
  const expected = transfer.expected()
  if (source.sha256 !== undefined && source.sha256 !== expected.sha256) {
    throw new StorageError('CORRUPT', `${quoteKey(source.key)} does not read as it was written.`, {
      operation: 'copy',
      driver: source.driver,
      key: source.key,
    })
  }
  const driver = arrived.pendingFor ?? arrived.driver
  await verifyArrival(context, driver, arrived, expected, signal)
}

/** A body's failure that is really one of the store's own reading. */
export function readFailure(error: unknown): unknown {
  return isStorageError(error, 'BODY_FAILED') && isStorageError(error.cause) ? error.cause : error
}

export function changed({ key, driver }: StoredBlob): StorageError {
  return new StorageError('PRECONDITION_FAILED', `${quoteKey(key)} was changed while it was read.`, {
    operation: 'copy',
    driver,
    key,
  })
}

async function attributesOf(
  context: StoreContext,
  source: StoredBlob,
  { signal }: SignalOptions,
): Promise<BlobAttributes> {
  const { contentType, cacheControl, contentDisposition, contentEncoding, contentLanguage, metadata } = source
  const visibility = await visibilityOf(context, source, { signal })
  return { contentType, cacheControl, contentDisposition, contentEncoding, contentLanguage, metadata, visibility }
}

/** As the blob says, else as its driver does; undefined where the driver knows no such thing. */
export async function visibilityOf(
  context: StoreContext,
  { key, driver, visibility, pendingFor }: StoredBlob,
  { signal }: SignalOptions,
): Promise<BlobInfo['visibility']> {
  if (visibility !== undefined || pendingFor !== undefined) return visibility
  if (!context.drivers.need(driver, 'getVisibility').capabilities.visibility) return undefined
  try {
    return await context.drivers.ask(driver, 'getVisibility', key, async (asked) =>
      asked.getVisibility?.(key, { signal }),
    )
  } catch (error) {
    if (isStorageError(error, 'NOT_SUPPORTED')) return undefined
    throw error
  }
}

/** The version that a path reads now, as the source of a transfer. */
export function sourceOf(
  context: StoreContext,
  path: string,
  options: SignalOptions,
  operation: string,
): Promise<StoredBlob> {
  return headBlob(context, path, { signal: options.signal }, operation)
}

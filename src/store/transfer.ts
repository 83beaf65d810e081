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
  const attributes = await unchangedSoFar(() => attributesOf(context, source, options))
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
    const read = { size, sha256: sha256.digest('hex'), md5: md5.digest('hex') }
    if (!(await isAsStored(context, source, read, signal))) throw unreadable(source)
    sent = read
  }
  return {
    body: () => lazyStream(async () => hashed()),
    attributes,
    expected: () => {
      if (sent) return sent
      throw new StorageError('INTERNAL', 'A driver published a blob without reading its body to the end.', {
        operation: 'copy',
        key: source.key,
      })
    },
  }
}

/**
 * Whether what was read is what the source holds, by its own hash, else by an etag that may be the MD5. Where it is
 * none (encryption with KMS keys), a second reading that gives the same proves the first one right.
 */
async function isAsStored(
  context: StoreContext,
  source: StoredBlob,
  { sha256, md5 }: ExpectedBody,
  signal: AbortSignal | undefined,
): Promise<boolean> {
  if (source.sha256 !== undefined) return source.sha256 === sha256
  if (!/^[0-9a-f]{32}$/.test(source.etag) || source.etag === md5) return true
  const reader = await openBlob(context, source.path, { signal, ifMatch: source.etag })
  const hash = createHash('sha256')
  for await (const chunk of reader.body as AsyncIterable<Uint8Array>) hash.update(chunk)
  return hash.digest('hex') === sha256
}

function unreadable({ key, driver }: StoredBlob): StorageError {
  return new StorageError('CORRUPT', `${quoteKey(key)} does not read as it was written.`, {
    operation: 'copy',
    driver,
    key,
    outcome: 'unchanged',
    hint: 'Something between the storage and here changes bytes. Nothing was copied; try again.',
  })
}

/** Makes sure that what arrived is what was read. What waits in the outbox was hashed as it was written there. */
export async function verifyTransfer(
  context: StoreContext,
  arrived: StoredBlob,
  transfer: Transfer,
  { signal }: SignalOptions,
): Promise<void> {
  const expected = transfer.expected()
  const driver = arrived.pendingFor ?? arrived.driver
  await verifyArrival(context, driver, arrived, expected, signal)
}

/** A body's failure that is really one of the store's own reading. */
export function readFailure(error: unknown): unknown {
  if (!isStorageError(error, 'BODY_FAILED') || !isStorageError(error.cause)) return error
  return error.cause.with({ outcome: 'unchanged' })
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
export async function sourceOf(
  context: StoreContext,
  path: string,
  options: SignalOptions,
  operation: string,
): Promise<StoredBlob> {
  return unchangedSoFar(() => headBlob(context, path, { signal: options.signal }, operation))
}

/** A look that comes before a change: where it fails, nothing was changed. */
async function unchangedSoFar<T>(look: () => Promise<T>): Promise<T> {
  try {
    return await look()
  } catch (error) {
    throw isStorageError(error) ? error.with({ outcome: 'unchanged' }) : error
  }
}

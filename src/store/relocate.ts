import { isStorageError, StorageError } from '../errors/index.js'
import { quoteKey } from '../keys/index.js'
import { type StoreContext, storedBlob } from './context.js'
import { handOver } from './hand-over.js'
import type { RelocateOptions } from './options.js'
import { resolve } from './plan.js'
import type { StoredBlob } from './stored.js'
import { openTransfer, readFailure, sourceOf, verifyTransfer } from './transfer.js'
import { headIfThere, removeVersion } from './versions.js'

/** What `relocate` did; `oldPath` and `newPath` are what an UPDATE of the database needs. */
export interface Relocation<D extends string = string> {
  readonly key: string
  readonly from: D
  readonly to: D
  /** The path as it was given; for a bare key the one that the blob had. */
  readonly oldPath: string
  readonly newPath: string
}

/** Moves a blob to another driver under the same key. The old path keeps reading. */
export async function relocate(context: StoreContext, path: string, options: RelocateOptions): Promise<Relocation> {
  const { to, signal } = options
  if (!context.drivers.names.includes(to)) {
    throw new StorageError('INVALID_ARGUMENT', `The store has no driver ${quoteKey(to)}.`, { operation: 'relocate' })
  }
  context.drivers.need(to, 'relocate')
  const { key } = await sourceOf(context, path, options, 'relocate')
  const done = await context.gate.exclusive(key, async () => {
    const source = await sourceOf(context, path, options, 'relocate')
    const oldPath = resolve(context, path).bare ? source.path : path
    const newPath = context.scheme.format({ driver: to, key })
    const relocation = { key, from: source.driver, to, oldPath, newPath }
    if (source.pendingFor !== undefined) await relocatePending(context, source, to, signal)
    else if (source.driver !== to) await relocateStored(context, source, to, options)
    return relocation
  })
  if (done === undefined) {
    throw new StorageError('UNAVAILABLE', `${quoteKey(key)} is being written just now.`, {
      operation: 'relocate',
      key,
      outcome: 'unchanged',
      hint: 'Try again when the put has ended.',
    })
  }
  if (done.value.from !== to) context.events.emit('relocated', done.value)
  return done.value
}

async function relocateStored(
  context: StoreContext,
  source: StoredBlob,
  to: string,
  options: RelocateOptions,
): Promise<void> {
  const { key, driver, etag } = source
  const { signal } = options
  // Noted before the blob leaves, so that no reader of the old path misses it.
  if (context.near.has(driver)) await context.outbox?.box.mark('moved')
  const arrived = await arriveAt(context, source, to, options)
  try {
    await removeVersion(context, driver, key, etag, signal)
  } catch (error) {
    if (isStorageError(error, 'PRECONDITION_FAILED')) await removeVersion(context, to, key, arrived.etag, signal)
    throw error
  }
}

/** To where it waits for: it is handed over. To where it lies: it stops waiting and becomes that driver's own. */
async function relocatePending(
  context: StoreContext,
  source: StoredBlob,
  to: string,
  signal: AbortSignal | undefined,
): Promise<void> {
  const box = context.outbox?.box
  const record = await box?.find(source.key)
  if (box === undefined || record === undefined) return
  if (to === record.driver) {
    await handOver(context, box, record, signal)
    return
  }
  // An older version may lie where this one was to go; the old path would read it once nothing waits any more.
  const older = await headIfThere(context, record.driver, record.key, signal)
  await box.mark('moved')
  await arriveAt(context, source, to, { to, signal })
  if (older) await removeVersion(context, record.driver, record.key, older.etag, signal)
  await box.remove(record)
}

async function arriveAt(
  context: StoreContext,
  source: StoredBlob,
  to: string,
  options: RelocateOptions,
): Promise<StoredBlob> {
  const { key, size } = source
  const { signal } = options
  const transfer = await openTransfer(context, source, options)
  try {
    const info = await context.drivers.ask(to, 'put', key, (driver) => {
      return driver.put(key, transfer.body, { ...transfer.attributes, size, signal })
    })
    const arrived = storedBlob(context, info, to)
    await verifyTransfer(context, source, arrived, transfer, options)
    return arrived
  } catch (error) {
    throw readFailure(error)
  }
}

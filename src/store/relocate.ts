import { isStorageError, StorageError } from '../errors/index.js'
import { quoteKey } from '../keys/index.js'
import type { Outbox, OutboxRecord } from '../outbox/index.js'
import { carryOut } from './carry-out.js'
import { type StoreContext, storedBlob } from './context.js'
import { holding, nothingHeld } from './holding.js'
import type { RelocateOptions } from './options.js'
import { resolve } from './plan.js'
import type { StoredBlob } from './stored.js'
import { openTransfer, readFailure, sourceOf, verifyTransfer } from './transfer.js'
import { lookAround, removeVersionOn, settleVersions } from './versions.js'
import { keepDelete, outboxOf, waitsNoLonger } from './waiting.js'

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
    for (;;) {
      const source = await sourceOf(context, path, options, 'relocate')
      const oldPath = resolve(context, path).bare ? source.path : path
      const newPath = context.scheme.format({ driver: to, key })
      const relocation = { key, from: source.driver, to, oldPath, newPath }
      if (source.pendingFor === undefined) {
        if (source.driver !== to) await relocateStored(context, source, to, options)
        return relocation
      }
      if (await relocatePending(context, source, source.pendingFor, to, signal)) return relocation
    }
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

function relocateStored(
  context: StoreContext,
  source: StoredBlob,
  to: string,
  options: RelocateOptions,
): Promise<void> {
  const { key, driver, etag } = source
  const { signal } = options
  return holding(context, key, async (held) => {
    if (held.busy && held.record?.driver === to) throw notYet(key, to)
    // Noted before the blob leaves, so that no reader of the old path misses it.
    if (context.near.has(driver)) await context.outbox?.box.mark('moved')
    const arrived = await arriveAt(context, source, to, options)
    try {
      // A delete that waits for the driver is older than what has come to it now.
      await settleVersions(context, key, to, { copies: [], unseen: [] }, held)
      await removeVersionOn(context, driver, key, etag, signal).catch(async (error: unknown) => {
        if (isStorageError(error, 'PRECONDITION_FAILED')) await removeVersionOn(context, to, key, arrived.etag, signal)
        throw error
      })
    } catch (error) {
      throw halfDone(error)
    }
  })
}

/**
 * To where it waits for: it is handed over. To where it lies: it stops waiting and becomes that driver's own. False
 * where it waits no longer.
 */
async function relocatePending(
  context: StoreContext,
  source: StoredBlob,
  home: string,
  to: string,
  signal: AbortSignal | undefined,
): Promise<boolean> {
  const box = context.outbox?.box
  if (box === undefined) return false
  const { key } = source
  const older = to === home ? (await lookAround(context, key, to, nothingHeld, signal)).copies : []
  return holding(context, key, async (held) => {
    const { record, claim, busy } = held
    if (record?.operation !== 'put') return false
    if (to === record.driver) {
      const done = busy || !claim ? 'waits' : await carryOut(context, box, record, claim, { older, signal })
      if (done === 'waits') throw notYet(key, to)
      return true
    }
    // It would end with what waits, and leave what arrives meanwhile.
    if (busy === 'claimed') throw notYet(key, record.driver).with({ outcome: 'unchanged' })
    await box.mark('moved')
    const arrived = await arriveAt(context, source, to, { to, signal })
    try {
      return await stopWaiting(context, box, record, arrived, signal)
    } catch (error) {
      throw halfDone(error)
    }
  })
}

/**
 * An older version may lie where this one was to go: in its place a tombstone waits. False where another one waits by
 * now, or none: then what has arrived is not the current version, and goes again.
 */
async function stopWaiting(
  context: StoreContext,
  box: Outbox,
  record: OutboxRecord,
  { driver, key, etag }: StoredBlob,
  signal: AbortSignal | undefined,
): Promise<boolean> {
  let current = true
  const check = (now: OutboxRecord | undefined) => {
    current = now?.token === record.token
    if (!current) throw waitsNoLonger('relocate', key)
  }
  try {
    // What waits for a driver that is not configured has nowhere to be deleted.
    if (context.drivers.get(record.driver)) await keepDelete(context, box, record.driver, key, { check })
    else check((await box.end(key, ({ token }) => token === record.token)) ?? record)
    return true
  } catch (error) {
    if (current) throw error
    await removeVersionOn(context, driver, key, etag, signal).catch((refused: unknown) => {
      // Somebody else's version by now.
      if (!isStorageError(refused, 'PRECONDITION_FAILED')) throw refused
    })
    return false
  }
}

/** What failed when the blob had arrived already, and is on both drivers. */
function halfDone(error: unknown): unknown {
  return isStorageError(error) ? error.with({ outcome: 'unknown' }) : error
}

function notYet(key: string, to: string): StorageError {
  return new StorageError('UNAVAILABLE', `${quoteKey(key)} is just on its way to ${to}.`, {
    operation: 'relocate',
    key,
    driver: to,
    outcome: 'unknown',
    hint: 'A request that was never answered may still take effect, or another process is at it: try again later.',
  })
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
  const writeToken = await outboxOf(context, to)?.newToken()
  try {
    const info = await context.drivers.ask(to, 'put', key, (driver) => {
      return driver.put(key, transfer.body, { ...transfer.attributes, size, writeToken, signal })
    })
    const arrived = storedBlob(context, info, to)
    await verifyTransfer(context, arrived, transfer, options)
    return arrived
  } catch (error) {
    throw readFailure(error)
  }
}

import type { BlobInfo } from '../driver/index.js'
import { isStorageError, StorageError } from '../errors/index.js'
import { quoteKey } from '../keys/index.js'
import type { OutboxRecord } from '../outbox/index.js'
import { type StoreContext, storedBlob } from './context.js'
import { type HeldRecord, holding } from './holding.js'
import type { StoreCopyOptions } from './options.js'
import type { Location } from './paths/index.js'
import { othersFor, resolve, routeTo } from './plan.js'
import { putBlob } from './put.js'
import type { StoredBlob } from './stored.js'
import { openTransfer, readFailure, sourceOf, verifyTransfer } from './transfer.js'
import { headIfThere, lookAround, removeCopies, removeVersionOn, settleVersions } from './versions.js'
import { fallsBack, keepDelete, outboxOf, waitsNoLonger } from './waiting.js'

/** Copies a blob with its attributes: by the driver itself where both ends are on one that can, else streamed and verified. */
export async function copyBlob(
  context: StoreContext,
  from: string,
  to: string,
  options: StoreCopyOptions,
): Promise<StoredBlob> {
  const source = await sourceOf(context, from, options, 'copy')
  const target = destination(context, source, to, options, 'copy')
  return target === undefined ? source : copyTo(context, source, target, options)
}

/** Moves a blob: the source goes after the destination was verified, and only if it did not change meanwhile. */
export async function moveBlob(
  context: StoreContext,
  from: string,
  to: string,
  options: StoreCopyOptions,
): Promise<StoredBlob> {
  const source = await sourceOf(context, from, options, 'move')
  const target = destination(context, source, to, options, 'move')
  if (target === undefined) return source
  const moved = await changeWithin(context, 'move', source, target, options)
  const copy = moved ?? (await copyTo(context, source, target, options))
  try {
    await removeSource(context, source, copy, moved !== undefined, options)
  } catch (error) {
    // The destination is there, whatever became of the source.
    throw isStorageError(error) ? error.with({ outcome: 'unknown' }) : error
  }
  return copy
}

/** Where to, or undefined where that is where the source is. */
function destination(
  context: StoreContext,
  source: StoredBlob,
  to: string,
  options: StoreCopyOptions,
  operation: string,
): Location | undefined {
  const resolution = resolve(context, to)
  const [named] = resolution.candidates
  const { key } = named
  const home = source.pendingFor ?? source.driver
  const { contentType, size, metadata } = source
  const asked = options.driver ?? (resolution.bare ? (options.kind === undefined ? home : undefined) : named.driver)
  const driver = routeTo(context, asked, { key, kind: options.kind, contentType, size, metadata })
  if (key !== source.key) return { driver, key }
  if (driver === home || driver === source.driver) return undefined
  throw new StorageError('INVALID_ARGUMENT', `${quoteKey(key)} cannot be on two drivers under one key.`, {
    operation,
    key,
    outcome: 'unchanged',
    hint: 'To change its driver, relocate it.',
  })
}

async function copyTo(
  context: StoreContext,
  source: StoredBlob,
  target: Location,
  options: StoreCopyOptions,
): Promise<StoredBlob> {
  const copied = await changeWithin(context, 'copy', source, target, options)
  if (copied) return copied
  const { driver, key } = target
  const { ifNoneMatch, signal } = options
  const transfer = await openTransfer(context, source, options)
  const { size } = source
  try {
    const attributes = { ...transfer.attributes, size, ifNoneMatch, driver, signal }
    const copy = await putBlob(context, key, transfer.body, attributes)
    await verifyTransfer(context, copy, transfer, options)
    return copy
  } catch (error) {
    throw readFailure(error)
  }
}

/**
 * A copy or move that the driver makes by itself, with everything that a put to the destination would do around it.
 * Undefined where the driver cannot.
 */
async function changeWithin(
  context: StoreContext,
  method: 'copy' | 'move',
  source: StoredBlob,
  { driver, key }: Location,
  { ifNoneMatch, signal }: StoreCopyOptions,
): Promise<StoredBlob | undefined> {
  const within = context.drivers.get(driver)
  if (source.driver !== driver || source.pendingFor !== undefined || within?.[method] === undefined) return undefined
  if (ifNoneMatch !== undefined && !within.capabilities.conditionalCopy) return undefined
  return context.gate.shared(key, () =>
    holding(context, key, async (held) => {
      // What waits for this driver may have to go first, or be what the condition is about: that is a put's affair.
      const waits = held.record?.driver === driver
      if (waits && (held.busy || ifNoneMatch !== undefined)) return undefined
      const before = await lookAround(context, key, driver, held, signal)
      const [unseen] = before.unseen
      if (ifNoneMatch !== undefined && unseen) throw unseen.failure.with({ outcome: 'unchanged' })
      if (ifNoneMatch !== undefined && (held.record?.operation === 'put' || before.copies.length > 0)) {
        throw new StorageError('ALREADY_EXISTS', `${quoteKey(key)} exists already.`, {
          operation: method,
          key,
          status: 412,
          outcome: 'unchanged',
        })
      }
      const writeToken = await outboxOf(context, driver)?.newToken()
      let info: BlobInfo | undefined
      try {
        info = await context.drivers.ask(driver, method, key, async (asked) => {
          return asked[method]?.(source.key, key, { ifNoneMatch, writeToken, signal })
        })
      } catch (error) {
        // Some drivers learn only from their endpoint's first answer that it has no such condition.
        if (ifNoneMatch !== undefined && isStorageError(error, 'NOT_SUPPORTED')) return undefined
        throw error
      }
      if (info === undefined) return undefined
      await settleVersions(context, key, driver, before, held)
      return storedBlob(context, info, driver)
    }),
  )
}

/** Removes the version that was moved, and what lies below it: else a path of the old key would read that. */
async function removeSource(
  context: StoreContext,
  source: StoredBlob,
  copy: StoredBlob,
  gone: boolean,
  options: StoreCopyOptions,
): Promise<void> {
  const remove = () => {
    return holding(context, source.key, (held) => removeHeld(context, source, copy, gone, held, options))
  }
  await context.gate.shared(source.key, async () => {
    try {
      // Another process may be carrying it out just now, and have done so in between.
      await remove().catch((error: unknown) => (isStorageError(error, 'NOT_FOUND') ? remove() : Promise.reject(error)))
    } catch (error) {
      if (!isStorageError(error, 'PRECONDITION_FAILED')) throw error
      const hint = 'The copy is complete; the source is a newer version now and was kept.'
      throw error.with({ operation: 'move', hint })
    }
  })
}

async function removeHeld(
  context: StoreContext,
  source: StoredBlob,
  copy: StoredBlob,
  gone: boolean,
  held: HeldRecord,
  { signal }: StoreCopyOptions,
): Promise<void> {
  const { driver, etag, pendingFor } = source
  const home = pendingFor ?? driver
  const below = new Set([home, ...(await othersFor(context, home))])
  if (pendingFor === undefined) {
    if (!gone) await removeOrKeep(context, source, copy, driver, etag, signal)
    below.delete(driver)
  } else if (held.record === undefined) {
    await removeHandedOver(context, source, copy, pendingFor, signal)
    below.delete(home)
  } else {
    assertStillWaits(source, held.record)
    const near = [...below].filter((name) => name !== home && context.near.has(name))
    await removeCopies(context, source.key, near, signal)
    for (const name of near) below.delete(name)
  }
  for (const name of below) {
    if (!context.drivers.get(name)) continue
    const waits = held.record?.driver === name
    await removeOrKeep(context, source, copy, name, undefined, signal, waits ? held : undefined)
  }
}

/**
 * Deletes the moved key on one driver: this version of it or, without an etag, whatever is there. Where the driver
 * cannot be reached the delete waits, until the copy has arrived if that waits too.
 */
async function removeOrKeep(
  context: StoreContext,
  { key }: StoredBlob,
  copy: StoredBlob,
  driver: string,
  etag: string | undefined,
  signal: AbortSignal | undefined,
  held?: HeldRecord | undefined,
): Promise<void> {
  const box = outboxOf(context, driver)
  const keep = async (failure?: StorageError) => {
    const token = copy.pendingFor === undefined ? undefined : (await context.outbox?.box.find(copy.key))?.token
    const after = token === undefined ? undefined : { key: copy.key, token }
    const check = (current: OutboxRecord | undefined) => {
      if (held?.record && current === undefined) throw waitsNoLonger('move', key)
      if (held?.record && current?.token !== held.record.token) throw movedMeanwhile(key)
    }
    if (box) await keepDelete(context, box, driver, key, { failure, after, etag, check })
  }
  // As long as the copy is only here, the source on its driver is the one that survives the loss of this machine.
  if (box && (held?.busy || copy.pendingFor !== undefined)) return keep()
  try {
    if (etag !== undefined) await removeVersionOn(context, driver, key, etag, signal)
    else await context.drivers.ask(driver, 'delete', key, (asked) => asked.delete(key, { signal }))
  } catch (error) {
    if (!box || !fallsBack(context, driver, error)) throw error
    return keep(error as StorageError)
  }
  const token = held?.record?.token
  const left = token && (await context.outbox?.box.end(key, (current) => current.token === token))
  if (left) throw movedMeanwhile(key)
}

/** The source waited when it was copied, and has been handed over since: the same version, elsewhere. */
async function removeHandedOver(
  context: StoreContext,
  source: StoredBlob,
  copy: StoredBlob,
  driver: string,
  signal: AbortSignal | undefined,
): Promise<void> {
  const info = await headIfThere(context, driver, source.key, signal)
  if (info === undefined) return
  if (info.writeToken !== source.writeToken) throw movedMeanwhile(source.key)
  await removeOrKeep(context, source, copy, driver, info.etag, signal)
}

function assertStillWaits({ key, etag }: StoredBlob, record: OutboxRecord | undefined): void {
  if (record?.operation === 'put' && record.md5 === etag) return
  throw movedMeanwhile(key)
}

function movedMeanwhile(key: string): StorageError {
  return new StorageError('PRECONDITION_FAILED', `${quoteKey(key)} was changed while it was moved.`, { key })
}

import { isStorageError, StorageError } from '../errors/index.js'
import { quoteKey } from '../keys/index.js'
import type { DeleteRecord, Inherited, Outbox, OutboxDelete, OutboxPut, OutboxRecord } from '../outbox/index.js'
import type { StoreContext } from './context.js'
import { isInDoubt } from './doubt.js'
import { failureKind, namedFailure } from './failures.js'
import { nameOf } from './name-of.js'

/** The outbox for what a driver does not take; undefined where it has no fallback. */
export function outboxOf(context: StoreContext, driver: string): Outbox | undefined {
  return context.fallback.targets.has(driver) ? context.outbox?.box : undefined
}

/** Whether a driver's failure is one that its fallback is there for. */
export function fallsBack({ fallback }: StoreContext, driver: string, error: unknown): boolean {
  if (!fallback.targets.has(driver)) return false
  switch (failureKind(error)) {
    case 'outage':
      return fallback.outages
    case 'refusal':
      return fallback.refusals
    default:
      return false
  }
}

/** What a record says beside its key and body: for whom it waits, and what is known of that driver. */
export async function entryFacts(
  context: StoreContext,
  box: Outbox,
  driver: string,
  failure?: StorageError | undefined,
): Promise<Pick<OutboxPut, 'driver' | 'target' | 'base' | 'seen' | 'doubtUntil'>> {
  const { identity: target, storageTime } = context.drivers.need(driver, 'put')
  const seen = storageTime ?? (await box.lastTime(driver))
  const doubt = failure?.outcome === 'unknown' && context.fallback.grace > 0
  return {
    driver,
    base: 'unknown',
    ...(target === undefined ? {} : { target }),
    ...(seen === undefined ? {} : { seen }),
    ...(doubt ? { doubtUntil: new Date(Date.now() + context.fallback.grace) } : {}),
  }
}

/** What a change for `driver` takes over from the record that it supersedes. UNAVAILABLE where that is for another one. */
export function inherit(
  { notes }: StoreContext,
  current: OutboxRecord | undefined,
  entry: OutboxPut | OutboxDelete,
): Inherited {
  if (current === undefined) return {}
  if (current.driver !== entry.driver) {
    throw new StorageError('UNAVAILABLE', `A change of ${quoteKey(entry.key)} waits for ${current.driver} already.`, {
      operation: entry.operation,
      driver: entry.driver,
      key: entry.key,
      outcome: 'unchanged',
      hint: 'One key waits for one driver at a time: try again when one of them is back.',
    })
  }
  const latest = Math.max(notes.doubtUntil(current), entry.doubtUntil?.getTime() ?? 0)
  // What was there before the older change was there before this one too.
  const seen = Math.max(current.seen?.getTime() ?? 0, entry.seen?.getTime() ?? 0)
  return {
    base: current.base,
    ...(seen > 0 ? { seen: new Date(seen) } : {}),
    ...(latest > 0 ? { doubtUntil: new Date(latest) } : {}),
  }
}

/**
 * Removes what waits for the driver on which the key was just changed: the record that was held, and what came after it,
 * since whatever overlaps has no order. But a request whose answer was lost meanwhile may still come and undo the
 * change, so that what it left waits on; and a condition (`judged`) held for the record that was held, and for no other.
 * Answers what waits on.
 *
 * A version that waits hides older ones on near drivers. `below` removes those before it goes: else whoever is killed in
 * between has brought back what was overwritten before.
 */
export async function endWaiting(
  context: StoreContext,
  key: string,
  driver: string,
  held: OutboxRecord | undefined,
  judged: boolean,
  below: () => Promise<unknown>,
): Promise<OutboxRecord | undefined> {
  for (let cleared = false; ; cleared = true) {
    let covers = false
    const mayGo = (current: OutboxRecord) => {
      const same = held !== undefined && (judged ? isSameVersion(current, held) : current.token === held.token)
      const meant = same || !(judged || isInDoubt(context, current))
      if (current.driver !== driver || !meant) return false
      covers = current.operation === 'put' && !cleared
      return !covers
    }
    try {
      const left = await context.outbox?.box.end(key, mayGo)
      if (!covers) return left
      await below()
    } catch (error) {
      throw isStorageError(error) ? error.with({ outcome: 'unknown' }) : error
    }
  }
}

/** Whether a condition that held for one record holds for the other: it names content, which may have been put again. */
export function isSameVersion(one: OutboxRecord, other: OutboxRecord): boolean {
  if (one.operation === 'put' && other.operation === 'put') return one.md5 === other.md5
  return one.token === other.token
}

/** Caught where the key is looked at again. */
export function waitsNoLonger(operation: string, key: string): StorageError {
  return new StorageError('NOT_FOUND', `${quoteKey(key)} waits no longer.`, { operation, key, outcome: 'unchanged' })
}

/** Why a delete is to wait. */
export interface DeleteReason {
  /** What the driver said; undefined where it was not asked. */
  readonly failure?: StorageError | undefined
  readonly after?: OutboxDelete['after']
  /** The version that it is about, where that is known. */
  readonly etag?: string | undefined
  /** Refuses the delete where the key has another record by then; throws. */
  readonly check?: ((current: OutboxRecord | undefined) => void) | undefined
  /** Removes what lies on near drivers below a version that waits, as {@link endWaiting} does. */
  readonly below?: (() => Promise<unknown>) | undefined
}

/** Makes a delete wait for its driver. Once this resolves no path of the key reads what that driver has. */
export async function keepDelete(
  context: StoreContext,
  box: Outbox,
  driver: string,
  key: string,
  { failure, after, etag, check, below }: DeleteReason,
): Promise<DeleteRecord> {
  const entry: OutboxDelete = {
    ...(await entryFacts(context, box, driver, failure)),
    key,
    operation: 'delete',
    ...(after === undefined ? {} : { after }),
    ...(etag === undefined ? {} : { base: { etag } }),
  }
  let cleared = below === undefined
  let covers = false
  const onto = (current: OutboxRecord | undefined) => {
    check?.(current)
    covers = current?.operation === 'put' && !cleared
    if (covers) throw waitsNoLonger('delete', key)
    return inherit(context, current, entry)
  }
  for (;;) {
    try {
      const record = await box.commitDelete(entry, { onto })
      keptWaiting(context, record, failure)
      return record
    } catch (error) {
      if (covers) {
        covers = false
        cleared = true
        await below?.()
        continue
      }
      if (failure === undefined) throw error
      throw bothFailed(context, failure, namedFailure(error, context.outbox?.host ?? driver, 'delete', key), 'delete')
    }
  }
}

/** Has the change carried out when it can be; one error line and one event say that it waits, if its driver failed. */
export function keptWaiting(context: StoreContext, record: OutboxRecord, failure: StorageError | undefined): void {
  if (failure === undefined) {
    context.wake.now()
    return
  }
  context.wake.later()
  const { key, driver, operation, size } = record
  const { code, message: reason } = failure
  const to = context.fallback.targets.get(driver) ?? context.outbox?.host ?? ''
  const path = context.scheme.format({ driver, key })
  context.logger.error(
    { key, code, driver, reason },
    operation === 'put'
      ? `${nameOf(context, driver)} upload failed, falling back to ${to} storage`
      : `${nameOf(context, driver)} delete failed, it waits in ${to} storage`,
  )
  context.events.emit('fallback', { key, path, from: driver, to, operation, size, code, error: failure })
}

/** The driver's failure, when its fallback has failed as well. */
export function bothFailed(
  context: StoreContext,
  failure: StorageError,
  second: StorageError,
  operation: 'upload' | 'delete',
): StorageError {
  const { key, driver = '' } = failure
  const outcome = second.outcome === 'unknown' ? second.outcome : failure.outcome
  const to = context.fallback.targets.get(driver) ?? ''
  const codes = { code: failure.code, fallbackCode: second.code }
  context.logger.error(
    { key, driver, ...codes },
    `${nameOf(context, driver)} ${operation} failed, and so did ${to} storage`,
  )
  const own = isStorageError(second, 'NO_SPACE') || isStorageError(second, 'CONFIGURATION')
  return new StorageError(failure.code, `${failure.message} Falling back to ${to} failed too: ${second.message}`, {
    operation: failure.operation,
    driver,
    key,
    outcome,
    hint: own ? second.hint : failure.hint,
    cause: new AggregateError([failure, second], 'Both drivers failed.'),
  })
}

import { type BlobInfo, weaklySameEtag } from '../driver/index.js'
import { isStorageError, StorageError } from '../errors/index.js'
import { quoteKey } from '../keys/index.js'
import type { OutboxRecord } from '../outbox/index.js'
import type { StoreContext } from './context.js'
import { failureKind } from './failures.js'
import type { HeldRecord } from './holding.js'
import { endWaiting, fallsBack, keepDelete, outboxOf } from './waiting.js'

/** What a key had on other drivers before a change of it began. */
export interface OtherVersions {
  /** Copies that the change will outdate. */
  readonly copies: readonly OtherCopy[]
  /** Drivers that may have one and could not be asked. */
  readonly unseen: readonly UnseenDriver[]
}

export interface UnseenDriver {
  readonly driver: string
  readonly failure: StorageError
}

export interface OtherCopy {
  readonly driver: string
  readonly etag: string
}

/**
 * Looks where else the key has a version before a put to `driver` begins: near copies of what goes far away; with
 * `exclusive` also the far copies of what stays near. What waits in the outbox is not looked at here.
 */
export async function lookAround(
  context: StoreContext,
  key: string,
  driver: string,
  held: HeldRecord,
  signal?: AbortSignal | undefined,
): Promise<OtherVersions> {
  const far = !context.near.has(driver)
  const copies: OtherCopy[] = []
  const unseen: UnseenDriver[] = []
  if (!far && !context.exclusive) return { copies, unseen }
  for (const [name] of context.drivers.configured()) {
    // What waits for a driver says all there is to say of it.
    if (name === driver || context.near.has(name) !== far || held.record?.driver === name) continue
    try {
      const info = await headIfThere(context, name, key, signal)
      if (info) copies.push({ driver: name, etag: info.etag })
    } catch (error) {
      if (!far && fallsBack(context, name, error)) {
        unseen.push({ driver: name, failure: error as StorageError })
        continue
      }
      // What lies in the way on a disk must not keep a blob from going far away.
      if (!far || failureKind(error) === undefined) throw error
      const { code } = error as StorageError
      context.logger.warn({ key, driver: name, code }, 'Whether there is an older copy could not be seen')
    }
  }
  return { copies, unseen }
}

/** The driver's own version of the key; undefined where it has none. */
export async function headIfThere(
  context: StoreContext,
  driver: string,
  key: string,
  signal?: AbortSignal | undefined,
): Promise<BlobInfo | undefined> {
  try {
    const known = context.drivers.get(driver)
    if (known?.mayHave && !(await known.mayHave(key))) return undefined
    return await context.drivers.ask(driver, 'head', key, (asked) => asked.head(key, { signal }))
  } catch (error) {
    if (isStorageError(error, 'NOT_FOUND')) return undefined
    throw error
  }
}

/**
 * Removes what a change that succeeded has outdated: exactly the versions seen before it began, so that a newer one by
 * somebody else stays. What waits must go, since it would be read first; a copy that stays is only logged. `judged`: the
 * change had a condition that what waited was judged by.
 */
export async function settleVersions(
  context: StoreContext,
  key: string,
  driver: string,
  before: OtherVersions,
  held: HeldRecord,
  judged = false,
): Promise<void> {
  const evict = () => evictCopies(context, key, before.copies)
  await supersede(context, key, driver, held, judged, evict)
  const box = context.outbox?.box
  for (const { driver: name, failure } of box ? before.unseen : []) {
    if (box) await keepDelete(context, box, name, key, { failure })
  }
  // Below a tombstone they were all that could be seen, until it was gone.
  await evict()
}

/** Removes copies that are outdated. What cannot be removed is only logged. */
export async function evictCopies(context: StoreContext, key: string, copies: readonly OtherCopy[]): Promise<void> {
  for (const copy of copies) {
    try {
      await removeCopy(context, key, copy)
    } catch (error) {
      const { code, message } = error as StorageError
      context.logger.warn({ key, driver: copy.driver, code, reason: message }, 'An older copy could not be removed')
    }
  }
}

/** Removes a copy if it is still the one that was seen. Where a driver has gone away the delete waits. */
export async function removeCopy(
  context: StoreContext,
  key: string,
  { driver, etag }: OtherCopy,
  signal?: AbortSignal | undefined,
): Promise<void> {
  try {
    await removeVersionOn(context, driver, key, etag, signal)
  } catch (error) {
    if (isStorageError(error, 'PRECONDITION_FAILED')) return
    const box = fallsBack(context, driver, error) ? outboxOf(context, driver) : undefined
    if (box === undefined) throw error
    await keepDelete(context, box, driver, key, { failure: error as StorageError, etag })
  }
}

/**
 * Removes what lies on near drivers below a version that waits. It goes while that still hides it: else whoever is
 * killed in between has brought back what was overwritten before. What is put there meanwhile stays. Answers whether
 * there was anything.
 */
export async function removeCopies(
  context: StoreContext,
  key: string,
  drivers: readonly string[],
  signal: AbortSignal | undefined,
): Promise<boolean> {
  let removed = false
  for (const driver of drivers) {
    const copy = await headIfThere(context, driver, key, signal)
    if (copy === undefined) continue
    try {
      await removeVersionOn(context, driver, key, copy.etag, signal)
      removed = true
    } catch (error) {
      if (!isStorageError(error, 'PRECONDITION_FAILED')) throw error
    }
  }
  return removed
}

/**
 * Ends the waiting of a key that was just written. Written to the driver that the record waits for: the record goes,
 * with all that came meanwhile, since whatever overlaps has no order. Written to another one: a waiting body turns into
 * a tombstone, so that what it was to replace does not come back under its path; handed over meanwhile, it goes itself.
 */
async function supersede(
  context: StoreContext,
  key: string,
  driver: string,
  { record, claim }: HeldRecord,
  judged: boolean,
  below: () => Promise<unknown>,
): Promise<void> {
  const current = await endWaiting(context, key, driver, record, judged, below)
  const box = context.outbox?.box
  if (box === undefined || record?.driver === driver) return
  if (current === undefined) return record && removeHandedOver(context, record)
  if (current.driver === driver || current.operation === 'delete') return
  // With the claim what has come after it goes too, for it may be there only because the record was; a condition was not
  // about that. Without the claim somebody may be carrying that out, and take what was written here for an older copy: with
  // a tombstone both would be gone. What overlaps has no order, so that it may as well be the newer one.
  const mayGo = (now: OutboxRecord) => now.token === record?.token || (claim !== undefined && !judged)
  const check = (now: OutboxRecord | undefined) => {
    if (now === undefined || !mayGo(now)) throw changedMeanwhile(key)
  }
  if (!mayGo(current)) return
  try {
    await keepDelete(context, box, current.driver, key, { check })
  } catch (error) {
    if (!isStorageError(error, 'PRECONDITION_FAILED')) throw error
    // It was carried out in this very moment.
    if (record && (await box.find(key)) === undefined) await removeHandedOver(context, record)
  }
}

/** Removes a version that waited and is on its driver by now, if it is still the one that is there. */
async function removeHandedOver(context: StoreContext, record: OutboxRecord): Promise<void> {
  const { key, driver, token } = record
  if (record.operation === 'delete' || context.drivers.get(driver) === undefined) return
  try {
    const info = await headIfThere(context, driver, key)
    if (info?.writeToken === token) await evictCopies(context, key, [{ driver, etag: info.etag }])
  } catch (error) {
    const box = fallsBack(context, driver, error) ? outboxOf(context, driver) : undefined
    if (box === undefined) throw error
    await keepDelete(context, box, driver, key, { failure: error as StorageError })
  }
}

function changedMeanwhile(key: string): StorageError {
  return new StorageError('PRECONDITION_FAILED', `${quoteKey(key)} was changed meanwhile.`, { key })
}

/**
 * Deletes this version of the key on a driver. PRECONDITION_FAILED where another one is there; a key that is gone is
 * fine. Where the driver has no conditional delete there is an instant between looking and deleting.
 */
export async function removeVersionOn(
  context: StoreContext,
  driver: string,
  key: string,
  etag: string,
  signal?: AbortSignal | undefined,
): Promise<void> {
  const conditional = context.drivers.need(driver, 'delete').capabilities.conditionalDelete && !etag.startsWith('W/')
  if (conditional && (await removeIfMatch(context, driver, key, etag, signal))) return
  const info = await headIfThere(context, driver, key, signal)
  if (info === undefined) return
  // A weak etag turns strong as the file grows older; it then still names the same version.
  if (!weaklySameEtag(info.etag, etag)) {
    throw new StorageError('PRECONDITION_FAILED', `${quoteKey(key)} was changed meanwhile.`, {
      operation: 'delete',
      driver,
      key,
      outcome: 'unchanged',
    })
  }
  await context.drivers.ask(driver, 'delete', key, (asked) => asked.delete(key, { signal }))
}

/** False where the driver turns out to have no conditional delete: some learn that from their endpoint's first answer. */
async function removeIfMatch(
  context: StoreContext,
  driver: string,
  key: string,
  ifMatch: string,
  signal: AbortSignal | undefined,
): Promise<boolean> {
  try {
    await context.drivers.ask(driver, 'delete', key, (asked) => asked.delete(key, { ifMatch, signal }))
    return true
  } catch (error) {
    if (isStorageError(error, 'NOT_SUPPORTED')) return false
    // A missing key fails the condition too.
    const left = isStorageError(error, 'PRECONDITION_FAILED') ? await headIfThere(context, driver, key, signal) : true
    if (left !== undefined) throw error
    return true
  }
}

import { checkWriteConditions, checkWriteOptions, type DeleteOptions, type SignalOptions } from '../driver/index.js'
import { isStorageError, StorageError } from '../errors/index.js'
import { quoteKey } from '../keys/index.js'
import type { OutboxRecord } from '../outbox/index.js'
import type { StoreContext } from './context.js'
import { type CurrentVersion, currentVersion, type DeletePlan, deletePlan } from './delete-plan.js'
import { namedFailure } from './failures.js'
import { type HeldRecord, holding } from './holding.js'
import { aborted } from './read.js'
import type { PathDeleteResult } from './stored.js'
import { tellFailed } from './tell-failed.js'
import { type OtherCopy, removeCopies, removeCopy } from './versions.js'
import { endWaiting, fallsBack, isSameVersion, keepDelete, outboxOf, waitsNoLonger } from './waiting.js'

const BATCH = 500
const PARALLEL = 16

/** Deletes a blob wherever its path would read it. A blob that does not exist is no error. */
export async function deleteBlob(context: StoreContext, path: string, options: DeleteOptions): Promise<void> {
  const started = performance.now()
  let plan: DeletePlan
  try {
    plan = await deletePath(context, path, options)
  } catch (error) {
    tellFailed(context, 'delete', path, started, error)
    throw error
  }
  const { key, driver } = plan
  context.events.emit('delete', { key, driver, ms: performance.now() - started })
}

async function deletePath(context: StoreContext, path: string, options: DeleteOptions): Promise<DeletePlan> {
  checkWriteOptions(options, 'delete')
  const plan = await deletePlan(context, path, options.signal)
  if (options.signal?.aborted) throw aborted('delete', plan.key, options.signal)
  await context.gate.shared(plan.key, () => deleteOne(context, plan, options))
  return plan
}

/**
 * The far drivers first, or a tombstone for one that cannot be asked: then nothing that is near is in the way. But what
 * lies below a version that waits goes before that.
 */
async function deleteOne(
  context: StoreContext,
  plan: DeletePlan,
  { ifMatch, signal }: DeleteOptions,
  failures: Failures = new Map(),
): Promise<void> {
  const { key } = plan
  const run = () =>
    holding(context, key, async (held) => {
      // What waits is read by every path of the key, whichever driver it waits for.
      const waitsFor = held.record?.operation === 'put' ? [held.record.driver] : []
      const judged = ifMatch !== undefined
      let changed = false
      const onChange = () => {
        changed = true
      }
      try {
        const current = judged ? await judge(context, plan, held.record, ifMatch, signal) : undefined
        if (current) return await deleteMatching(context, plan, current, { ifMatch, signal }, onChange)
        const below = async () => {
          if (await removeCopies(context, key, plan.near, signal)) onChange()
        }
        for (const name of new Set([...plan.far, ...waitsFor])) {
          await deleteFar(context, key, name, held, judged, below, failures.get(name), signal)
          onChange()
        }
        // The condition held for the version that waited; what is near by now is another one.
        for (const name of judged ? [] : plan.near) {
          await context.drivers.ask(name, 'delete', key, (asked) => asked.delete(key, { signal }))
          onChange()
        }
      } catch (error) {
        if (!isStorageError(error)) throw error
        throw error.with({ outcome: changed ? 'unknown' : (error.outcome ?? 'unchanged') })
      }
    })
  if (ifMatch === undefined) return run()
  await context.conditional.run(key, async () => {
    // What waited may be handed over in this very moment, and then the condition is for its driver to judge.
    await run().catch((error: unknown) => (isStorageError(error, 'NOT_FOUND') ? run() : Promise.reject(error)))
  })
}

/**
 * The current version, if it is still the one that was judged, and of older ones beside it those that were seen then: what
 * comes meanwhile is nothing that the condition was about.
 */
async function deleteMatching(
  context: StoreContext,
  { key, far }: DeletePlan,
  { driver, others }: CurrentVersion,
  options: DeleteOptions,
  onChange: () => void,
): Promise<void> {
  for (const { driver: name, failure } of others.unseen) {
    const box = outboxOf(context, name)
    if (box) await keepDelete(context, box, name, key, { failure })
    onChange()
  }
  const remove = async (copies: readonly OtherCopy[]) => {
    for (const copy of copies) {
      await removeCopy(context, key, copy, options.signal)
      onChange()
    }
  }
  await remove(others.copies.filter((copy) => far.includes(copy.driver)))
  await context.drivers.ask(driver, 'delete', key, (asked) => asked.delete(key, options))
  onChange()
  await remove(others.copies.filter((copy) => !far.includes(copy.driver)))
}

/** What drivers said of deletes that were tried just before. */
type Failures = ReadonlyMap<string, StorageError>

/** On one far driver: at once, or by a tombstone. `judged`: the record that is held met a condition. */
async function deleteFar(
  context: StoreContext,
  key: string,
  driver: string,
  { record, busy }: HeldRecord,
  judged: boolean,
  below: () => Promise<void>,
  failed: StorageError | undefined,
  signal: AbortSignal | undefined,
): Promise<void> {
  const box = outboxOf(context, driver)
  const waits = record?.driver === driver
  const check = (current: OutboxRecord | undefined) => {
    if (!judged || !waits) return
    if (current === undefined) throw waitsNoLonger('delete', key)
    assertStill(key, current, record)
  }
  if (record && waits && !context.drivers.get(driver)) {
    const left = await endWaiting(context, key, driver, record, judged, below)
    if (left && judged) assertStill(key, left, record)
    return
  }
  // Only in the outbox can it be judged in the instant of the delete that this very record is still the current one.
  if (box && waits && (busy || (judged && record.operation === 'put'))) {
    await keepDelete(context, box, driver, key, { check, below })
    return
  }
  try {
    if (failed) throw failed
    await context.drivers.ask(driver, 'delete', key, (asked) => asked.delete(key, { signal }))
  } catch (error) {
    if (!box || !fallsBack(context, driver, error)) throw error
    await keepDelete(context, box, driver, key, { failure: error as StorageError, check, below })
    return
  }
  const left = waits ? await endWaiting(context, key, driver, record, judged, below) : undefined
  // What came meanwhile is deleted too, and stays so when a lost request of it comes late.
  if (left?.driver === driver && box && !judged) await keepDelete(context, box, driver, key, { below })
}

/**
 * Checks `ifMatch` against the version that a read would find, and answers where that is, for its driver to judge it
 * again; undefined where it is one that waits here, of which nobody else can say anything.
 */
async function judge(
  context: StoreContext,
  plan: DeletePlan,
  record: OutboxRecord | undefined,
  ifMatch: string,
  signal: AbortSignal | undefined,
): Promise<CurrentVersion | undefined> {
  const { key } = plan
  if (record?.operation === 'put') {
    checkWriteConditions(key, record.md5, { ifMatch }, 'delete')
    return undefined
  }
  const current = await currentVersion(context, plan, record?.driver, signal)
  checkWriteConditions(key, current?.etag, { ifMatch }, 'delete')
  return current
}

function assertStill(key: string, current: OutboxRecord, record: OutboxRecord): void {
  if (isSameVersion(current, record)) return
  throw new StorageError('PRECONDITION_FAILED', `${quoteKey(key)} was changed meanwhile.`, {
    operation: 'delete',
    key,
    outcome: 'unchanged',
  })
}

/** Deletes many and answers for each, in the order asked. */
export async function deleteBlobs(
  context: StoreContext,
  paths: readonly string[],
  { signal }: SignalOptions,
): Promise<PathDeleteResult[]> {
  const started = performance.now()
  const results = new Array<PathDeleteResult>(paths.length)
  for (let from = 0; from < paths.length; from += BATCH) {
    if (signal?.aborted) throw aborted('deleteMany', undefined, signal)
    const plans = new Map<number, DeletePlan>()
    for (const [index, path] of paths.slice(from, from + BATCH).entries()) {
      try {
        plans.set(from + index, await deletePlan(context, path, signal))
      } catch (error) {
        results[from + index] = { path, key: path, error: error as Error }
        tellFailed(context, 'delete', path, started, error)
      }
    }
    const keys = [...new Set([...plans.values()].map(({ key }) => key))]
    const errors = await sharedAll(context, keys, () => deleteBatch(context, [...plans.values()], signal))
    for (const [index, { key, driver }] of plans) {
      const error = errors.get(key)
      results[index] = { path: paths[index] as string, key, ...(error ? { error } : {}) }
      if (error) tellFailed(context, 'delete', key, started, error)
      else context.events.emit('delete', { key, driver, ms: performance.now() - started })
    }
  }
  return results
}

/** Keys of which nothing waits go in one request to each driver; the others, and what fails there, one by one. */
async function deleteBatch(
  context: StoreContext,
  plans: readonly DeletePlan[],
  signal: AbortSignal | undefined,
): Promise<Map<string, Error>> {
  const errors = new Map<string, Error>()
  const alone = new Map<string, { readonly plan: DeletePlan; readonly failures: Map<string, StorageError> }>()
  for (const plan of plans) {
    if (await context.outbox?.box.find(plan.key)) alone.set(plan.key, { plan, failures: new Map() })
  }
  const together = plans.filter(({ key }) => !alone.has(key))
  for (const where of ['far', 'near'] as const) {
    for (const name of new Set(together.flatMap((plan) => plan[where]))) {
      const asked = together.filter(({ key, [where]: names }) => {
        return names.includes(name) && !errors.has(key) && !alone.has(key)
      })
      const failed = await deleteTogether(context, name, [...new Set(asked.map(({ key }) => key))], signal)
      for (const plan of asked) {
        const error = failed.get(plan.key)
        if (error === undefined) continue
        if (fallsBack(context, name, error)) alone.set(plan.key, { plan, failures: new Map([[name, error]]) })
        else errors.set(plan.key, error)
      }
    }
  }
  const left = alone.values()
  const work = async () => {
    for (const { plan, failures } of left) {
      try {
        await deleteOne(context, plan, { signal }, failures)
      } catch (error) {
        errors.set(plan.key, error as Error)
      }
    }
  }
  await Promise.all(Array.from({ length: PARALLEL }, work))
  return errors
}

async function deleteTogether(
  context: StoreContext,
  name: string,
  keys: readonly string[],
  signal: AbortSignal | undefined,
): Promise<Map<string, StorageError>> {
  const failed = new Map<string, StorageError>()
  if (keys.length === 0) return failed
  try {
    const answers = await context.drivers.ask(name, 'deleteMany', undefined, (driver) => {
      return driver.deleteMany(keys, { signal })
    })
    for (const { key, error } of answers) if (error) failed.set(key, namedFailure(error, name, 'delete', key))
  } catch (error) {
    for (const key of keys) failed.set(key, namedFailure(error, name, 'delete', key))
  }
  return failed
}

/** Holds all the keys at once; nobody who holds one alone ever waits for another, so the order does not matter. */
function sharedAll<T>(context: StoreContext, keys: readonly string[], work: () => Promise<T>): Promise<T> {
  const [key, ...rest] = keys
  return key === undefined ? work() : context.gate.shared(key, () => sharedAll(context, rest, work))
}

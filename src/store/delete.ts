import { checkWriteConditions, checkWriteOptions, type DeleteOptions, type SignalOptions } from '../driver/index.js'
import { isStorageError, StorageError } from '../errors/index.js'
import { quoteKey } from '../keys/index.js'
import type { StoreContext } from './context.js'
import { namedFailure } from './failures.js'
import type { Location } from './paths/index.js'
import { othersFor, resolve } from './plan.js'
import { aborted } from './read.js'
import type { PathDeleteResult } from './stored.js'
import { headIfThere } from './versions.js'

/** Where a key is deleted: far away first, since that is what may fail, and nothing else is gone then. */
interface DeletePlan {
  readonly key: string
  readonly driver: string
  readonly far: readonly string[]
  readonly near: readonly string[]
}

const BATCH = 500

/** Deletes a blob wherever its path would read it. A blob that does not exist is no error. */
export async function deleteBlob(context: StoreContext, path: string, options: DeleteOptions): Promise<void> {
  const started = performance.now()
  checkWriteOptions(options, 'delete')
  const { ifMatch, signal } = options
  const plan = await deletePlan(context, path, signal)
  const { key, driver } = plan
  if (signal?.aborted) throw aborted('delete', key, signal)
  await context.gate.shared(key, async () => {
    const pending = await context.outbox?.box.find(key)
    const current = ifMatch === undefined ? undefined : await currentVersion(context, plan, signal)
    if (ifMatch !== undefined) checkWriteConditions(key, pending?.md5 ?? current?.etag, { ifMatch }, 'delete')
    const remove = (name: string) => {
      const condition = current?.driver === name && !pending ? ifMatch : undefined
      return context.drivers.ask(name, 'delete', key, (asked) => asked.delete(key, { ifMatch: condition, signal }))
    }
    for (const name of plan.far) await remove(name)
    if (pending) await context.outbox?.box.remove(pending)
    for (const name of plan.near) await remove(name)
  })
  context.events.emit('delete', { key, driver, ms: performance.now() - started })
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
      }
    }
    const keys = [...new Set([...plans.values()].map(({ key }) => key))]
    const errors = await sharedAll(context, keys, () => deleteBatch(context, [...plans.values()], signal))
    for (const [index, { key, driver }] of plans) {
      const error = errors.get(key)
      results[index] = { path: paths[index] as string, key, ...(error ? { error } : {}) }
      if (!error) context.events.emit('delete', { key, driver, ms: performance.now() - started })
    }
  }
  return results
}

async function deleteBatch(
  context: StoreContext,
  plans: readonly DeletePlan[],
  signal: AbortSignal | undefined,
): Promise<Map<string, Error>> {
  const errors = new Map<string, Error>()
  const deleteOn = async (where: 'far' | 'near') => {
    const names = new Set(plans.flatMap((plan) => plan[where]))
    for (const name of names) {
      const keys = new Set(
        plans.filter((plan) => plan[where].includes(name) && !errors.has(plan.key)).map(({ key }) => key),
      )
      if (keys.size === 0) continue
      try {
        const asked = [...keys]
        const answers = await context.drivers.ask(name, 'deleteMany', undefined, (driver) => {
          return driver.deleteMany(asked, { signal })
        })
        for (const { key, error } of answers) if (error) errors.set(key, namedFailure(error, name, 'delete', key))
      } catch (error) {
        for (const key of keys) errors.set(key, namedFailure(error, name, 'delete', key))
      }
    }
  }
  await deleteOn('far')
  for (const { key } of plans) {
    if (errors.has(key)) continue
    try {
      const pending = await context.outbox?.box.find(key)
      if (pending) await context.outbox?.box.remove(pending)
    } catch (error) {
      errors.set(key, error as Error)
    }
  }
  await deleteOn('near')
  return errors
}

/** Holds all the keys at once; nobody who holds one alone ever waits for another, so the order does not matter. */
function sharedAll<T>(context: StoreContext, keys: readonly string[], work: () => Promise<T>): Promise<T> {
  const [key, ...rest] = keys
  return key === undefined ? work() : context.gate.shared(key, () => sharedAll(context, rest, work))
}

async function deletePlan(context: StoreContext, path: string, signal: AbortSignal | undefined): Promise<DeletePlan> {
  const { candidates, bare } = resolve(context, path)
  const { driver, key } = await theOne(context, path, candidates, signal)
  const configured = [...context.drivers.configured()].map(([name]) => name)
  const chain = bare ? configured : [driver, ...(await othersFor(context, driver))]
  const there = configured.filter((name) => chain.includes(name))
  const plan = {
    key,
    driver,
    far: there.filter((name) => !context.near.has(name)),
    near: there.filter((name) => context.near.has(name)),
  }
  if (!bare && !configured.includes(driver)) await assertElsewhere(context, plan, signal)
  return plan
}

/** The blob that an old path means: a guess that fits several blobs is no ground to delete one. */
async function theOne(
  context: StoreContext,
  path: string,
  candidates: readonly [Location, ...Location[]],
  signal: AbortSignal | undefined,
): Promise<Location> {
  const keys = new Set(candidates.map(({ key }) => key))
  if (keys.size === 1) return candidates[0]
  const found: Location[] = []
  for (const location of candidates) {
    const { driver, key } = location
    if (found.some((other) => other.key === key) || !context.drivers.get(driver)) continue
    const pending = await context.outbox?.box.find(key)
    if (pending || (await headIfThere(context, driver, key, signal))) found.push(location)
  }
  if (found.length < 2) return found[0] ?? candidates[0]
  const paths = found.map((location) => quoteKey(context.scheme.format(location))).join(', ')
  throw new StorageError('INVALID_ARGUMENT', `The path ${quoteKey(path)} may mean more than one blob.`, {
    operation: 'delete',
    outcome: 'unchanged',
    hint: `Delete one of: ${paths}.`,
  })
}

/** A path of a driver that is not configured can be deleted only where its blob lies elsewhere. */
async function assertElsewhere(
  context: StoreContext,
  plan: DeletePlan,
  signal: AbortSignal | undefined,
): Promise<void> {
  const pending = await context.outbox?.box.find(plan.key)
  for (const name of pending ? [] : plan.near) {
    if (await headIfThere(context, name, plan.key, signal)) return
  }
  context.drivers.need(plan.driver, 'delete')
}

/** The version that a read would find, outbox aside. */
async function currentVersion(
  context: StoreContext,
  plan: DeletePlan,
  signal: AbortSignal | undefined,
): Promise<{ readonly driver: string; readonly etag: string } | undefined> {
  const order = [plan.driver, ...plan.far, ...plan.near].filter((name) => context.drivers.get(name))
  for (const driver of new Set(order)) {
    try {
      const info = await context.drivers.ask(driver, 'head', plan.key, (asked) => asked.head(plan.key, { signal }))
      return { driver, etag: info.etag }
    } catch (error) {
      if (!isStorageError(error, 'NOT_FOUND')) throw error
    }
  }
  return undefined
}

import { StorageError } from '../errors/index.js'
import { quoteKey } from '../keys/index.js'
import type { StoreContext } from './context.js'
import type { Location } from './paths/index.js'
import { othersFor, resolve } from './plan.js'
import { headIfThere, type OtherCopy, type OtherVersions, type UnseenDriver } from './versions.js'
import { fallsBack } from './waiting.js'

/** Where a key is deleted: far away first, since that is what may fail, and nothing else is gone then. */
export interface DeletePlan {
  readonly key: string
  readonly driver: string
  readonly far: readonly string[]
  readonly near: readonly string[]
}

/** Where the blob that a path means is to be deleted. INVALID_ARGUMENT where that may be more than one. */
export async function deletePlan(
  context: StoreContext,
  path: string,
  signal: AbortSignal | undefined,
): Promise<DeletePlan> {
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
    const record = await context.outbox?.box.find(key)
    const there =
      record && (record.operation === 'put' || record.driver === driver) ? record.operation === 'put' : undefined
    if (there ?? (await headIfThere(context, driver, key, signal))) found.push(location)
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
  const record = await context.outbox?.box.find(plan.key)
  if (record?.operation === 'put') return
  for (const name of plan.near) {
    if (await headIfThere(context, name, plan.key, signal)) return
  }
  context.drivers.need(plan.driver, 'delete')
}

/** The version that a read would find, outbox aside. */
export interface CurrentVersion {
  readonly driver: string
  readonly etag: string
  /** What the other drivers of the plan have. */
  readonly others: OtherVersions
}

/** Looks for it, aside from a driver that is to have none any more. */
export async function currentVersion(
  context: StoreContext,
  plan: DeletePlan,
  gone: string | undefined,
  signal: AbortSignal | undefined,
): Promise<CurrentVersion | undefined> {
  const order = [plan.driver, ...plan.far, ...plan.near].filter((name) => context.drivers.get(name) && name !== gone)
  const copies: OtherCopy[] = []
  const unseen: UnseenDriver[] = []
  for (const driver of new Set(order)) {
    try {
      const info = await headIfThere(context, driver, plan.key, signal)
      if (info) copies.push({ driver, etag: info.etag })
    } catch (error) {
      // It may be the one that is read; behind that, an older version there can be deleted later.
      if (copies.length === 0 || !fallsBack(context, driver, error)) throw error
      unseen.push({ driver, failure: error as StorageError })
    }
  }
  const [current, ...others] = copies
  return current && { ...current, others: { copies: others, unseen } }
}

import { StorageError } from '../errors/index.js'
import { assertKey, quoteKey } from '../keys/index.js'
import type { StoreContext } from './context.js'
import { type Location, type Resolution, resolvePath } from './paths/index.js'
import { chooseDriver, type RoutingContext } from './routing/index.js'

/** Where the blob that a path means is looked for, in order. */
export interface ReadPlan {
  /** Distinct; those on a driver that is not configured are left out. */
  readonly steps: readonly Location[]
  /** The driver that the path names, if there is none behind that name. */
  readonly missing: string | undefined
}

/** Reads a path. Pure; INVALID_ARGUMENT and INVALID_KEY as {@link resolvePath} says. */
export function resolve(context: StoreContext, path: string): Resolution {
  const { drivers, policy, scheme } = context
  if (typeof path !== 'string') assertKey(path)
  const route = (key: string) => {
    const driver: unknown = policy?.({ key })
    return drivers.names.find((name) => name === driver)
  }
  return resolvePath(path, scheme, drivers.names, route)
}

/** Where a blob is looked for: the outbox is not in it, since it comes first for every key. */
export async function readPlan(context: StoreContext, resolution: Resolution): Promise<ReadPlan> {
  const steps: Location[] = []
  const add = (driver: string, key: string) => {
    const known = steps.some((step) => step.driver === driver && step.key === key)
    if (!known && context.drivers.get(driver)) steps.push({ driver, key })
  }
  for (const { driver, key } of resolution.candidates) {
    add(driver, key)
    for (const other of await othersFor(context, driver)) add(other, key)
  }
  const [{ driver }] = resolution.candidates
  const missing = !resolution.bare && context.drivers.get(driver) === undefined ? driver : undefined
  return { steps, missing }
}

/** The drivers on which a key of `driver` may be too: near ones, and from a near one the far ones once blobs moved there. */
export async function othersFor(context: StoreContext, driver: string): Promise<readonly string[]> {
  if (!context.readThrough) return []
  const isNear = context.near.has(driver)
  const others: string[] = []
  for (const [name] of context.drivers.configured()) {
    if (name !== driver && context.near.has(name) !== isNear) others.push(name)
  }
  if (!isNear || others.length === 0) return others
  return (await context.outbox?.box.marked('moved')) ? others : []
}

/** The driver that takes a new blob: the one asked for, else the policy's; where that is not configured, its fallback. */
export function routeTo(context: StoreContext, asked: string | undefined, routing: RoutingContext): string {
  const { drivers, fallback } = context
  if (asked !== undefined && !drivers.names.includes(asked)) {
    throw new StorageError('INVALID_ARGUMENT', `The store has no driver ${quoteKey(asked)}.`, {
      operation: 'route',
      key: routing.key,
      hint: `Its drivers are: ${drivers.names.join(', ')}.`,
      outcome: 'unchanged',
    })
  }
  const name = asked ?? chooseDriver(context.policy, routing, drivers.names)
  if (drivers.get(name)) return name
  const target = fallback.targets.get(name)
  if (target !== undefined) return target
  drivers.need(name, 'route')
  return name
}

/** NOT_FOUND, as the store says it when every place was asked. */
export function notFound(path: string, operation: string, key: string): StorageError {
  return new StorageError('NOT_FOUND', `There is no blob ${quoteKey(path)}.`, { operation, key })
}

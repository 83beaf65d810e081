import type { StoreContext } from './context.js'
import type { Location, Resolution } from './paths/index.js'
import { notFound, readPlan, resolve } from './plan.js'
import { headBlob } from './read.js'
import { headIfThere } from './versions.js'

/** What a link leads to. */
export interface LinkTarget extends Location {
  /** Whether the blob is still to come to its driver. */
  readonly waits: boolean
  /** The path that reads the blob wherever it goes from there. */
  readonly path: string
}

/**
 * Where the blob is thought to be, in the order in which it would be read. Asks the outbox, the near drivers where that
 * decides, and never a far driver: whether the blob is there at all is not known. NOT_FOUND where it is known that it is not.
 */
export async function linkTarget(context: StoreContext, path: string, operation: string): Promise<LinkTarget> {
  const resolution = resolve(context, path)
  const { steps } = await readPlan(context, resolution)
  const [hint] = resolution.candidates
  const missing = context.drivers.get(hint.driver) === undefined ? hint.driver : undefined
  const target = missing === undefined ? undefined : context.fallback.targets.get(missing)
  // Where there is only one place to lead to it is not looked at.
  const certain = steps.length < 2 && (missing === undefined || target !== undefined)
  let deleted = false
  for (const key of new Set(resolution.candidates.map((candidate) => candidate.key))) {
    const pending = await context.outbox?.box.find(key)
    if (pending?.operation === 'put') return made(context, resolution, path, { driver: pending.driver, key }, true)
    for (const step of steps.filter((one) => one.key === key)) {
      // A tombstone hides what its driver still has.
      if (pending?.driver === step.driver) deleted = true
      else if (certain || !context.near.has(step.driver) || (await headIfThere(context, step.driver, key))) {
        return made(context, resolution, path, step, false)
      }
    }
  }
  if (deleted) throw notFound(path, operation, hint.key)
  return made(context, resolution, path, { driver: target ?? hint.driver, key: hint.key }, false)
}

/** Where the blob is, as `head` says: every driver is asked that may have it. */
export async function seenTarget(
  context: StoreContext,
  path: string,
  operation: string,
  signal: AbortSignal | undefined,
): Promise<LinkTarget> {
  const { key, driver, pendingFor } = await headBlob(context, path, { signal }, operation)
  const location = { driver: pendingFor ?? driver, key }
  return made(context, resolve(context, path), path, location, pendingFor !== undefined)
}

/**
 * A path that means one blob keeps its meaning, and what waits will be found under its driver's path. Any other path is
 * a guess, which may come to mean another blob.
 */
function made(
  { scheme }: StoreContext,
  { canonical }: Resolution,
  path: string,
  { driver, key }: Location,
  waits: boolean,
): LinkTarget {
  return { driver, key, waits, path: canonical && !waits ? path : scheme.format({ driver, key }) }
}

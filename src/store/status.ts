import type { StoreContext } from './context.js'
import type { DriverHealth } from './driver-set.js'
import type { PendingOptions } from './options.js'
import type { PendingBlob } from './stored.js'

/** Fit to be the answer of a health endpoint. Asks no driver. */
export interface StoreStatus<D extends string = string> {
  readonly drivers: { readonly [Name in D]: DriverHealth }
  /** What waits in the outbox. */
  readonly pending: {
    readonly count: number
    readonly bytes: number
    /** When the oldest was put. */
    readonly oldest?: Date | undefined
    /** What waits lies on a disk that is gone with this machine or container, such as `tmpfs`. */
    readonly ephemeral?: string | undefined
  }
  /** Conflicts that nobody has dismissed. */
  readonly conflicts: number
}

export async function statusOf(context: StoreContext): Promise<StoreStatus> {
  const drivers = Object.fromEntries(context.drivers.names.map((name) => [name, context.drivers.health(name)]))
  const box = context.outbox?.box
  if (box === undefined) return { drivers, pending: { count: 0, bytes: 0 }, conflicts: 0 }
  const { ephemeral } = await box.volume()
  const pending = { ...(await box.summary()), ...(ephemeral === undefined ? {} : { ephemeral }) }
  return { drivers, pending, conflicts: (await box.conflicts()).length }
}

/** What waits, in byte order of the keys. */
export async function pendingBlobs(context: StoreContext, options: PendingOptions): Promise<PendingBlob[]> {
  const records = (await context.outbox?.box.list(options)) ?? []
  return records.map((record) => {
    const { key, operation, size, generation, createdAt: since, driver: pendingFor, token } = record
    const attempts = context.notes.attempts(record)
    return {
      key,
      driver: context.outbox?.host ?? pendingFor,
      path: context.scheme.format({ driver: pendingFor, key }),
      pendingFor,
      operation,
      size,
      generation,
      since,
      ...(context.notes.hasArrived(token) ? { verifiedAfter: new Date(context.notes.doubtUntil(record)) } : {}),
      ...(attempts ? { attempts: attempts.count, lastError: attempts.lastError } : {}),
    }
  })
}

/**
 * Says in the background whether what waits would be gone with the machine or container. Of an outbox in memory whoever
 * chose it knows.
 */
export function warnIfEphemeral({ fallback, outbox, logger }: StoreContext): void {
  if (outbox === undefined || fallback.targets.size === 0) return
  outbox.box.volume().then(
    ({ ephemeral }) => {
      if (ephemeral === undefined || ephemeral === 'memory') return
      const hint = 'put the local root on a volume that stays'
      logger.warn({ disk: ephemeral, hint }, 'What waits for a driver lies on a disk that is gone with this machine')
    },
    // It is asked again when something is to wait, and reported there.
    () => {},
  )
}

/** One line that says what this store is made of; where a driver is switched off, that its blobs go elsewhere. */
export function logStart(context: StoreContext): void {
  const { drivers, fallback, logger } = context
  const described = drivers.names.map((name) => {
    const driver = drivers.get(name)
    if (driver === undefined) return [name, 'not configured']
    return [name, driver.description ? `${driver.kind} ${driver.description}` : driver.kind]
  })
  const pairs = [...fallback.targets]
  const off = pairs.find(([from]) => drivers.get(from) === undefined)
  const facts = {
    ...Object.fromEntries(described),
    fallback: pairs.map(([from, to]) => `${from}->${to}`).join(',') || 'none',
  }
  if (off === undefined) logger.info(facts, 'Storage is ready')
  else logger.info(facts, `${off[0] === 's3' ? 'S3' : off[0]} is not configured, using ${off[1]} storage`)
}

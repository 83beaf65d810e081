import { SpoolBudget } from '../body/index.js'
import type { BlobInfo } from '../driver/index.js'
import { StorageError } from '../errors/index.js'
import { isOutboxHost, type Outbox, type OutboxRecord } from '../outbox/index.js'
import { DriverSet } from './driver-set.js'
import { StoreEmitter } from './events.js'
import { KeyGate } from './key-gate.js'
import { type Logger, silentLogger, stderrLogger } from './logger.js'
import type { FallbackSettings, HybridStoreOptions } from './options.js'
import { isDriverName, type PathScheme, uriPaths } from './paths/index.js'
import type { RoutingPolicy } from './routing/index.js'
import type { StoredBlob } from './stored.js'

/** The settings of the fallback with the defaults filled in. */
export interface FallbackRules extends Required<{ [K in keyof FallbackSettings]: NonNullable<FallbackSettings[K]> }> {
  /** For each driver that may fail the one that keeps its blobs. */
  readonly targets: ReadonlyMap<string, string>
}

/** The settings of the spool with the defaults filled in. */
export interface SpoolRules {
  readonly memory: number
  readonly minFree: number
  readonly budget: SpoolBudget
}

/** What all the parts of one store share. */
export interface StoreContext {
  readonly drivers: DriverSet
  readonly policy: RoutingPolicy | undefined
  readonly scheme: PathScheme
  readonly fallback: FallbackRules
  readonly spool: SpoolRules | undefined
  /** Where blobs wait for their driver, and the name of the driver that hosts it. */
  readonly outbox: { readonly host: string; readonly box: Outbox } | undefined
  /** Drivers that are looked at without much ado: the fallback's, and disks. */
  readonly near: ReadonlySet<string>
  readonly readThrough: boolean
  readonly exclusive: boolean
  readonly gate: KeyGate
  readonly events: StoreEmitter
  readonly logger: Logger
}

const MIB = 1024 * 1024

/** Checks a store's options and makes what its parts share. CONFIGURATION names what is wrong. Does no I/O. */
export function makeContext<D extends string, K extends string>(options: HybridStoreOptions<D, K>): StoreContext {
  const drivers = new DriverSet(options.drivers)
  checkNames(drivers)
  const logger = options.logger === false ? silentLogger : (options.logger ?? stderrLogger())
  const fallback = fallbackRules(options.fallback || {}, drivers)
  const host = outboxHost(drivers, fallback)
  const near = new Set([...drivers.configured()].filter(([, { kind }]) => kind === 'fs').map(([name]) => name))
  for (const target of fallback.targets.values()) near.add(target)
  const events = new StoreEmitter((event, error) => {
    logger.error({ event, error: error instanceof Error ? error.message : String(error) }, 'An event listener failed')
  })
  host?.box.onRejected((rejected) => {
    logger.error({ name: rejected.name, problem: rejected.problem }, 'A record of the outbox was set aside')
    events.emit('rejected', rejected)
  })
  return {
    drivers,
    policy: options.policy as RoutingPolicy | undefined,
    scheme: options.paths ?? uriPaths(),
    fallback,
    spool: spoolRules(options.spool),
    outbox: host,
    near,
    readThrough: options.readThrough ?? true,
    exclusive: options.exclusive ?? false,
    gate: new KeyGate(),
    events,
    logger,
  }
}

function checkNames(drivers: DriverSet): void {
  if (drivers.names.length === 0) throw wrong('it has no drivers', 'Pass at least one driver.')
  for (const name of drivers.names) {
    if (!isDriverName(name)) {
      throw wrong(
        `${JSON.stringify(name)} is no name for a driver`,
        'Take 2 to 32 letters, digits, _ and -, a letter first.',
      )
    }
  }
}

function fallbackRules(options: { readonly [name: string]: unknown }, drivers: DriverSet): FallbackRules {
  const { outages, refusals, within, ...pairs } = options
  const targets = new Map<string, string>()
  for (const [from, to] of Object.entries(pairs)) {
    if (to === undefined) continue
    if (!drivers.names.includes(from)) throw wrong(`fallback names the driver "${from}", which it does not have`)
    if (typeof to !== 'string' || !drivers.names.includes(to)) {
      throw wrong(`fallback leads from ${from} to "${String(to)}", which is no driver of the store`)
    }
    const target = drivers.get(to)
    if (target === undefined) throw wrong(`fallback leads from ${from} to ${to}, which is not configured`)
    if (from === to) throw wrong(`fallback leads from ${from} to itself`)
    if (!isOutboxHost(target)) throw wrong(`fallback leads from ${from} to ${to}, which cannot keep blobs for others`)
    targets.set(from, to)
  }
  if (new Set(targets.values()).size > 1) throw wrong('fallback leads to more than one driver', 'Let all lead to one.')
  for (const to of targets.values()) {
    if (targets.has(to))
      throw wrong(`fallback leads to ${to}, and from ${to} to another one`, 'Do not chain fallbacks.')
  }
  if (within !== undefined && !(typeof within === 'number' && within > 0)) {
    throw wrong('fallback.within is no number of milliseconds above 0')
  }
  return { targets, outages: outages !== false, refusals: refusals !== false, within: (within as number) ?? 10_000 }
}

/** Without a fallback too: what an earlier configuration left waiting stays readable. */
function outboxHost(drivers: DriverSet, { targets }: FallbackRules): StoreContext['outbox'] {
  const [target] = targets.values()
  for (const [name, driver] of drivers.configured()) {
    if ((target === undefined || name === target) && isOutboxHost(driver)) {
      return { host: name, box: driver.createOutbox() }
    }
  }
  return undefined
}

function spoolRules(spool: HybridStoreOptions['spool']): SpoolRules | undefined {
  if (spool === false) return undefined
  for (const [name, value] of Object.entries(spool ?? {})) {
    if (value !== undefined && !(typeof value === 'number' && value >= 0)) {
      throw wrong(`spool.${name} is no number of bytes from 0`)
    }
  }
  const {
    memory = 8 * MIB,
    totalMemory = 64 * MIB,
    totalDisk = Number.POSITIVE_INFINITY,
    minFree = 256 * MIB,
  } = spool ?? {}
  return { memory, minFree, budget: new SpoolBudget({ totalMemory, totalDisk }) }
}

function wrong(problem: string, hint?: string): StorageError {
  return new StorageError('CONFIGURATION', `The store's options are refused: ${problem}.`, { hint })
}

/** A driver's blob as the store's. */
export function storedBlob(context: StoreContext, info: BlobInfo, driver: string): StoredBlob {
  return { ...info, driver, path: context.scheme.format({ driver, key: info.key }) }
}

/** A waiting blob: it lies beside the host's blobs, under the path of the driver that it waits for. */
export function pendingBlob(context: StoreContext, record: OutboxRecord): StoredBlob {
  const { key, size, md5: etag, sha256, createdAt: lastModified, attributes, driver: pendingFor } = record
  const path = context.scheme.format({ driver: pendingFor, key })
  return {
    key,
    size,
    etag,
    lastModified,
    ...attributes,
    sha256,
    driver: context.outbox?.host ?? pendingFor,
    path,
    pendingFor,
  }
}

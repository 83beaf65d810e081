import { SpoolBudget } from '../body/index.js'
import { KeyQueue } from '../disk/index.js'
import type { BlobInfo } from '../driver/index.js'
import { isOutboxHost, type Outbox, type PutRecord } from '../outbox/index.js'
import { checkSignedUrls, type SignedUrlSettings } from '../signing/index.js'
import { Circuit, type CircuitStateName } from './circuit.js'
import { DriverSet } from './driver-set.js'
import { StoreEmitter } from './events.js'
import { type FallbackRules, fallbackRules } from './fallback-rules.js'
import { KeyGate } from './key-gate.js'
import { type Logger, silentLogger, stderrLogger } from './logger.js'
import type { ConflictRule, HybridStoreOptions, ReconcileSettings } from './options.js'
import { isDriverName, type PathScheme, uriPaths } from './paths/index.js'
import { RecordNotes } from './record-notes.js'
import type { RoutingPolicy } from './routing/index.js'
import type { StoredBlob } from './stored.js'
import { wrongOption as wrong } from './wrong-option.js'

/** The settings of the spool with the defaults filled in. */
export interface SpoolRules {
  readonly memory: number
  readonly minFree: number
  readonly budget: SpoolBudget
}

/** The settings of the reconciler with the defaults filled in. */
export interface ReconcileRules
  extends Required<{ [K in keyof ReconcileSettings]: NonNullable<ReconcileSettings[K]> }> {
  /** Whether anything happens without being asked for. */
  readonly automatic: boolean
}

/** What all the parts of one store share. */
export interface StoreContext {
  readonly drivers: DriverSet
  readonly policy: RoutingPolicy | undefined
  readonly scheme: PathScheme
  readonly fallback: FallbackRules
  readonly spool: SpoolRules | undefined
  readonly reconcile: ReconcileRules
  readonly conflicts: ConflictRule
  /** Where blobs wait for their driver, and the name of the driver that hosts it. */
  readonly outbox: { readonly host: string; readonly box: Outbox } | undefined
  /** Drivers that are looked at without much ado: the fallback's, and disks. */
  readonly near: ReadonlySet<string>
  readonly readThrough: boolean
  readonly exclusive: boolean
  /** How links of the store's own are signed; undefined where it makes none. */
  readonly signedUrls: Required<SignedUrlSettings> | undefined
  readonly gate: KeyGate
  /** Conditional changes of a key go one after the other: a condition may be judged on one driver for another. */
  readonly conditional: KeyQueue
  /** What became of the records that were tried. */
  readonly notes: RecordNotes
  /** Has what waits looked at: at once, or when its driver may be back. */
  readonly wake: { now: () => void; later: () => void }
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
  const reconcile = reconcileRules(options.reconcile)
  const conflicts = conflictRule(options.conflicts)
  const host = outboxHost(drivers, fallback)
  const near = new Set([...drivers.configured()].filter(([, { kind }]) => kind === 'fs').map(([name]) => name))
  for (const target of fallback.targets.values()) near.add(target)
  const events = new StoreEmitter((event, error) => {
    logger.error({ event, error: error instanceof Error ? error.message : String(error) }, 'An event listener failed')
  })
  const wake = { now: () => {}, later: () => {} }
  setCircuits(drivers, fallback, !reconcile.automatic, events, logger, wake)
  drivers.onAnswer = (name, { storageTime }) => {
    // It never rejects, and nobody waits for it.
    if (storageTime && fallback.targets.has(name)) void host?.box.noteTime(name, storageTime)
  }
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
    reconcile,
    conflicts,
    outbox: host,
    near,
    readThrough: options.readThrough ?? true,
    exclusive: options.exclusive ?? false,
    signedUrls: options.signedUrls && checkSignedUrls(options.signedUrls),
    gate: new KeyGate(),
    conditional: new KeyQueue(),
    notes: new RecordNotes(),
    wake,
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

/** Calls to a driver that has a fallback go through a circuit. */
function setCircuits(
  drivers: DriverSet,
  { targets, circuit }: FallbackRules,
  probedByCalls: boolean,
  events: StoreEmitter,
  logger: Logger,
  wake: StoreContext['wake'],
): void {
  if (circuit === false) return
  for (const driver of targets.keys()) {
    if (drivers.get(driver) === undefined) continue
    let reached = true
    const onChange = (state: CircuitStateName) => {
      // Said once for each outage, however often it is probed.
      if (state === 'open' && reached) logger.warn({ driver }, 'A driver cannot be reached, what is meant for it waits')
      if (state === 'closed') logger.info({ driver }, 'A driver can be reached again')
      if (state !== 'half-open') reached = state === 'closed'
      // It may have been a read that found it, after which nothing waits that would be looked at soon.
      if (state === 'open') wake.later()
      events.emit('circuit', { driver, state })
    }
    drivers.setCircuit(driver, new Circuit(driver, { ...circuit, probedByCalls }, onChange))
  }
}

function reconcileRules(options: HybridStoreOptions['reconcile']): ReconcileRules {
  const { interval = 30_000, parallel = 16, unsafeDelete = 'apply' } = options || {}
  if (!(Number.isFinite(interval) && interval > 0))
    throw wrong('reconcile.interval is no number of milliseconds above 0')
  if (!(Number.isSafeInteger(parallel) && parallel > 0)) throw wrong('reconcile.parallel is no whole number above 0')
  if (unsafeDelete !== 'apply' && unsafeDelete !== 'park') throw wrong("reconcile.unsafeDelete is 'apply' or 'park'")
  return { automatic: options !== false, interval, parallel, unsafeDelete }
}

function conflictRule(rule: HybridStoreOptions['conflicts'] = 'both'): ConflictRule {
  if (rule === 'both' || rule === 'local' || rule === 'remote') return rule
  throw wrong("conflicts is 'both', 'local' or 'remote'")
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

/** A driver's blob as the store's. */
export function storedBlob(context: StoreContext, info: BlobInfo, driver: string): StoredBlob {
  return { ...info, driver, path: context.scheme.format({ driver, key: info.key }) }
}

/** A waiting blob: it lies beside the host's blobs, under the path of the driver that it waits for. */
export function pendingBlob(context: StoreContext, record: PutRecord): StoredBlob {
  const { key, size, md5: etag, sha256, createdAt: lastModified, attributes, token, driver: pendingFor } = record
  const path = context.scheme.format({ driver: pendingFor, key })
  return {
    key,
    size,
    etag,
    lastModified,
    ...attributes,
    sha256,
    writeToken: token,
    driver: context.outbox?.host ?? pendingFor,
    path,
    pendingFor,
  }
}

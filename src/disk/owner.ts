import { createHash, randomBytes } from 'node:crypto'
import { readFileSync, readlinkSync } from 'node:fs'
import { hostname } from 'node:os'

/**
 * Names this process in what it leaves on disk while it works, so that others can tell whether it still lives: boot, pid
 * namespace, pid, start time, and a random part that tells several owners in one process apart. Fits into a file name.
 */
export function makeOwner(): string {
  return [bootId(), pidNamespace(), process.pid, startOf(process.pid) ?? 0, randomBytes(4).toString('hex')].join('.')
}

/** Owners of this process that have ended before it. */
const retired = new Set<string>()

/** From now on the owner counts as dead, although its process goes on: what it left is somebody else's to take over. */
export function retireOwner(owner: string): void {
  retired.add(owner)
}

/** `unknown`: the owner belongs to another boot, host or container, and only time can tell. */
export type Liveness = 'alive' | 'dead' | 'unknown'

const OWNER = /^([0-9a-f]{12})\.(\d+)\.(\d+)\.(\d+)\.[0-9a-f]{8}(?:\.|$)/

/** Whether the process of an owner lives; what {@link makeOwner} did not give, or not whole, is `unknown`. */
export function livenessOf(owner: string): Liveness {
  const [, boot, namespace, pid, start] = OWNER.exec(owner) ?? []
  if (retired.size > 0 && retired.has(owner.split('.').slice(0, 5).join('.'))) return 'dead'
  if (boot !== bootId() || namespace !== pidNamespace()) return 'unknown'
  if (process.platform !== 'linux') return signalReaches(Number(pid)) ? 'unknown' : 'dead'
  const now = startOf(Number(pid))
  return now !== undefined && String(now) === start ? 'alive' : 'dead'
}

function signalReaches(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
}

let boot: string | undefined
function bootId(): string {
  boot ??= digest(tryRead(() => readFileSync('/proc/sys/kernel/random/boot_id', 'utf8')) ?? hostname())
  return boot
}

let namespace: string | undefined
function pidNamespace(): string {
  namespace ??= /\d+/.exec(tryRead(() => readlinkSync('/proc/self/ns/pid')) ?? '')?.[0] ?? '0'
  return namespace
}

/** Clock ticks after boot at which the process started; undefined where it is gone, or dead and not yet reaped. */
function startOf(pid: number): string | undefined {
  const stat = tryRead(() => readFileSync(`/proc/${pid}/stat`, 'utf8'))
  // The name of the program comes second, in parentheses, and may hold anything.
  const [state, ...fields] = stat?.slice(stat.lastIndexOf(')') + 2).split(' ') ?? []
  return state === undefined || state === 'Z' || state === 'X' ? undefined : fields[18]
}

function tryRead(read: () => string): string | undefined {
  try {
    return read()
  } catch {
    return undefined
  }
}

function digest(text: string): string {
  return createHash('sha256').update(text).digest('hex').slice(0, 12)
}

import { randomBytes } from 'node:crypto'
import { readFileSync, readlinkSync } from 'node:fs'

/** Who holds unfinished bodies: one outbox of one process, told apart from a later process with the same pid. */
export interface Owner {
  readonly id: string
  readonly pid: number
  /** Linux only: the boot, the pid namespace, and the process's start in clock ticks since that boot. */
  readonly boot?: string | undefined
  readonly namespace?: string | undefined
  readonly started?: string | undefined
}

/** An owner for an outbox of this process. */
export function newOwner(): Owner {
  return { id: randomBytes(8).toString('hex'), pid: process.pid, ...system(), started: startOf(process.pid) }
}

/** Whether the owner's process has ended; undefined where this process cannot tell (another host or container). */
export function isDead(owner: Owner): boolean | undefined {
  const { boot, namespace } = system()
  if (boot === undefined || owner.boot !== boot || owner.namespace !== namespace) return undefined
  return startOf(owner.pid) !== owner.started
}

/** Reads what {@link newOwner} wrote; undefined if it is anything else. */
export function parseOwner(text: string): Owner | undefined {
  try {
    const owner = JSON.parse(text)
    const known = typeof owner.id === 'string' && Number.isSafeInteger(owner.pid) && owner.pid > 0
    return known ? owner : undefined
  } catch {
    return undefined
  }
}

function system(): Pick<Owner, 'boot' | 'namespace'> {
  try {
    return {
      boot: readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim(),
      namespace: readlinkSync('/proc/self/ns/pid'),
    }
  } catch {
    return {}
  }
}

/** Field 22 of proc(5)'s stat. The command's name in front may hold spaces and parentheses. */
function startOf(pid: number): string | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19]
  } catch {
    return undefined
  }
}

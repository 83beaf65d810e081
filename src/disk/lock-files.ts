import { setTimeout as sleep } from 'node:timers/promises'
import { StorageError } from '../errors/index.js'
import { writeFully } from './durable.js'
import { systemCode } from './errors.js'
import { livenessOf } from './owner.js'
import type { Disk } from './port.js'

export interface LockFilesOptions {
  readonly disk: Disk
  /** As {@link makeOwner} gives it. */
  readonly owner: string
  /** Milliseconds for which a lock of another boot, host or container must stay as it is before it counts as dead. */
  readonly lease: number
}

/** Milliseconds to wait for a lock that a living process holds. */
const PATIENCE = 60_000

/**
 * Locks between processes: a symlink whose target names its holder, so that taking it and signing it is one atomic
 * call. The lock of a process that ended is taken over. Within one process it is for the caller to see that nobody asks
 * for a lock that is held already.
 */
export class LockFiles {
  readonly #disk: Disk
  readonly #owner: string
  readonly #lease: number
  /** Locks and breakers of whom nobody can say whether they live, and since when they were seen. */
  readonly #seen = new Map<string, { readonly holder: string; readonly since: number }>()
  #serial = 0

  constructor({ disk, owner, lease }: LockFilesOptions) {
    this.#disk = disk
    this.#owner = owner
    this.#lease = lease
  }

  /**
   * Takes the lock, or answers false where somebody living holds it. `broken`: it was taken over from a process that
   * died while it held it.
   */
  async tryTake(path: string): Promise<'taken' | 'broken' | false> {
    for (let broken = false; ; ) {
      try {
        await this.#sign(path)
        this.#seen.delete(path)
        return broken ? 'broken' : 'taken'
      } catch (error) {
        if (systemCode(error) !== 'EEXIST') throw error
      }
      const holder = await this.holderOf(path)
      if (holder === undefined) continue
      if (!this.#isDead(path, holder)) return false
      if (!(await this.#break(path, holder))) return false
      broken = true
    }
  }

  /** Takes the lock, waiting for who holds it. TIMEOUT after a minute, ABORTED by the signal. */
  async take(path: string, signal?: AbortSignal | undefined): Promise<'taken' | 'broken'> {
    const started = Date.now()
    for (let attempt = 0; ; attempt++) {
      if (signal?.aborted) throw abortedBefore(signal)
      const taken = await this.tryTake(path)
      if (taken) return taken
      if (Date.now() - started > PATIENCE) {
        throw new StorageError('TIMEOUT', 'Another process held the lock of the key for too long.', {
          outcome: 'unchanged',
        })
      }
      await sleep(Math.min(1 + attempt, 10) * (0.5 + Math.random()))
    }
  }

  /** Never rejects: a lock that cannot be removed is taken over by the next holder, here or when this process ended. */
  async release(path: string): Promise<void> {
    await this.#disk.unlink(path).catch(() => {})
  }

  /** Who holds the lock, as {@link makeOwner} names them and a count; undefined where nobody does. */
  async holderOf(path: string): Promise<string | undefined> {
    try {
      return await this.#disk.readlink(path)
    } catch (error) {
      if (systemCode(error) === 'ENOENT') return undefined
      // No symlink, see #sign.
      if (systemCode(error) === 'EINVAL') return this.#signature(path)
      throw error
    }
  }

  /** Takes the lock in one call. Where the disk has no symlinks, in two: a crash between them leaves it unsigned. */
  async #sign(path: string): Promise<void> {
    const target = `${this.#owner}.${(++this.#serial).toString(36)}`
    try {
      await this.#disk.symlink(target, path)
      return
    } catch (error) {
      if (!['EPERM', 'ENOSYS', 'ENOTSUP', 'EOPNOTSUPP'].includes(systemCode(error) ?? '')) throw error
    }
    const handle = await this.#disk.open(path, 'wx')
    try {
      await writeFully(handle, Buffer.from(target))
    } finally {
      await handle.close()
    }
  }

  async #signature(path: string): Promise<string | undefined> {
    try {
      const handle = await this.#disk.open(path, 'r')
      try {
        const bytes = Buffer.alloc(256)
        const { bytesRead } = await handle.read(bytes, 0, bytes.byteLength, 0)
        return bytes.toString('utf8', 0, bytesRead)
      } finally {
        await handle.close()
      }
    } catch (error) {
      if (systemCode(error) === 'ENOENT') return undefined
      throw error
    }
  }

  #isDead(path: string, holder: string): boolean {
    // Nobody in this process holds it, or they would not ask: a lock of ours that could not be removed.
    if (holder.startsWith(`${this.#owner}.`)) return true
    const liveness = livenessOf(holder)
    if (liveness !== 'unknown') return liveness === 'dead'
    const seen = this.#seen.get(path)
    if (seen?.holder === holder) return Date.now() - seen.since > this.#lease
    this.#seen.set(path, { holder, since: Date.now() })
    return false
  }

  /** Removes a dead lock, and no other: two breakers exclude each other, and look again before they act. */
  async #break(path: string, holder: string): Promise<boolean> {
    const guard = `${path}.break`
    try {
      await this.#sign(guard)
    } catch (error) {
      if (systemCode(error) !== 'EEXIST') throw error
      const breaker = await this.holderOf(guard)
      if (breaker !== undefined && this.#isDead(guard, breaker)) {
        this.#seen.delete(guard)
        await this.#unlinkIfThere(guard)
      }
      return false
    }
    try {
      if ((await this.holderOf(path)) === holder) await this.#unlinkIfThere(path)
    } finally {
      await this.#unlinkIfThere(guard)
    }
    return true
  }

  async #unlinkIfThere(path: string): Promise<void> {
    try {
      await this.#disk.unlink(path)
    } catch (error) {
      if (systemCode(error) !== 'ENOENT') throw error
    }
  }
}

function abortedBefore(signal: AbortSignal): StorageError {
  return new StorageError('ABORTED', 'The call was aborted.', { outcome: 'unchanged', cause: signal.reason })
}

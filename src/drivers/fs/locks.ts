import { setTimeout as sleep } from 'node:timers/promises'
import { type Disk, livenessOf, systemCode, writeFully } from '../../disk/index.js'
import { StorageError } from '../../errors/index.js'
import type { OpenDirectory } from './confinement.js'
import { lockName } from './internal-names.js'

/** Milliseconds for which a lock of another boot, host or container must stay as it is before it counts as dead. */
const LEASE = 10_000
/** Milliseconds to wait for a lock that a living process holds. */
const PATIENCE = 60_000

/**
 * One lock per blob, around check and publish. In this process a queue; between processes a symlink beside the blob
 * whose target names its holder, so that taking it and signing it is one atomic call.
 */
export class KeyLocks {
  readonly #disk: Disk
  readonly #owner: string
  readonly #queues = new Map<string, Promise<void>>()
  /** When a breaker was first seen. */
  readonly #guards = new Map<string, number>()
  #serial = 0

  constructor(disk: Disk, owner: string) {
    this.#disk = disk
    this.#owner = owner
  }

  /** Runs `action` while nobody else changes the blob stored as `name` in `directory`. */
  async hold<T>(
    directory: OpenDirectory,
    name: string,
    signal: AbortSignal | undefined,
    action: () => Promise<T>,
  ): Promise<T> {
    const id = `${directory.path}/${name}`
    const before = this.#queues.get(id)
    let leave: () => void = () => {}
    const mine = new Promise<void>((resolve) => {
      leave = resolve
    })
    const tail = before ? before.then(() => mine) : mine
    this.#queues.set(id, tail)
    try {
      await before
      const lock = lockName(name)
      await this.#take(directory, lock, signal)
      try {
        return await action()
      } finally {
        // A lock that cannot be removed is taken over by the next holder, here or when this process has ended.
        await directory.unlink(lock).catch(() => {})
      }
    } finally {
      leave()
      if (this.#queues.get(id) === tail) this.#queues.delete(id)
    }
  }

  async #take(directory: OpenDirectory, lock: string, signal: AbortSignal | undefined): Promise<void> {
    const target = `${this.#owner}.${(++this.#serial).toString(36)}`
    const started = Date.now()
    let seen: string | undefined
    let since = 0
    for (let attempt = 0; ; attempt++) {
      if (signal?.aborted) throw abortedBefore(signal)
      try {
        await this.#sign(target, directory.at(lock))
        return
      } catch (error) {
        if (systemCode(error) !== 'EEXIST') throw error
      }
      const holder = await this.#holderOf(directory, lock)
      if (holder === undefined) continue
      if (holder !== seen) {
        seen = holder
        since = Date.now()
      }
      if (this.#isDead(holder, Date.now() - since)) {
        await this.#break(directory, lock, holder)
        continue
      }
      if (Date.now() - started > PATIENCE) {
        throw new StorageError('TIMEOUT', 'Another process held the lock of the key for too long.', {
          outcome: 'unchanged',
        })
      }
      await sleep(Math.min(1 + attempt, 10) * (0.5 + Math.random()))
    }
  }

  async #holderOf(directory: OpenDirectory, lock: string): Promise<string | undefined> {
    try {
      return await this.#disk.readlink(directory.at(lock))
    } catch (error) {
      if (systemCode(error) === 'ENOENT') return undefined
      // No symlink, see #sign.
      if (systemCode(error) === 'EINVAL') return this.#signature(directory.at(lock))
      throw error
    }
  }

  /** Takes the lock in one call. Where the disk has no symlinks, in two: a crash between them leaves it unsigned. */
  async #sign(target: string, lock: string): Promise<void> {
    try {
      await this.#disk.symlink(target, lock)
      return
    } catch (error) {
      if (!['EPERM', 'ENOSYS', 'ENOTSUP', 'EOPNOTSUPP'].includes(systemCode(error) ?? '')) throw error
    }
    const handle = await this.#disk.open(lock, 'wx')
    try {
      await writeFully(handle, Buffer.from(target))
    } finally {
      await handle.close()
    }
  }

  async #signature(lock: string): Promise<string | undefined> {
    try {
      const handle = await this.#disk.open(lock, 'r')
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

  #isDead(holder: string, unchanged: number): boolean {
    // The queue says that nobody in this driver holds it: a lock of ours that could not be removed.
    if (holder.startsWith(`${this.#owner}.`)) return true
    const liveness = livenessOf(holder)
    return liveness === 'dead' || (liveness === 'unknown' && unchanged > LEASE)
  }

  /** Removes a dead lock, and no other: two breakers exclude each other, and look again before they act. */
  async #break(directory: OpenDirectory, lock: string, holder: string): Promise<void> {
    const guard = `${lock}.break`
    try {
      await this.#sign(`${this.#owner}.${(++this.#serial).toString(36)}`, directory.at(guard))
    } catch (error) {
      if (systemCode(error) !== 'EEXIST') throw error
      const breaker = await this.#holderOf(directory, guard)
      const since = this.#guards.get(breaker ?? '') ?? Date.now()
      if (breaker === undefined) return
      if (this.#isDead(breaker, Date.now() - since)) {
        this.#guards.delete(breaker)
        await directory.unlink(guard)
      } else {
        this.#guards.set(breaker, since)
        await sleep(2)
      }
      return
    }
    try {
      if ((await this.#holderOf(directory, lock)) === holder) await directory.unlink(lock)
    } finally {
      await directory.unlink(guard)
    }
  }
}

function abortedBefore(signal: AbortSignal): StorageError {
  return new StorageError('ABORTED', 'The call was aborted.', { outcome: 'unchanged', cause: signal.reason })
}

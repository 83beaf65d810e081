import { join } from 'node:path'
import { type Disk, LockFiles, makeOwner } from '../disk/index.js'
import type { OutboxClaim } from './types.js'

/**
 * Milliseconds after which a claim of another boot, host or container counts as given up. Two who carry out one record
 * do no harm, since each step is conditional; it is only work done twice.
 */
const LEASE = 60_000

interface Held {
  readonly path: string
  users: number
  readonly taken: Promise<boolean>
}

/** Who carries out which record: a lock file each, shared by those in this process who ask for the same one. */
export class Claims {
  readonly #locks: LockFiles
  readonly #directory: string
  readonly #held = new Map<string, Held>()

  constructor(disk: Disk, directory: string) {
    this.#locks = new LockFiles({ disk, owner: makeOwner(), lease: LEASE })
    this.#directory = directory
  }

  /** Undefined while another process has it. */
  async take(token: string): Promise<OutboxClaim | undefined> {
    const held = this.#held.get(token) ?? this.#take(token)
    held.users++
    let released = false
    const release = async () => {
      if (released) return
      released = true
      if (--held.users > 0) return
      this.#held.delete(token)
      if (await held.taken.catch(() => false)) await this.#locks.release(held.path)
    }
    try {
      if (await held.taken) return { release }
    } catch (error) {
      await release()
      throw error
    }
    await release()
    return undefined
  }

  async releaseAll(): Promise<void> {
    const held = [...this.#held.values()]
    this.#held.clear()
    for (const { path, taken } of held) if (await taken.catch(() => false)) await this.#locks.release(path)
  }

  #take(token: string): Held {
    const path = join(this.#directory, token)
    const held = { path, users: 0, taken: this.#locks.tryTake(path).then((taken) => taken !== false) }
    this.#held.set(token, held)
    return held
  }
}

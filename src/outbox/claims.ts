import { join } from 'node:path'
import { type Disk, LockFiles, makeOwner, retireOwner } from '../disk/index.js'
import type { OutboxClaim } from './types.js'

/**
 * Milliseconds after which a claim of another boot, host or container counts as given up. Two who carry out one record
 * do no harm, since each step is conditional; it is only work done twice.
 */
const LEASE = 60_000

interface Held {
  readonly path: string
  users: number
  readonly taken: Promise<'taken' | 'broken' | false>
  /** Whether somebody was told that it was taken over. */
  told?: boolean | undefined
  /** Gives the claim back for whom it is only kept. */
  timer?: NodeJS.Timeout | undefined
}

/**
 * Who carries out what waits of a key: a lock file each, shared by those in this process who ask for the same one. Of the
 * key and not of the record, so that no two generations are on their way at once.
 */
export class Claims {
  readonly #disk: Disk
  readonly #directory: string
  #owner = makeOwner()
  #locks: LockFiles
  readonly #held = new Map<string, Held>()

  constructor(disk: Disk, directory: string) {
    this.#disk = disk
    this.#locks = this.#newLocks()
    this.#directory = directory
  }

  /** Undefined while another process has it. */
  async take(key: string): Promise<OutboxClaim | undefined> {
    const held = this.#held.get(key) ?? this.#take(key)
    held.users++
    let released = false
    const release = async () => {
      if (released) return
      released = true
      await this.#leave(key, held)
    }
    try {
      const taken = await held.taken
      const died = taken === 'broken' && !held.told
      held.told = true
      if (taken) return { died, release, keep: (ms) => this.#keep(key, held, ms) }
    } catch (error) {
      await release()
      throw error
    }
    await release()
    return undefined
  }

  /**
   * Gives back what is held. What is kept because of a request that was never answered stays as if its holder had
   * died, so that whoever takes it over knows.
   */
  async end(): Promise<void> {
    const all = [...this.#held.values()]
    this.#held.clear()
    for (const { timer, taken, path } of all) {
      clearTimeout(timer)
      if (timer === undefined && (await taken.catch(() => false))) await this.#locks.release(path)
    }
    retireOwner(this.#owner)
    this.#owner = makeOwner()
    this.#locks = this.#newLocks()
  }

  #newLocks(): LockFiles {
    return new LockFiles({ disk: this.#disk, owner: this.#owner, lease: LEASE })
  }

  #take(key: string): Held {
    const path = join(this.#directory, key)
    const held = { path, users: 0, taken: this.#locks.tryTake(path) }
    this.#held.set(key, held)
    return held
  }

  #keep(key: string, held: Held, milliseconds: number): void {
    if (held.timer) clearTimeout(held.timer)
    else held.users++
    held.timer = setTimeout(() => {
      held.timer = undefined
      this.#leave(key, held).catch(() => {})
    }, milliseconds).unref()
  }

  async #leave(key: string, held: Held): Promise<void> {
    if (--held.users > 0 || this.#held.get(key) !== held) return
    this.#held.delete(key)
    if (await held.taken.catch(() => false)) await this.#locks.release(held.path)
  }
}

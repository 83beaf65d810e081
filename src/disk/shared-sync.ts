import type { DiskHandle } from './port.js'
import { syncHandle } from './sync.js'

/**
 * One fsync for all who ask for the same directory before it begins: what they changed was there by then, and is durable
 * when it ends. One at a time for each directory, so that those who come during one share the next. It fails for all of
 * them alike, and is never retried.
 */
export class SharedSync {
  /** Those that have not begun yet. */
  readonly #gathering = new Map<string, Promise<void>>()
  readonly #last = new Map<string, Promise<void>>()

  /** Fsyncs the open directory that `id` tells from every other one. The handle stays open until this has settled. */
  sync(id: string, handle: Pick<DiskHandle, 'sync'>): Promise<void> {
    const gathering = this.#gathering.get(id)
    if (gathering) return gathering
    const sync = () => {
      this.#gathering.delete(id)
      return handle.sync()
    }
    const begin = () => syncHandle({ sync })
    const mine = (this.#last.get(id) ?? Promise.resolve()).then(begin, begin)
    this.#gathering.set(id, mine)
    this.#last.set(id, mine)
    const over = () => {
      if (this.#last.get(id) === mine) this.#last.delete(id)
    }
    mine.then(over, over)
    return mine
  }
}

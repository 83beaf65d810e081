import { type Disk, KeyQueue, LockFiles } from '../../disk/index.js'
import type { OpenDirectory } from './confinement.js'
import { lockName } from './internal-names.js'

/** Milliseconds for which a lock of another boot, host or container must stay as it is before it counts as dead. */
const LEASE = 10_000

/**
 * One lock per blob, around check and publish. In this process a queue; between processes a lock file beside the blob.
 */
export class KeyLocks {
  readonly #files: LockFiles
  readonly #queue = new KeyQueue()

  constructor(disk: Disk, owner: string) {
    this.#files = new LockFiles({ disk, owner, lease: LEASE })
  }

  /** Runs `action` while nobody else changes the blob stored as `name` in `directory`. */
  hold<T>(
    directory: OpenDirectory,
    name: string,
    signal: AbortSignal | undefined,
    action: () => Promise<T>,
  ): Promise<T> {
    return this.#queue.run(`${directory.path}/${name}`, async () => {
      const lock = directory.at(lockName(name))
      await this.#files.take(lock, signal)
      try {
        return await action()
      } finally {
        await this.#files.release(lock)
      }
    })
  }
}

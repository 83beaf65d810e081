import type { BigIntStats, Stats } from 'node:fs'

/** What a file was, and what time it shows where it was put back. */
export interface Identity {
  readonly ino: bigint
  readonly mtimeNs: bigint
  readonly shown: bigint
}

/**
 * A crash changes neither the number nor the time of a file, but putting a file back does: attributes are bound to both,
 * so a disk shows the ones from before. A time is the file's own again once it was changed.
 */
export class Identities {
  readonly #known = new Map<bigint, Identity>()

  /** `ino` is the number where it was put back. */
  add(ino: bigint, identity: Identity): void {
    this.#known.set(ino, identity)
  }

  /** Changes the answer of a stat into what it would have been. */
  show<T extends Stats | BigIntStats>(stat: T): T {
    const was = this.#known.get(BigInt(stat.ino))
    if (was === undefined) return stat
    if ('mtimeNs' in stat) {
      if (stat.mtimeNs === was.shown) stat.mtimeNs = was.mtimeNs
      stat.ino = was.ino
    } else {
      stat.ino = Number(was.ino)
    }
    return stat
  }
}

import { cp, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { inject } from 'vitest'
import { isStorageError } from '../../src/index.js'
import { Aftermath, isConflict } from './aftermath.js'
import type { Bench } from './bench.js'
import { listKeys, pathOf, readSeq } from './child-client.js'
import { KeptS3, type KillStore, openS3, openStore } from './open.js'
import { Oracle } from './oracle.js'
import { now, type StoreSetup } from './protocol.js'

const ALIASES = ['s3', 'local', 'bare'] as const

export interface CheckOptions {
  readonly all?: boolean | undefined
  readonly mustRead?: ((key: string) => boolean) | undefined
}

/** One root and one folder of the bucket, with the oracle that knows what they may hold. */
export class World {
  readonly oracle = new Oracle()
  readonly setup: StoreSetup
  readonly #bench: Bench
  /**
   * How often the paths of one key did not agree on which of several possible versions it has: a put to S3 over a copy on
   * the disk, or the reverse, that was killed between its two steps. It was never acknowledged, so that either may be read.
   */
  splits = 0
  /** Changes that were not carried out as they were meant, because both sides had changed. */
  conflicts = 0
  readonly #aftermath: Aftermath
  readonly #s3: KeptS3

  private constructor(bench: Bench, setup: StoreSetup) {
    this.#bench = bench
    this.setup = setup
    this.#aftermath = new Aftermath(setup, bench.bucket)
    this.#s3 = openS3({ ...setup, maxAttempts: 3 }, KeptS3) as KeptS3
  }

  static async make(bench: Bench, prefix: string): Promise<World> {
    const world = await World.#on(bench, prefix)
    await world.#teachLocalPaths()
    return world
  }

  /** A new one like this, without the requests that it takes to make one. */
  async copy(prefix: string): Promise<World> {
    const world = await World.#on(this.#bench, prefix)
    await cp(this.setup.root, world.setup.root, { recursive: true })
    return world
  }

  static async #on(bench: Bench, prefix: string): Promise<World> {
    const { region, credentials } = inject('s3')
    const root = await mkdtemp(join(tmpdir(), 'hybrid-store-kill-'))
    const { endpoint } = bench.proxy
    const setup = { root, bucket: bench.bucket.name, endpoint, region, credentials, prefix, features: bench.features }
    return new World(bench, setup)
  }

  async remove(): Promise<void> {
    await this.#s3.end()
    await this.#aftermath.empty()
    await rm(this.setup.root, { recursive: true, force: true })
  }

  /** A store of the parent's own on the same root and bucket. */
  async withStore<T>(work: (store: KillStore) => Promise<T>): Promise<T> {
    const setup = { ...this.setup, grace: 200, maxAttempts: this.#bench.proxy.isDown ? 1 : 3 }
    const store = openStore(setup, this.#bench.proxy.isDown ? {} : { s3: this.#s3 })
    try {
      return await work(store)
    } finally {
      await store.close()
    }
  }

  /**
   * Reads keys by every path and compares with the oracle: those that were changed since they were last read, or all of
   * them. With S3 up an answer there must be, and what all paths agree on is what the key is from then on. With S3 down
   * `mustRead` says of which keys one is owed all the same.
   */
  async check(store: KillStore, { all = false, mustRead }: CheckOptions = {}): Promise<string[]> {
    const violations: string[] = []
    const isDown = this.#bench.proxy.isDown
    const { oracle } = this
    const checkKey = async (key: string, index: number) => {
      const seen = new Set<number | null>()
      for (const [at, alias] of ALIASES.entries()) {
        const begin = now()
        let seq: number | null
        try {
          // The body by one path, its attributes by the others.
          seq = await readSeq(store, key, alias, (index + at) % ALIASES.length !== 0)
        } catch (error) {
          const isOutage = isStorageError(error, 'UNAVAILABLE') || isStorageError(error, 'TIMEOUT')
          if (!isDown || !isOutage || mustRead?.(key)) violations.push(`${pathOf(alias, key)}: ${String(error)}`)
          continue
        }
        seen.add(seq)
        const problem = oracle.problem({ key, seq, begin, end: now() })
        if (problem) violations.push(`${pathOf(alias, key)}: ${problem}`)
      }
      if (isDown) return
      if (seen.size > 1) this.splits++
      else for (const seq of seen) oracle.fix(key, seq, now())
    }
    const keys = all ? oracle.keys : oracle.keys.filter((key) => oracle.isUnsure(key))
    await Promise.all(keys.map(checkKey))
    if (!isDown) violations.push(...(await this.#checkList(store)))
    return violations
  }

  async #checkList(store: KillStore): Promise<string[]> {
    const listed = await listKeys(store)
    const t = now()
    const possible = this.oracle.keys.filter((key) => this.oracle.allowed(key, t).some((seq) => seq !== null))
    const owed = possible.filter((key) => !this.oracle.allowed(key, t).includes(null))
    return [
      ...listed.filter((key) => !possible.includes(key) && !isConflict(key)).map((key) => `the list has ${key}`),
      ...owed.filter((key) => !listed.includes(key)).map((key) => `the list does not have ${key}`),
    ]
  }

  /** Reconciles until nothing waits. */
  async drain(store: KillStore, patience = 20_000): Promise<string[]> {
    const end = Date.now() + patience
    const problems = new Set<string>()
    for (;;) {
      const { failed, remaining } = await store.reconcile()
      for (const { key, error } of failed) problems.add(`reconcile: ${key}: ${error.code} ${error.message}`)
      if (remaining === 0) break
      if (Date.now() > end) return [...problems, `reconcile: ${remaining} still wait after ${patience} ms`]
      await new Promise((resolve) => setTimeout(resolve, 20))
    }
    for (const { id, key, operation, winner, keptAs } of await store.conflicts()) {
      this.conflicts++
      if (winner === 'remote' && !keptAs) problems.add(`conflict: the ${operation} of ${key} was given up`)
      await store.dismissConflict(id)
    }
    return [...problems]
  }

  /** What is in the bucket and on the disk, seen past the store, against the oracle. Nothing may wait by now. */
  async compare(): Promise<string[]> {
    const violations = await this.#aftermath.compare(this.oracle)
    await this.#aftermath.dropConflicts()
    return violations
  }

  /** What is left after all sweeps that belongs to nobody. */
  sweep({ aged = false } = {}): Promise<string[]> {
    // Opening the outbox is its sweep.
    return this.#aftermath.sweep(this.#s3, () => this.withStore((store) => store.pending()), aged)
  }

  /** Something moved once: from then on a path of the disk is looked up on S3 too, and all paths of a key are alike. */
  async #teachLocalPaths(): Promise<void> {
    await this.withStore(async (store) => {
      await store.put('moved-once', 'x', { driver: 'local' })
      await store.relocate('local:moved-once', { to: 's3' })
      await store.delete('s3:moved-once')
    })
  }
}

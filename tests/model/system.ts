import { existsSync } from 'node:fs'
import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { FsLike } from '../../src/disk/index.js'
import type { BlobDriver } from '../../src/driver/index.js'
import { FsDriver } from '../../src/drivers/fs/index.js'
import { MemoryDriver } from '../../src/drivers/memory/index.js'
import { HybridStore } from '../../src/index.js'
import { FaultyDriver } from '../../src/testing/index.js'
import { Contents } from './contents.js'

/** Of one sequence. */
export interface Setting {
  /** For each process the host that it runs on. */
  readonly processes: readonly number[]
  readonly exclusive: boolean
  readonly conflicts: 'both' | 'local' | 'remote'
  readonly circuit: false | { readonly probeAfter: number; readonly probeAtMost: number }
  readonly etag: 'stat' | 'content'
  readonly fs?: FsLike | undefined
  /** Is asked before and after each call to S3. */
  readonly gate?: ((what: string) => Promise<void>) | undefined
}

const VERBS = new Set(['put', 'get', 'head', 'delete', 'deleteMany', 'copy', 'move'])

export type Store = HybridStore<'s3' | 'local', string>

/** The way from one process to S3. What the process heard of S3 ends with it. */
export class Network {
  readonly driver: FaultyDriver
  down = false
  #calls = 0
  #hook: { readonly at: number; readonly run: () => void } | undefined

  constructor(
    s3: MemoryDriver,
    readonly gate: Setting['gate'],
  ) {
    this.driver = new FaultyDriver(this.#watched(s3))
  }

  outage(): void {
    this.down = true
    this.driver.outage()
  }

  recover(): void {
    this.down = false
    this.driver.recover()
  }

  /** `run` is called when so many calls have come through from now on. */
  afterCalls(count: number, run: () => void): void {
    this.#hook = { at: this.#calls + count, run }
    this.#check()
  }

  /** Nothing is to go wrong any more, but for an outage. */
  calm(): void {
    this.#hook = undefined
    this.driver.recover()
    if (this.down) this.driver.outage()
  }

  #check(): void {
    if (this.#hook === undefined || this.#calls < this.#hook.at) return
    const { run } = this.#hook
    this.#hook = undefined
    run()
  }

  #watched(s3: MemoryDriver): BlobDriver {
    return new Proxy(s3 as BlobDriver, {
      get: (target, name) => {
        const value: unknown = Reflect.get(target, name, target)
        if (typeof value !== 'function') return value
        if (!VERBS.has(String(name))) return value.bind(target)
        return async (...args: unknown[]) => {
          this.#calls++
          this.#check()
          await this.gate?.(`S3 takes ${String(name)}`)
          try {
            return await value.apply(target, args)
          } finally {
            await this.gate?.(`S3 answers ${String(name)}`)
          }
        }
      },
    })
  }
}

/** Outlives the stores over it, as S3 does. */
class KeptMemory extends MemoryDriver {
  override async close(): Promise<void> {}
}

const EPOCH = Date.UTC(2026, 0, 1)
const TICK = 10_000

/** One S3, some hosts and the processes on them. */
export class System {
  readonly contents = new Contents()
  readonly s3: MemoryDriver
  readonly networks: Network[]
  readonly stores: Store[]
  now = 0
  /** Up to which command each process, and any of a host, has heard S3; -1: never. */
  readonly #heard: number[]
  readonly #ever: number[]
  #time = EPOCH
  readonly #left: Store[] = []

  private constructor(
    readonly setting: Setting,
    readonly roots: readonly string[],
  ) {
    this.s3 = new KeptMemory({ clock: () => this.#time })
    this.#heard = setting.processes.map(() => -1)
    this.#ever = roots.map(() => -1)
    this.networks = setting.processes.map(() => new Network(this.s3, setting.gate))
    this.stores = setting.processes.map((_, index) => this.#open(index))
  }

  static async make(setting: Setting): Promise<System> {
    const shm = '/dev/shm'
    const base = existsSync(shm) ? shm : tmpdir()
    const hosts = Math.max(...setting.processes) + 1
    const roots = await Promise.all(Array.from({ length: hosts }, () => mkdtemp(join(base, 'hybrid-store-model-'))))
    return new System(setting, roots)
  }

  /** S3's clock moves on between commands, and between a command and what is seen after it. */
  tick(part: 'command' | 'look'): void {
    if (part === 'command') this.now++
    this.#time = EPOCH + this.now * TICK + (part === 'look' ? TICK / 2 : 0)
  }

  hostOf(process: number): number {
    return this.setting.processes[process] as number
  }

  networkOf(process: number): Network {
    return this.networks[process] as Network
  }

  storeOf(process: number): Store {
    return this.stores[process] as Store
  }

  /** S3 has just answered this process. */
  hears(process: number): void {
    this.#heard[process] = this.now
    this.#ever[this.hostOf(process)] = this.now
  }

  heard(process: number): { readonly heard: number; readonly ever: number } {
    return { heard: this.#heard[process] as number, ever: this.#ever[this.hostOf(process)] as number }
  }

  /** Whether the process may refuse to ask S3 at all. */
  async tripped(process: number): Promise<boolean> {
    if (this.setting.circuit === false) return false
    const { drivers } = await this.storeOf(process).status()
    return drivers.s3.circuit !== 'closed'
  }

  /** A new process takes the place of one that was killed, or ended as it should. */
  async reopen(process: number, how: 'crash' | 'close'): Promise<void> {
    const before = this.storeOf(process)
    if (how === 'close') await before.close()
    else this.#left.push(before)
    const { down } = this.networkOf(process)
    this.networks[process] = new Network(this.s3, this.setting.gate)
    if (down) this.networkOf(process).outage()
    this.stores[process] = this.#open(process)
    this.#heard[process] = -1
  }

  /** What is still in a host's outbox, by folder. */
  async remains(host: number): Promise<string[]> {
    const outbox = join(this.roots[host] as string, '.hybrid-store', 'outbox')
    const names: string[] = []
    for (const folder of ['records', 'bodies', 'claims', 'locks']) {
      const entries = await readdir(join(outbox, folder)).catch(() => [])
      names.push(...entries.map((name) => `${folder}/${name}`))
    }
    return names
  }

  async dispose(): Promise<void> {
    for (const network of this.networks) network.recover()
    await Promise.allSettled([...this.stores, ...this.#left].map((store) => store.close()))
    await Promise.all(this.roots.map((root) => rm(root, { recursive: true, force: true })))
  }

  #open(process: number): Store {
    const { exclusive, conflicts, circuit, etag, fs } = this.setting
    const root = this.roots[this.hostOf(process)] as string
    const local = new FsDriver({ root, durability: 'none', etag, ...(fs ? { fs } : {}) })
    const options = {
      drivers: { s3: this.networkOf(process).driver, local },
      fallback: { s3: 'local' as const, circuit, grace: 0, minFree: 0 },
      reconcile: false as const,
      conflicts,
      exclusive,
      logger: false as const,
    }
    return new HybridStore<'s3' | 'local', string>(options)
  }
}

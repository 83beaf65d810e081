import { cp, mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, relative } from 'node:path'
import { DeleteObjectsCommand, GetObjectCommand, ListObjectsV2Command, S3Client } from '@aws-sdk/client-s3'
import { inject } from 'vitest'
import { FsDriver } from '../../src/drivers/fs/index.js'
import { INTERNAL_PREFIX, recordName } from '../../src/drivers/fs/internal-names.js'
import { Connection } from '../../src/drivers/s3/connection.js'
import { FeatureProbe } from '../../src/drivers/s3/features.js'
import type { S3ClientLike, S3Features } from '../../src/drivers/s3/index.js'
import { checkOptions } from '../../src/drivers/s3/settings.js'
import { isStorageError } from '../../src/index.js'
import { createBucket, type TestBucket } from '../servers/bucket.js'
import { readBody } from './bodies.js'
import { bundleChild, type ChildBundle } from './bundle.js'
import { listKeys, pathOf, readSeq } from './child-client.js'
import { type KillStore, openS3, openStore } from './open.js'
import { Oracle } from './oracle.js'
import { now, type StoreSetup } from './protocol.js'
import { KillProxy } from './proxy.js'

/** Conditional writes, and answers to them that can be trusted, are the ground of what is tested here. */
export const real = inject('s3').kind !== 'fauxqs'

export interface Bench {
  readonly bundle: ChildBundle
  readonly bucket: TestBucket
  readonly proxy: KillProxy
  readonly features: S3Features
  /** For the parent's own stores while S3 is up: past the proxy, and kept, since making one takes long. */
  readonly client: S3ClientLike
  /** A root like a new one's. */
  template?: Promise<World> | undefined
  close(): Promise<void>
}

/** What the worlds of a suite share: the child as a script, a bucket, and a proxy before it. */
export async function makeBench(label: string): Promise<Bench> {
  const { endpoint, region, credentials } = inject('s3')
  const [bundle, bucket] = await Promise.all([bundleChild(), createBucket(inject('s3'), label)])
  const proxy = await KillProxy.start(endpoint)
  const options = { bucket: bucket.name, endpoint, region, credentials }
  const connection = new Connection(checkOptions(options), options)
  const features = await new FeatureProbe(connection, () => {}).features()
  await connection.close()
  const client = new S3Client({ endpoint, region, credentials, forcePathStyle: true, maxAttempts: 3 })
  const close = async () => {
    await (await bench.template)?.remove()
    client.destroy()
    await proxy.stop()
    await bucket.remove()
    await bundle.remove()
  }
  const bench: Bench = { bundle, bucket, proxy, features, client, close }
  return bench
}

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
  /** How often the paths of one key did not agree on which of several possible versions it has. */
  splits = 0
  /** Copies kept beside their key because both sides had changed. */
  conflicts = 0

  private constructor(bench: Bench, setup: StoreSetup) {
    this.#bench = bench
    this.setup = setup
  }

  static async make(bench: Bench, prefix: string): Promise<World> {
    const world = await World.#on(bench, prefix)
    await world.#teachLocalPaths()
    return world
  }

  /** The same as {@link make} without its requests: on a copy of a root made before. */
  static async copy(bench: Bench, name: string): Promise<World> {
    const world = await World.#on(bench, name.replaceAll(/[^a-z0-9]+/g, '-'))
    bench.template ??= World.make(bench, 'template')
    await cp((await bench.template).setup.root, world.setup.root, { recursive: true })
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
    await this.#deleteObjects(await this.#objectKeys())
    await rm(this.setup.root, { recursive: true, force: true })
  }

  /** A store of the parent's own on the same root and bucket. */
  async withStore<T>(work: (store: KillStore) => Promise<T>): Promise<T> {
    const { client, proxy } = this.#bench
    const store = openStore(
      { ...this.setup, grace: 200, maxAttempts: 1 },
      { client: proxy.isDown ? undefined : client },
    )
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
      if (remaining === 0) return [...problems]
      if (Date.now() > end) return [...problems, `reconcile: ${remaining} still wait after ${patience} ms`]
      await new Promise((resolve) => setTimeout(resolve, 20))
    }
  }

  /** What is in the bucket and on the disk, seen past the store, against the oracle. Nothing may wait by now. */
  async compare(): Promise<string[]> {
    const violations: string[] = []
    const judge = (where: string, key: string, bytes: Uint8Array, kept: Set<string>) => {
      try {
        const writing = readBody(bytes)
        if (isConflict(key)) violations.push(...this.#judgeConflict(key, writing.seq))
        else {
          const problem = this.oracle.problem({ key, seq: writing.seq, begin: now(), end: now() })
          if (problem) violations.push(`${where}: ${problem}`)
          kept.add(key)
        }
      } catch (error) {
        violations.push(`${where}: ${key}: ${String(error)}`)
      }
    }
    const kept = new Set<string>()
    for (const [key, bytes] of await this.objects()) judge('bucket', key, bytes, kept)
    const local = new FsDriver({ root: this.setup.root })
    for await (const entry of local.list()) {
      if (entry.type === 'blob') judge('disk', entry.key, await (await local.get(entry.key)).bytes(), kept)
    }
    await local.close()
    for (const key of this.oracle.keys) {
      const allowed = this.oracle.allowed(key, now())
      if (!kept.has(key) && !allowed.includes(null)) {
        violations.push(`lost: ${key}, ${allowed.map((seq) => this.oracle.describe(seq)).join(', ')}`)
      }
    }
    return violations
  }

  /** All objects below the world's prefix, by a client that knows nothing of the library. */
  async objects(): Promise<Map<string, Uint8Array>> {
    const { bucket } = this.#bench
    const folder = `${this.setup.prefix}/`
    const get = async (key: string): Promise<[string, Uint8Array]> => {
      const { Body } = await bucket.client.send(new GetObjectCommand({ Bucket: bucket.name, Key: key }))
      return [key.slice(folder.length), (await Body?.transformToByteArray()) ?? new Uint8Array()]
    }
    return new Map(await Promise.all((await this.#objectKeys()).map(get)))
  }

  async #objectKeys(): Promise<string[]> {
    const { client, name } = this.#bench.bucket
    const page = await client.send(new ListObjectsV2Command({ Bucket: name, Prefix: `${this.setup.prefix}/` }))
    if (page.IsTruncated) throw new Error('a world has more objects than fit on a page')
    return (page.Contents ?? []).map(({ Key = '' }) => Key)
  }

  /**
   * Sweeps as an application would after a crash, and answers what is left that belongs to nobody. Attributes without a
   * blob stay for an hour, since those of a blob that is just being written look the same; `aged` lets it pass.
   */
  async sweep({ aged = false } = {}): Promise<string[]> {
    if (aged) await hoursLater(() => this.#sweepDisk())
    else await this.#sweepDisk()
    const s3 = openS3(this.setup)
    await s3.sweepUploads({ olderThan: 0 })
    await s3.close()
    // Opening the outbox is its sweep.
    await this.withStore((store) => store.pending())
    const open = (await this.#bench.bucket.openUploads()).filter(({ key }) => key.startsWith(`${this.setup.prefix}/`))
    return [...open.map(({ key }) => `open upload of ${key}`), ...(await this.#leftOnDisk(aged))]
  }

  async #sweepDisk(): Promise<void> {
    const local = new FsDriver({ root: this.setup.root })
    await local.sweep()
    await local.close()
  }

  /** Forgets copies that were kept beside their keys: they were judged. */
  async dropConflicts(): Promise<void> {
    await this.#deleteObjects((await this.#objectKeys()).filter(isConflict))
  }

  async #deleteObjects(keys: readonly string[]): Promise<void> {
    const { client, name } = this.#bench.bucket
    const Objects = keys.map((Key) => ({ Key }))
    if (keys.length > 0) await client.send(new DeleteObjectsCommand({ Bucket: name, Delete: { Objects } }))
  }

  /** A conflict copy is there so that a version is not lost; on one host only one that nobody was told of can need it. */
  #judgeConflict(key: string, seq: number): string[] {
    this.conflicts++
    const fate = this.oracle.fate(seq)
    if (fate && !fate.acknowledged && !fate.refused) return []
    return [`conflict copy ${key} holds ${this.oracle.describe(seq)}`]
  }

  async #leftOnDisk(aged: boolean): Promise<string[]> {
    const { root } = this.setup
    const entries = await readdir(root, { recursive: true, withFileTypes: true })
    const files = entries.filter((entry) => !entry.isDirectory())
    const wanted = new Set(LASTING)
    for (const { name, parentPath } of files) {
      // The attributes of a blob lie beside it.
      for (const blob of [name, name.replace(/%$/, '')]) wanted.add(relative(root, join(parentPath, recordName(blob))))
    }
    const left = files.map(({ name, parentPath }) => relative(root, join(parentPath, name)))
    return left
      .filter(
        (name) =>
          name.includes(INTERNAL_PREFIX) &&
          !wanted.has(name) &&
          !name.startsWith(MARKS) &&
          !(process.env.KILL_OLD && name.includes('/owners/')),
      )
      .filter((name) => aged || !/\.hybrid-store\.attributes\.[0-9a-f]+$/.test(name))
      .map((name) => `left on disk: ${name}`)
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

/** What a root keeps for good: what happened once, the kind of disk, and the log by which processes see changes. */
const MARKS = '.hybrid-store/outbox/marks/'
const LASTING = ['.hybrid-store/outbox/changes', '.hybrid-store/format']

function isConflict(key: string): boolean {
  return key.includes('.conflict-')
}

/** Under a clock that is two hours ahead. Nobody else may work meanwhile. */
async function hoursLater<T>(work: () => Promise<T>): Promise<T> {
  const clock = Date.now
  Date.now = () => clock() + 2 * 3600 * 1000
  try {
    return await work()
  } finally {
    Date.now = clock
  }
}

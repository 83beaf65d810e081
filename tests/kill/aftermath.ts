import { readdir } from 'node:fs/promises'
import { join, relative } from 'node:path'
import { DeleteObjectsCommand, GetObjectCommand, ListObjectsV2Command } from '@aws-sdk/client-s3'
import { FsDriver } from '../../src/drivers/fs/index.js'
import { INTERNAL_PREFIX, recordName } from '../../src/drivers/fs/internal-names.js'
import type { S3Driver } from '../../src/drivers/s3/index.js'
import type { TestBucket } from '../servers/bucket.js'
import { readBody } from './bodies.js'
import type { Oracle } from './oracle.js'
import { now, type StoreSetup } from './protocol.js'

/** What a root keeps for good: what happened once, what was seen of S3, the kind of disk, who it is, and the log of changes. */
const LASTING_START = ['.hybrid-store/outbox/marks/', '.hybrid-store/outbox/seen.']
const LASTING = ['.hybrid-store/outbox/changes', '.hybrid-store/outbox/id', '.hybrid-store/format']

/** Bucket and disk of one world, seen past the store. */
export class Aftermath {
  readonly #setup: StoreSetup
  readonly #bucket: TestBucket
  readonly #folder: string

  constructor(setup: StoreSetup, bucket: TestBucket) {
    this.#setup = setup
    this.#bucket = bucket
    this.#folder = `${setup.prefix}/`
  }

  /** What lies there against the oracle. Nothing may wait by now. */
  async compare(oracle: Oracle): Promise<string[]> {
    const violations: string[] = []
    const kept = new Set<string>()
    const judge = (where: string, key: string, bytes: Uint8Array) => {
      try {
        const { seq } = readBody(bytes)
        if (isConflict(key)) violations.push(...this.#judgeConflict(oracle, key, seq))
        else {
          const problem = oracle.problem({ key, seq, begin: now(), end: now() })
          if (problem) violations.push(`${where}: ${problem}`)
          kept.add(key)
        }
      } catch (error) {
        violations.push(`${where}: ${key}: ${String(error)}`)
      }
    }
    for (const [key, bytes] of await this.#objects()) judge('bucket', key, bytes)
    const local = new FsDriver({ root: this.#setup.root })
    for await (const entry of local.list()) {
      if (entry.type === 'blob') judge('disk', entry.key, await (await local.get(entry.key)).bytes())
    }
    await local.close()
    for (const key of oracle.keys) {
      const allowed = oracle.allowed(key, now())
      if (kept.has(key) || allowed.includes(null)) continue
      violations.push(`lost: ${key}, ${allowed.map((seq) => oracle.describe(seq)).join(', ')}`)
    }
    return violations
  }

  /**
   * Sweeps as an application would after a crash, and answers what is left that belongs to nobody. Attributes without a
   * blob stay for an hour, since those of a blob that is just being written look the same; `aged` lets it pass.
   */
  async sweep(s3: S3Driver, openOutbox: () => Promise<unknown>, aged: boolean): Promise<string[]> {
    if (aged) await hoursLater(() => this.#sweepDisk())
    else await this.#sweepDisk()
    await s3.sweepUploads({ olderThan: 0 })
    await openOutbox()
    return [...(await this.#openUploads()), ...(await this.#leftOnDisk(aged))]
  }

  /** Forgets copies that were kept beside their keys: they were judged. */
  async dropConflicts(): Promise<void> {
    await this.#delete((await this.#keys()).filter(isConflict))
  }

  async empty(): Promise<void> {
    await this.#delete(await this.#keys())
  }

  async #sweepDisk(): Promise<void> {
    const local = new FsDriver({ root: this.#setup.root })
    await local.sweep()
    await local.close()
  }

  /** A server may take a moment to forget an upload that was aborted. */
  async #openUploads(): Promise<string[]> {
    for (const end = performance.now() + 3000; ; ) {
      const open = (await this.#bucket.openUploads()).filter(({ key }) => key.startsWith(this.#folder))
      if (open.length === 0 || performance.now() > end) return open.map(({ key }) => `open upload of ${key}`)
      await new Promise((resolve) => setTimeout(resolve, 20))
    }
  }

  async #objects(): Promise<Map<string, Uint8Array>> {
    const { client, name } = this.#bucket
    const get = async (key: string): Promise<[string, Uint8Array]> => {
      const { Body } = await client.send(new GetObjectCommand({ Bucket: name, Key: key }))
      return [key.slice(this.#folder.length), (await Body?.transformToByteArray()) ?? new Uint8Array()]
    }
    return new Map(await Promise.all((await this.#keys()).map(get)))
  }

  async #keys(): Promise<string[]> {
    const { client, name } = this.#bucket
    const page = await client.send(new ListObjectsV2Command({ Bucket: name, Prefix: this.#folder }))
    if (page.IsTruncated) throw new Error('a world has more objects than fit on a page')
    return (page.Contents ?? []).map(({ Key = '' }) => Key)
  }

  async #delete(keys: readonly string[]): Promise<void> {
    const { client, name } = this.#bucket
    const Objects = keys.map((Key) => ({ Key }))
    if (keys.length > 0) await client.send(new DeleteObjectsCommand({ Bucket: name, Delete: { Objects } }))
  }

  /** A conflict copy is there so that a version is not lost; on one host only one that nobody was told of can need it. */
  #judgeConflict(oracle: Oracle, key: string, seq: number): string[] {
    const fate = oracle.fate(seq)
    if (fate && !fate.acknowledged && !fate.refused) return []
    return [`conflict copy ${key} holds ${oracle.describe(seq)}`]
  }

  async #leftOnDisk(aged: boolean): Promise<string[]> {
    const { root } = this.#setup
    const entries = await readdir(root, { recursive: true, withFileTypes: true })
    const files = entries.filter((entry) => !entry.isDirectory())
    const wanted = new Set(LASTING)
    for (const { name, parentPath } of files) {
      // The attributes of a blob lie beside it.
      for (const blob of [name, name.replace(/%$/, '')]) wanted.add(relative(root, join(parentPath, recordName(blob))))
    }
    return files
      .map(({ name, parentPath }) => relative(root, join(parentPath, name)))
      .filter((name) => name.includes(INTERNAL_PREFIX) && !wanted.has(name))
      .filter((name) => !LASTING_START.some((start) => name.startsWith(start)))
      .filter((name) => aged || !/\.hybrid-store\.attributes\.[0-9a-f]+$/.test(name))
      .map((name) => `left on disk: ${name}`)
  }
}

export function isConflict(key: string): boolean {
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

import { createHash } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { afterEach } from 'vitest'
import type { BlobDriver } from '../../src/driver/index.js'
import { FsDriver } from '../../src/drivers/fs/index.js'
import { MemoryDriver } from '../../src/drivers/memory/index.js'
import {
  HybridStore,
  type HybridStoreOptions,
  type Logger,
  type StoreEventName,
  type StoreEvents,
} from '../../src/index.js'
import { FaultyDriver } from '../../src/testing/index.js'
import { pattern } from './pattern.js'

export { pattern }

const cleanups: (() => unknown)[] = []
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup()
})

/** Runs when the current test has ended, the last one first. */
export function onEnd(cleanup: () => unknown): void {
  cleanups.push(cleanup)
}

export async function tempRoot(): Promise<string> {
  const root = await mkdtemp(join(tmpdir(), 'hybrid-store-'))
  onEnd(() => rm(root, { recursive: true, force: true }))
  return root
}

export interface LogLine {
  readonly level: 'info' | 'warn' | 'error'
  readonly message: string
  readonly fields: Readonly<Record<string, unknown>>
}

export function recordingLogger(): { readonly logger: Logger; readonly lines: LogLine[] } {
  const lines: LogLine[] = []
  const at = (level: LogLine['level']) => (fields: LogLine['fields'], message: string) => {
    lines.push({ level, message, fields })
  }
  return { lines, logger: { info: at('info'), warn: at('warn'), error: at('error') } }
}

export type Recorded = { [E in StoreEventName]: { readonly name: E; readonly event: StoreEvents[E] } }[StoreEventName]

/** All events of a store, in order. */
export function recordEvents(store: Pick<HybridStore, 'on'>): Recorded[] {
  const events: Recorded[] = []
  const names: StoreEventName[] = [
    'put',
    'kept',
    'get',
    'delete',
    'failed',
    'fallback',
    'spool',
    'relocated',
    'reconciled',
    'rejected',
    'conflict',
  ]
  for (const name of names) store.on(name, (event) => events.push({ name, event } as Recorded))
  return events
}

/** A fallback whose outages begin and end when a test says so, with nothing going on behind its back. */
export const manual = { s3: 'local', circuit: false, grace: 0 } as const

type Options = Partial<HybridStoreOptions<'s3' | 'local', string>>

/** A store over the given S3 and a disk of its own; blobs go to S3 unless their key starts with `local/`. */
export async function storeOver<S extends BlobDriver>(s3: S, options: Options & { readonly root?: string } = {}) {
  const { root = await tempRoot(), ...rest } = options
  const local = new FsDriver({ root, durability: 'none' })
  const { logger, lines } = recordingLogger()
  const store = new HybridStore<'s3' | 'local', string>({
    drivers: { s3, local },
    policy: ({ key }) => (key.startsWith('local/') ? 'local' : 's3'),
    fallback: manual,
    reconcile: false,
    logger,
    ...rest,
  })
  onEnd(() => store.close())
  return { store, s3, local, root, lines, events: recordEvents(store) }
}

/** The same over an S3 in memory that fails when told to. */
export function memoryStore(options: Options & { readonly root?: string; readonly s3?: FaultyDriver } = {}) {
  const { s3 = new FaultyDriver(new MemoryDriver()), ...rest } = options
  return storeOver(s3, rest)
}

/** A one-shot stream of `size` bytes of the pattern; `at` is called before each chunk with the bytes so far. */
export function patternStream(
  size: number,
  at: (bytes: number) => unknown = () => {},
  chunkSize = 256 * 1024,
): Readable {
  async function* chunks() {
    for (let sent = 0; sent < size; sent += chunkSize) {
      await at(sent)
      yield pattern(sent, Math.min(chunkSize, size - sent))
    }
  }
  return Readable.from(chunks(), { objectMode: false })
}

/** sha256 of the pattern, as {@link patternStream} sends it. */
export function patternHash(size: number): string {
  const hash = createHash('sha256')
  const chunk = 1024 * 1024
  for (let at = 0; at < size; at += chunk) hash.update(pattern(at, Math.min(chunk, size - at)))
  return hash.digest('hex')
}

export async function hashOf(body: AsyncIterable<Uint8Array>): Promise<{ size: number; sha256: string }> {
  const hash = createHash('sha256')
  let size = 0
  for await (const chunk of body) {
    hash.update(chunk)
    size += chunk.byteLength
  }
  return { size, sha256: hash.digest('hex') }
}

export async function collect<T>(items: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = []
  for await (const item of items) all.push(item)
  return all
}

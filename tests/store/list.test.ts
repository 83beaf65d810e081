import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { ListEntry, ListOptions } from '../../src/driver/index.js'
import { MemoryDriver } from '../../src/drivers/memory/index.js'
import { compareKeys, HybridStore, type StoredEntry } from '../../src/index.js'
import { FaultyDriver } from '../../src/testing/index.js'
import { collect, manual, memoryStore } from './support.js'

const name = (entry: StoredEntry) => (entry.type === 'blob' ? entry.key : entry.prefix)

const key = fc
  .array(fc.constantFrom('a', 'b', 'ab', 'é', '\u{1f600}', '\uffee', 'a.b', '%', ' '), { minLength: 1, maxLength: 3 })
  .map((segments) => segments.join('/'))

type Place = 's3' | 'local' | 'both' | 'pending' | 'pending over s3' | 'pending over local'

/** Puts a key where the place says, and answers the driver that a list must name. */
async function place(
  store: HybridStore<'s3' | 'local'>,
  s3: FaultyDriver,
  local: MemoryDriver,
  at: string,
  where: Place,
) {
  if (where === 's3' || where === 'both' || where === 'pending over s3') await s3.put(at, 'far')
  if (where === 'local' || where === 'both' || where === 'pending over local') await local.put(at, 'near!')
  if (where.startsWith('pending')) {
    s3.outage()
    await store.put(at, 'pending', { driver: 's3' })
    s3.recover()
    return { driver: 'local', pendingFor: 's3', size: 7 }
  }
  return where === 'local' ? { driver: 'local', size: 5 } : { driver: 's3', size: 3 }
}

/** What the list must be, by definition. */
function model(keys: Iterable<string>, { prefix = '', delimiter, startAfter, limit }: ListOptions): string[] {
  const names = new Set<string>()
  for (const one of keys) {
    if (!one.startsWith(prefix)) continue
    const at = delimiter ? one.indexOf(delimiter, prefix.length) : -1
    names.add(at < 0 ? one : one.slice(0, at + (delimiter as string).length))
  }
  const sorted = [...names].sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)))
  return sorted.filter((one) => startAfter === undefined || compareKeys(one, startAfter) > 0).slice(0, limit)
}

describe('the merged list', () => {
  test('is the sorted union of all places, each key once, from the place that a read finds', async () => {
    const places = fc.constantFrom<Place>('s3', 'local', 'both', 'pending', 'pending over s3', 'pending over local')
    const options = fc.record(
      {
        prefix: fc.constantFrom('', 'a', 'a/', 'b/a', '\u{1f600}'),
        delimiter: fc.constantFrom('/', 'b'),
        startAfter: fc.constantFrom('a', 'a/', 'a/b', '\uffee', ''),
        limit: fc.nat(12),
      },
      { requiredKeys: [] },
    )
    await fc.assert(
      fc.asyncProperty(fc.dictionary(key, places, { maxKeys: 25 }), options, async (blobs, asked) => {
        const s3 = new FaultyDriver(new MemoryDriver())
        const local = new MemoryDriver()
        const store = new HybridStore({ drivers: { s3, local }, fallback: manual, reconcile: false, logger: false })
        const expected = new Map<string, object>()
        for (const [at, where] of Object.entries(blobs)) expected.set(at, await place(store, s3, local, at, where))
        const listed = await collect(store.list(asked))
        expect(listed.map(name)).toEqual(model(expected.keys(), asked))
        for (const entry of listed) {
          if (entry.type === 'blob') expect(entry).toMatchObject(expected.get(entry.key) as object)
        }
        const pages: string[] = []
        const size = Math.max(1, asked.limit ?? 3)
        const { prefix, delimiter } = asked
        for (let cursor: string | undefined, first = true; first || cursor !== undefined; first = false) {
          const page = await store.listPage({ prefix, delimiter, cursor, limit: size })
          expect(page.entries.length).toBeLessThanOrEqual(size)
          if (page.cursor !== undefined) expect(page.entries.length).toBe(size)
          pages.push(...page.entries.map(name))
          cursor = page.cursor
        }
        expect(pages).toEqual(model(expected.keys(), { prefix, delimiter }))
        await store.close()
      }),
      { numRuns: 150 },
    )
  })

  /** A driver that lets something happen at the n-th entry that it lists. */
  class Interrupted extends MemoryDriver {
    at = new Map<number, () => Promise<unknown>>()
    #listed = 0
    override async *list(options?: ListOptions): AsyncGenerator<ListEntry> {
      for await (const entry of super.list(options)) {
        await this.at.get(this.#listed++)?.()
        yield entry
      }
      await this.at.get(-1)?.()
    }
  }

  test('does not miss a blob that moves meanwhile, whichever way and whenever', async () => {
    const moves = fc.array(
      fc.record({ step: fc.integer({ min: -1, max: 40 }), which: fc.nat(19), far: fc.boolean() }),
      {
        maxLength: 6,
      },
    )
    await fc.assert(
      fc.asyncProperty(moves, fc.option(fc.integer({ min: 1, max: 25 })), async (steps, limit) => {
        const s3 = new Interrupted()
        const local = new Interrupted()
        const store = new HybridStore({ drivers: { s3, local }, fallback: manual, reconcile: false, logger: false })
        const keys = Array.from({ length: 20 }, (_, i) => `k${String(i).padStart(2, '0')}`)
        for (const [i, at] of keys.entries()) await (i % 2 ? s3 : local).put(at, at)
        // Each blob moves once: one that moves to and fro may always be where one is not looking.
        const moved = new Set<string>()
        for (const { step, which, far } of steps) {
          const at = keys[which] as string
          const driver = far ? s3 : local
          const to = which % 2 ? 'local' : 's3'
          driver.at.set(step, async () => {
            if (moved.has(at)) return
            moved.add(at)
            await store.relocate(at, { to })
          })
        }
        const listed = await collect(store.list(limit === null ? {} : { limit }))
        expect(listed.map(name)).toEqual(keys.slice(0, limit ?? 20))
        await store.close()
      }),
      { numRuns: 200 },
    )
  })

  test('does not miss a waiting blob that is handed over meanwhile', async () => {
    const s3 = new Interrupted()
    const faulty = new FaultyDriver(s3)
    const local = new MemoryDriver()
    const store = new HybridStore({ drivers: { s3: faulty, local }, fallback: manual, reconcile: false, logger: false })
    await s3.put('b', 'b')
    faulty.outage()
    for (const at of ['a', 'c', 'd']) await store.put(at, at)
    faulty.recover()
    s3.at.set(0, () => store.reconcile())
    expect((await collect(store.list())).map(name)).toEqual(['a', 'b', 'c', 'd'])
    expect(await store.pending()).toEqual([])
    expect((await collect(store.list())).map(name)).toEqual(['a', 'b', 'c', 'd'])
    await store.close()
  })

  test('goes over many windows', async () => {
    const { store, s3, local } = await memoryStore({ fallback: manual, reconcile: false })
    const far = Array.from({ length: 2300 }, (_, i) => `f/${String(i * 3).padStart(6, '0')}`)
    const near = Array.from({ length: 700 }, (_, i) => `f/${String(i * 9 + 1).padStart(6, '0')}`)
    await Promise.all(far.map((at) => s3.put(at, '')))
    await Promise.all(near.map((at) => local.put(at, '')))
    expect((await collect(store.list())).map(name)).toEqual([...far, ...near].sort())
  })

  test('with S3 down says so, or leaves it out where it may', async () => {
    const { store, s3 } = await memoryStore()
    await store.put('a', 'far')
    await store.put('local/b', 'near')
    s3.outage()
    await store.put('c', 'waits')
    await expect(collect(store.list())).rejects.toMatchObject({ code: 'UNAVAILABLE', driver: 's3' })
    await expect(store.listPage()).rejects.toMatchObject({ code: 'UNAVAILABLE' })
    expect((await collect(store.list({ partial: true }))).map(name)).toEqual(['c', 'local/b'])
    const page = await store.listPage({ partial: true, limit: 1 })
    s3.recover()
    // The cursor of a page from the outage goes on after it.
    expect((await store.listPage({ cursor: page.cursor })).entries.map(name)).toEqual(['local/b'])
  })

  test('refuses a cursor that it did not make, and options that cannot be meant', async () => {
    const { store } = await memoryStore()
    const cursors = [
      '',
      'x',
      Buffer.from('{"v":2,"after":"a"}').toString('base64url'),
      Buffer.from('7').toString('base64url'),
    ]
    for (const cursor of cursors) {
      await expect(store.listPage({ cursor })).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' })
    }
    await expect(store.listPage({ limit: 0 })).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' })
    await expect(collect(store.list({ limit: -1 }))).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' })
  })

  test('a driver that lists out of order is an error, not a gap', async () => {
    class Unordered extends MemoryDriver {
      override async *list(options?: ListOptions): AsyncGenerator<ListEntry> {
        yield* (await collect(super.list(options))).reverse()
      }
    }
    const s3 = new Unordered()
    const store = new HybridStore({ drivers: { s3, local: new MemoryDriver() }, logger: false })
    for (const at of ['a', 'b', 'c']) await s3.put(at, at)
    await expect(collect(store.list())).rejects.toMatchObject({ code: 'CORRUPT', driver: 's3' })
  })

  test('ends at once when it is left, and when its signal is aborted', async () => {
    const { store, s3 } = await memoryStore()
    for (const at of ['a', 'b', 'c']) await s3.put(at, at)
    for await (const entry of store.list()) {
      expect(name(entry)).toBe('a')
      break
    }
    const controller = new AbortController()
    const read = async () => {
      for await (const _ of store.list({ signal: controller.signal })) controller.abort()
    }
    await expect(read()).rejects.toMatchObject({ code: 'ABORTED' })
  })
})

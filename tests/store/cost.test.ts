import { Readable } from 'node:stream'
import { describe, expect, inject, test } from 'vitest'
import type { BlobBody, BlobDriver } from '../../src/driver/index.js'
import { FsDriver } from '../../src/drivers/fs/index.js'
import { MemoryDriver } from '../../src/drivers/memory/index.js'
import { HybridStore } from '../../src/index.js'
import { FaultyDriver } from '../../src/testing/index.js'
import { hookedFs } from '../drivers/fs/support.js'
import { s3BehindProxy } from './s3-support.js'
import { manual, onEnd, patternStream, tempRoot } from './support.js'

const KIB = 1024
const MIB = 1024 * KIB
/** fauxqs knows no conditional writes, and so costs other requests. */
const real = inject('s3').kind !== 'fauxqs'
const small = Buffer.alloc(10 * KIB, 7)

/** A store over the driver and a durable disk whose fsyncs are counted. */
async function countedStore(s3: BlobDriver) {
  let syncs = 0
  const fs = hookedFs(({ name }) => {
    if (name === 'handle.sync') syncs++
  })
  const local = new FsDriver({ root: await tempRoot(), fs })
  const store = new HybridStore<'s3' | 'local', string>({
    drivers: { s3, local },
    policy: () => 's3',
    fallback: manual,
    reconcile: false,
    logger: false,
  })
  onEnd(() => store.close())
  /** How many fsyncs the work takes. */
  const syncsOf = async (work: () => Promise<unknown>) => {
    const before = syncs
    await work()
    return syncs - before
  }
  return { store, syncsOf }
}

/** The same, over an S3 in memory, with its folders made. */
async function faultyStore() {
  const s3 = new FaultyDriver(new MemoryDriver())
  const counted = await countedStore(s3)
  await counted.store.put('first.bin', small)
  return { ...counted, s3 }
}

const bodies: readonly { readonly what: string; readonly make: () => BlobBody }[] = [
  { what: '10 KiB of bytes', make: () => small },
  { what: 'a Blob of 10 KiB', make: () => new Blob([small]) },
  { what: 'a function that makes a stream', make: () => () => Readable.from([small], { objectMode: false }) },
  { what: 'a stream of 1 MiB, kept in memory', make: () => patternStream(MIB) },
  { what: 'a stream of 20 MiB, kept on the disk', make: () => patternStream(20 * MIB) },
]

describe('while S3 is up', () => {
  test.each(bodies)('a put makes the requests of its driver and no fsync: $what', async ({ make }) => {
    const { proxy, make: makeDriver } = await s3BehindProxy()
    const [bare, s3] = [makeDriver(), makeDriver()]
    onEnd(() => bare.close())
    const { store, syncsOf } = await countedStore(s3)
    await bare.put('first.bin', small)
    await store.put('first.bin', small)

    proxy.heal()
    await bare.put('a.bin', make())
    const wanted = methodsOf(proxy)
    proxy.heal()
    expect(await syncsOf(() => store.put('b.bin', make()))).toBe(0)
    expect(methodsOf(proxy)).toEqual(wanted)
    expect((await store.head('b.bin')).pendingFor).toBeUndefined()
  })
})

describe('what a change costs the disk while S3 is down', () => {
  test('a small body: its record and the name of it, 2 fsyncs', async () => {
    const { store, s3, syncsOf } = await faultyStore()
    s3.outage()
    expect(await syncsOf(() => store.put('a.bin', small))).toBe(2)
    expect(await syncsOf(() => store.put('b.bin', Buffer.alloc(64 * KIB)))).toBe(2)
  })

  test('a large one: its file and name, then the record and its name, 4 fsyncs', async () => {
    const { store, s3, syncsOf } = await faultyStore()
    s3.outage()
    expect(await syncsOf(() => store.put('a.bin', Buffer.alloc(100 * KIB)))).toBe(4)
    expect(await syncsOf(() => store.put('b.bin', patternStream(20 * MIB)))).toBe(4)
  })

  test('a version that takes the place of one that waits: at most one fsync more', async () => {
    const { store, s3, syncsOf } = await faultyStore()
    s3.outage()
    await store.put('a.bin', small)
    const syncs = await syncsOf(() => store.put('a.bin', Buffer.alloc(10 * KIB, 8)))
    expect([2, 3]).toContain(syncs)
  })

  test('a tombstone: 2 fsyncs', async () => {
    const { store, s3, syncsOf } = await faultyStore()
    s3.outage()
    expect(await syncsOf(() => store.delete('first.bin'))).toBe(2)
  })

  test('what was carried out goes with 1 fsync', async () => {
    const { store, s3, syncsOf } = await faultyStore()
    const changes = [
      () => store.put('a.bin', small),
      () => store.put('b.bin', Buffer.alloc(100 * KIB)),
      () => store.delete('a.bin'),
    ]
    for (const change of changes) {
      s3.outage()
      await change()
      s3.recover()
      expect(await syncsOf(async () => expect(await store.reconcile()).toMatchObject({ moved: 1, remaining: 0 }))).toBe(
        1,
      )
    }
  })
})

describe.skipIf(!real)('what a hand-over costs in requests', () => {
  const COUNT = 40

  async function waiting() {
    const { proxy, s3 } = await s3BehindProxy()
    const { store } = await countedStore(s3)
    await s3.ready()
    const letWait = async (change: (key: string) => Promise<unknown>) => {
      await proxy.down()
      for (let n = 0; n < COUNT; n++) await change(`k${n}.bin`)
      await proxy.up()
      proxy.heal()
      expect(await store.reconcile()).toMatchObject({ moved: COUNT, failed: [], remaining: 0 })
      const { PUT = 0, HEAD = 0, ...others } = methodsOf(proxy)
      return { PUT, HEAD, others }
    }
    return { store, letWait }
  }

  test('1 for a key that is new there, 2 for one that is not', async () => {
    const { store, letWait } = await waiting()
    expect(await letWait((key) => store.put(key, small))).toEqual({ PUT: COUNT, HEAD: 0, others: {} })

    const { PUT, HEAD, others } = await letWait((key) => store.put(key, Buffer.alloc(10 * KIB, 8)))
    expect({ HEAD, others }).toEqual({ HEAD: COUNT, others: {} })
    // Those that went out before the first of them was refused have been tried as new ones.
    expect(PUT).toBeGreaterThan(COUNT)
    expect(PUT).toBeLessThanOrEqual(COUNT + 4)

    // The first of them are looked for, since the last keys were there.
    const mixed = await letWait((key) => store.put(`new/${key}`, small))
    expect(mixed).toMatchObject({ PUT: COUNT, others: {} })
    expect(mixed.HEAD).toBeLessThanOrEqual(4)
  }, 60_000)

  test('1 to see that there is nothing left to delete', async () => {
    const { store, letWait } = await waiting()
    expect(await letWait((key) => store.delete(key))).toEqual({ PUT: 0, HEAD: COUNT, others: {} })
  }, 60_000)
})

function methodsOf({ requests }: { readonly requests: readonly { readonly method: string }[] }) {
  const counts: Record<string, number> = {}
  for (const { method } of requests) counts[method] = (counts[method] ?? 0) + 1
  return counts
}

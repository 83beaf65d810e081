import { describe, expect, test } from 'vitest'
import { MemoryDriver } from '../../src/drivers/memory/index.js'
import { besideKey } from '../../src/store/conflicts.js'
import { FaultyDriver } from '../../src/testing/index.js'
import { collect, memoryStore, pattern, recordEvents, storeOver, tempRoot } from './support.js'

/** An S3 whose clock the test sets, and a change behind the store's back: by another host, at that time. */
function clockedS3() {
  let now = Date.parse('2026-11-24T10:00:00Z')
  const inner = new MemoryDriver({ clock: () => now })
  const s3 = new FaultyDriver(inner)
  return {
    s3,
    inner,
    pass: (seconds: number) => {
      now += seconds * 1000
    },
  }
}

describe('a key that another host changed while a put of it waited', () => {
  async function changedOnBothSides(rule?: 'both' | 'local' | 'remote') {
    const { s3, inner, pass } = clockedS3()
    const made = await storeOver(s3, { conflicts: rule })
    await made.store.put('docs/report.pdf', 'first')
    s3.outage()
    await made.store.put('docs/report.pdf', 'ours', { contentType: 'application/pdf', metadata: { by: 'us' } })
    pass(60)
    await inner.put('docs/report.pdf', 'theirs')
    s3.recover()
    const result = await made.store.reconcile()
    return { ...made, s3, result }
  }

  test('both are kept: theirs at the key, ours beside it, and a durable note says so', async () => {
    const { store, s3, root, result, events, lines } = await changedOnBothSides()
    expect(result).toEqual({ moved: 1, failed: [], remaining: 0 })
    expect(await (await store.get('s3:docs/report.pdf')).text()).toBe('theirs')
    const [conflict] = await store.conflicts()
    expect(conflict).toMatchObject({ key: 'docs/report.pdf', driver: 's3', operation: 'put', winner: 'remote' })
    const kept = conflict?.keptAs
    expect(kept?.key).toMatch(/^docs\/report\.conflict-[0-9a-z]{8}\.pdf$/)
    const reader = await store.get(kept?.path ?? '')
    expect(reader.info).toMatchObject({ driver: 's3', contentType: 'application/pdf', metadata: { by: 'us' } })
    expect(await reader.text()).toBe('ours')
    expect(events.filter(({ name }) => name === 'conflict')).toMatchObject([
      { event: { id: conflict?.id, keptAs: kept } },
    ])
    expect(events.filter(({ name }) => name === 'reconciled')).toEqual([])
    expect(lines.filter(({ message }) => message === 'A key was changed on both sides')).toHaveLength(1)
    expect(await store.status()).toMatchObject({ conflicts: 1, pending: { count: 0 } })

    const { store: other } = await storeOver(s3, { root })
    expect(await other.conflicts()).toEqual([conflict])
    await other.dismissConflict(conflict?.id ?? '')
    await other.dismissConflict(conflict?.id ?? '')
    expect(await store.conflicts()).toEqual([])
    expect(await (await store.get(kept?.path ?? '')).text()).toBe('ours')
  })

  test.each(['local', 'remote'] as const)('by rule the %s version wins, and it is noted', async (rule) => {
    const { store, result } = await changedOnBothSides(rule)
    expect(result).toEqual({ moved: 1, failed: [], remaining: 0 })
    expect(await (await store.get('s3:docs/report.pdf')).text()).toBe(rule === 'local' ? 'ours' : 'theirs')
    const [conflict] = await store.conflicts()
    expect(conflict).toMatchObject({ winner: rule })
    expect(conflict?.keptAs).toBeUndefined()
    expect(await collect(store.list())).toHaveLength(1)
  })

  test('a delete gives way, and is noted', async () => {
    const { s3, inner, pass } = clockedS3()
    const { store } = await storeOver(s3)
    await store.put('a', 'first')
    s3.outage()
    await store.delete('s3:a')
    pass(60)
    await inner.put('a', 'theirs')
    s3.recover()
    expect(await store.exists('s3:a')).toBe(false)
    await store.reconcile()
    expect(await (await store.get('s3:a')).text()).toBe('theirs')
    expect(await store.conflicts()).toMatchObject([{ key: 'a', operation: 'delete', winner: 'remote' }])
  })
})

describe('no conflict', () => {
  test('what S3 had before the change is replaced, whoever wrote it', async () => {
    const { s3, inner, pass } = clockedS3()
    const { store } = await storeOver(s3)
    await inner.put('theirs', 'from another host')
    await inner.put('gone', 'from another host')
    pass(5)
    await store.put('x', 'S3 was heard of at this time')
    s3.outage()
    await store.put('theirs', 'ours')
    await store.delete('s3:gone')
    s3.recover()
    expect(await store.reconcile()).toEqual({ moved: 2, failed: [], remaining: 0 })
    expect(await (await s3.get('theirs')).text()).toBe('ours')
    await expect(s3.head('gone')).rejects.toMatchObject({ code: 'NOT_FOUND' })
    expect(await store.conflicts()).toEqual([])
  })

  test('a process that was started in the outage knows what another one had heard', async () => {
    const { s3, inner, pass } = clockedS3()
    const first = await storeOver(s3)
    await inner.put('gone', 'from another host')
    pass(5)
    await first.store.put('x', 'x')
    const again = new FaultyDriver(inner)
    again.outage()
    const { store } = await storeOver(again, { root: first.root })
    await store.delete('s3:gone')
    again.recover()
    expect(await store.reconcile()).toEqual({ moved: 1, failed: [], remaining: 0 })
    await expect(inner.head('gone')).rejects.toMatchObject({ code: 'NOT_FOUND' })
  })

  test('writes of the same host in the same second are in order', async () => {
    const { s3 } = clockedS3()
    const { store, root } = await storeOver(s3)
    const { store: sibling } = await storeOver(s3, { root })
    await sibling.put('a', 'one')
    s3.outage()
    await store.put('a', 'two')
    s3.recover()
    await store.reconcile()
    s3.outage()
    await sibling.put('a', 'three')
    s3.recover()
    await store.reconcile()
    expect(await (await s3.get('a')).text()).toBe('three')
    expect(await store.conflicts()).toEqual([])
  })

  test('the same bytes with the same attributes are there already; with others they are not', async () => {
    const { s3, inner, pass } = clockedS3()
    const { store } = await storeOver(s3)
    await store.put('x', 'x')
    s3.outage()
    await store.put('same', pattern(0, 100_000), { metadata: { a: '1' } })
    await store.put('other', pattern(0, 100_000), { metadata: { a: '1' } })
    pass(60)
    await inner.put('same', pattern(0, 100_000), { metadata: { a: '1' } })
    await inner.put('other', pattern(0, 100_000), { metadata: { a: '2' } })
    s3.recover()
    s3.calls.length = 0
    await store.reconcile()
    expect((await store.conflicts()).map(({ key }) => key)).toEqual(['other'])
    expect((await s3.head('other')).metadata).toEqual({ a: '2' })
  })

  test('a driver that knows no conditions is looked at, then written to', async () => {
    const capabilities = { createOnly: false, conditionalUpdate: false, conditionalDelete: false }
    const s3 = new FaultyDriver(new MemoryDriver({ capabilities }))
    const { store, root } = await storeOver(s3)
    await store.put('a', 'one')
    await store.put('b', 'one')
    s3.outage()
    await store.put('a', 'two')
    await store.delete('s3:b')
    s3.recover()
    expect(await store.reconcile()).toEqual({ moved: 2, failed: [], remaining: 0 })
    expect(await (await s3.get('a')).text()).toBe('two')
    const parked = await storeOver(s3, { root, reconcile: { unsafeDelete: 'park' } })
    s3.outage()
    await parked.store.delete('s3:a')
    s3.recover()
    expect(await parked.store.reconcile()).toMatchObject({
      remaining: 1,
      failed: [{ error: { code: 'NOT_SUPPORTED' } }],
    })
  })
})

test('what waits for one bucket is never sent to another', async () => {
  class Bucket extends MemoryDriver {
    constructor(readonly identity: string) {
      super()
    }
  }
  const s3 = new FaultyDriver(new Bucket('s3://one'))
  const { store, root } = await storeOver(s3)
  s3.outage()
  await store.put('a', 'for one')
  await store.close()
  const wrong = new Bucket('s3://two')
  const other = await storeOver(wrong, { root })
  const events = recordEvents(other.store)
  expect(await (await other.store.get('s3:a')).text()).toBe('for one')
  const result = await other.store.reconcile()
  expect(result).toMatchObject({ moved: 0, remaining: 1, failed: [{ key: 'a', error: { code: 'CONFIGURATION' } }] })
  expect(await other.store.pending()).toMatchObject([{ attempts: 1, lastError: { code: 'CONFIGURATION' } }])
  expect(await collect(wrong.list())).toEqual([])
  await other.store.close()
  const right = new Bucket('s3://one')
  const last = await storeOver(right, { root })
  expect(await last.store.reconcile()).toEqual({ moved: 1, failed: [], remaining: 0 })
  expect(events.filter(({ name }) => name === 'reconciled')).toEqual([])
})

test('a body that was damaged on its way is sent again', async () => {
  let damage = true
  class Damaging extends MemoryDriver {
    override put(...[key, body, options]: Parameters<MemoryDriver['put']>) {
      if (!damage) return super.put(key, body, options)
      damage = false
      return super.put(key, 'damaged!', { ...options, size: 8, sha256: undefined })
    }
  }
  const s3 = new FaultyDriver(new Damaging())
  const { store } = await storeOver(s3)
  s3.outage()
  await store.put('a', 'original')
  s3.recover()
  expect(await store.reconcile()).toMatchObject({ remaining: 1, failed: [{ error: { code: 'CORRUPT' } }] })
  expect(await store.reconcile()).toEqual({ moved: 1, failed: [], remaining: 0 })
  expect(await (await s3.get('a')).text()).toBe('original')
})

test('a name beside a key fits its limits, and keeps its folder and extension', () => {
  expect(besideKey('a/b.tar.gz', 'abc', 1024)).toBe('a/b.tar.conflict-abc.gz')
  expect(besideKey('a.b/c', 'abc', 1024)).toBe('a.b/c.conflict-abc')
  expect(besideKey('.hidden', 'abc', 1024)).toBe('.hidden.conflict-abc')
  const long = besideKey(`${'ü'.repeat(500)}.pdf`, 'abc', 1000)
  expect(Buffer.byteLength(long)).toBeLessThanOrEqual(1000)
  expect(long).toMatch(/^ü+\.conflict-abc\.pdf$/)
})

describe('several processes on one root', () => {
  test('see what another one has put, deleted and handed over, at once', async () => {
    const s3 = new FaultyDriver(new MemoryDriver())
    const root = await tempRoot()
    const open = () => storeOver(s3, { root })
    const [one, two] = [await open(), await open()]
    await one.store.put('on S3', 'x')
    expect(await two.store.exists('a')).toBe(false)
    s3.outage()
    for (let i = 0; i < 3; i++) {
      await one.store.put('a', `${i}`)
      expect(await (await two.store.get('s3:a')).text()).toBe(`${i}`)
    }
    expect(await two.store.pending()).toMatchObject([{ key: 'a', generation: 3 }])
    await two.store.delete('on S3')
    expect(await one.store.exists('on S3')).toBe(false)
    await two.store.put('a', 'by two')
    expect(await one.store.pending()).toMatchObject([
      { key: 'a', generation: 4 },
      { key: 'on S3', operation: 'delete' },
    ])
    s3.recover()
    const [a, b] = await Promise.all([one.store.reconcile(), two.store.reconcile()])
    expect(a.moved + b.moved).toBe(2)
    for (const { store } of [one, two]) {
      expect(await store.pending()).toEqual([])
      expect(await (await store.get('s3:a')).text()).toBe('by two')
      expect(await store.exists('on S3')).toBe(false)
    }
  })

  test('what is relocated by one is read by its old path in the other', async () => {
    const s3 = new FaultyDriver(new MemoryDriver())
    const { store, root } = await storeOver(s3)
    const { store: other } = await storeOver(s3, { root })
    await store.put('a', 'x', { driver: 'local' })
    expect(await other.exists('local:a')).toBe(true)
    await store.relocate('local:a', { to: 's3' })
    expect(await (await other.get('local:a')).text()).toBe('x')
  })
})

test('a list hides what is to be deleted, prefixes with nothing else in them included', async () => {
  const { store, s3 } = await memoryStore()
  for (const key of ['a/1', 'a/2', 'b/1', 'b/2', 'c']) await store.put(key, key)
  s3.fail('delete', 'UNAVAILABLE', 3)
  for (const key of ['a/1', 'a/2', 'b/1']) await store.delete(`s3:${key}`)
  const names = async (options?: Parameters<typeof store.list>[0]) =>
    (await collect(store.list(options))).map((entry) => (entry.type === 'blob' ? entry.key : entry.prefix))
  expect(await names()).toEqual(['b/2', 'c'])
  expect(await names({ delimiter: '/' })).toEqual(['b/', 'c'])
  await store.put('a/1', 'again')
  expect(await names({ delimiter: '/' })).toEqual(['a/', 'b/', 'c'])
})

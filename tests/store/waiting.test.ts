import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { describe, expect, test } from 'vitest'
import { MemoryDriver } from '../../src/drivers/memory/index.js'
import { FaultyDriver } from '../../src/testing/index.js'
import { collect, memoryStore, pattern } from './support.js'

describe('a key that waits', () => {
  test('reads as its newest generation; the older one is gone', async () => {
    const { store, s3, root } = await memoryStore()
    await store.put('a', 'zero')
    s3.outage()
    await store.put('a', pattern(0, 100_000))
    const second = await store.put('a', pattern(1, 100_001))
    expect(await store.pending()).toMatchObject([{ key: 'a', generation: 2, size: 100_001 }])
    expect(await readdir(join(root, '.hybrid-store/outbox/bodies'))).toHaveLength(1)
    expect(await store.head('s3:a')).toMatchObject({ etag: second.etag, size: 100_001 })
    s3.recover()
    expect((await store.head('s3:a')).size).toBe(100_001)
    expect(await store.reconcile()).toMatchObject({ moved: 1, remaining: 0 })
    expect((await s3.head('a')).size).toBe(100_001)
  })

  test('a put that reaches S3 again ends the waiting', async () => {
    const { store, s3 } = await memoryStore()
    s3.outage()
    await store.put('a', 'waits')
    s3.recover()
    expect((await store.put('a', 'newer')).pendingFor).toBeUndefined()
    expect(await store.pending()).toEqual([])
    expect(await (await store.get('s3:a')).text()).toBe('newer')
    expect(await store.reconcile()).toMatchObject({ moved: 0 })
    expect(await (await s3.get('a')).text()).toBe('newer')
  })

  test('a put to the other driver ends the waiting too', async () => {
    const { store, s3 } = await memoryStore()
    s3.outage()
    await store.put('a', 'waits')
    const blob = await store.put('a', 'local now', { driver: 'local' })
    expect(blob).toMatchObject({ driver: 'local', path: 'local:a' })
    for (const path of ['local:a', 's3:a', 'a']) expect(await (await store.get(path)).text()).toBe('local now')
    // What it was to replace on S3 must not come back under its path.
    expect(await store.pending()).toMatchObject([{ key: 'a', operation: 'delete', pendingFor: 's3' }])
    s3.recover()
    expect(await store.reconcile()).toEqual({ moved: 1, failed: [], remaining: 0 })
    for (const path of ['local:a', 's3:a', 'a']) expect(await (await store.get(path)).text()).toBe('local now')
  })

  test('is the version that conditions are judged by', async () => {
    const { store, s3 } = await memoryStore()
    await store.put('a', 'zero')
    s3.outage()
    const waiting = await store.put('a', 'waits')
    s3.recover()
    await expect(store.put('a', 'x', { ifNoneMatch: '*' })).rejects.toMatchObject({ code: 'ALREADY_EXISTS' })
    const { etag } = await s3.head('a')
    await expect(store.put('a', 'x', { ifMatch: etag })).rejects.toMatchObject({ code: 'PRECONDITION_FAILED' })
    await store.put('a', 'one', { ifMatch: waiting.etag })
    expect(await (await s3.get('a')).text()).toBe('one')
    expect(await store.pending()).toEqual([])
    s3.outage()
    const first = await store.put('new', 'waits')
    await expect(store.put('new', 'x', { ifNoneMatch: '*' })).rejects.toMatchObject({ code: 'ALREADY_EXISTS' })
    await expect(store.put('new', 'x', { ifMatch: etag })).rejects.toMatchObject({ code: 'PRECONDITION_FAILED' })
    // This host alone can decide it, since the version that it is about waits here.
    const second = await store.put('new', 'x', { ifMatch: first.etag })
    expect(second.pendingFor).toBe('s3')
    await expect(store.put('other', 'x', { ifNoneMatch: '*' })).rejects.toMatchObject({ code: 'UNAVAILABLE' })
    await store.delete('s3:new')
    await expect(store.put('new', 'x', { ifMatch: second.etag })).rejects.toMatchObject({ code: 'PRECONDITION_FAILED' })
    const third = await store.put('new', 'three', { ifNoneMatch: '*' })
    s3.recover()
    await store.put('new', 'two', { ifMatch: third.etag })
    expect(await (await store.get('s3:new')).text()).toBe('two')
    expect(await store.pending()).toEqual([])
  })

  test('can be deleted while S3 is down: no path reads it any more, and S3 deletes it later', async () => {
    const { store, s3, events, lines } = await memoryStore()
    await store.put('a', 'on S3')
    await store.put('b', 'on S3 too')
    await store.put('local/x', 'near', { driver: 'local' })
    s3.outage()
    await store.put('a', 'waits')
    await store.delete('s3:a')
    expect(await store.deleteMany(['s3:b', 'local/x'])).toEqual([
      { path: 's3:b', key: 'b' },
      { path: 'local/x', key: 'local/x' },
    ])
    for (const path of ['s3:a', 'local:a', 'a', 's3:b', 'local/x']) expect(await store.exists(path)).toBe(false)
    await expect(store.get('s3:c')).rejects.toMatchObject({ code: 'UNAVAILABLE' })
    expect(await store.pending()).toMatchObject([
      { key: 'a', operation: 'delete', generation: 2, size: 0 },
      { key: 'b', operation: 'delete', generation: 1 },
      { key: 'local/x', operation: 'delete' },
    ])
    expect(lines.filter(({ message }) => message === 'S3 delete failed, it waits in local storage')).toHaveLength(3)
    s3.recover()
    expect(await collect(store.list())).toEqual([])
    for (const path of ['s3:a', 'local:a', 'a']) expect(await store.exists(path)).toBe(false)
    expect(await store.reconcile()).toEqual({ moved: 3, failed: [], remaining: 0 })
    await expect(s3.head('a')).rejects.toMatchObject({ code: 'NOT_FOUND' })
    const told = events.flatMap(({ name, event }) => (name === 'reconciled' ? [`${event.operation} ${event.key}`] : []))
    expect(told.sort()).toEqual(['delete a', 'delete b', 'delete local/x'])
  })

  test('takes a new visibility with it', async () => {
    const { store, s3 } = await memoryStore()
    s3.outage()
    await store.put('a', 'x', { visibility: 'private' })
    await store.setVisibility('s3:a', 'public')
    expect(await store.getVisibility('s3:a')).toBe('public')
    s3.recover()
    await store.reconcile()
    expect(await s3.getVisibility?.('a')).toBe('public')
  })

  test('is copied and moved out of the outbox', async () => {
    const { store, s3 } = await memoryStore()
    s3.outage()
    await store.put('a', 'waits', { contentType: 'text/x-a', metadata: { m: '1' } })
    const copy = await store.copy('s3:a', 'b')
    expect(copy).toMatchObject({ pendingFor: 's3', contentType: 'text/x-a', metadata: { m: '1' } })
    const local = await store.copy('s3:a', 'local/c', { driver: 'local' })
    expect(local.driver).toBe('local')
    s3.recover()
    await store.move('s3:a', 'd')
    expect(await (await s3.get('d')).text()).toBe('waits')
    expect((await store.pending()).map(({ key }) => key)).toEqual(['b'])
    expect(await store.exists('s3:a')).toBe(false)
  })

  test('relocates to where it lies, or to where it is meant to be; an older version on S3 goes', async () => {
    const { store, s3 } = await memoryStore()
    await store.put('a', 'older')
    s3.outage()
    await store.put('a', 'one')
    await store.put('b', 'two')
    expect(await store.relocate('s3:a', { to: 'local' })).toMatchObject({ oldPath: 's3:a', newPath: 'local:a' })
    expect(await store.pending()).toMatchObject([{ key: 'a', operation: 'delete' }, { key: 'b' }])
    expect(await (await store.get('s3:a')).text()).toBe('one')
    s3.recover()
    expect(await store.head('s3:a')).toMatchObject({ driver: 'local', path: 'local:a' })
    expect(await (await store.get('s3:a')).text()).toBe('one')
    await store.relocate('s3:b', { to: 's3' })
    expect(await store.reconcile()).toEqual({ moved: 1, failed: [], remaining: 0 })
    await expect(s3.head('a')).rejects.toMatchObject({ code: 'NOT_FOUND' })
    expect(await (await s3.get('b')).text()).toBe('two')
  })
})

describe('reconcile', () => {
  test('one blob that fails does not keep the others, and is tried again', async () => {
    const { store, s3, events } = await memoryStore()
    s3.outage()
    for (const key of ['a', 'b', 'c', 'd', 'e']) await store.put(key, key)
    s3.recover()
    s3.fail('put', 'ACCESS_DENIED')
    const result = await store.reconcile()
    expect(result).toMatchObject({
      moved: 4,
      remaining: 1,
      failed: [{ driver: 's3', error: { code: 'ACCESS_DENIED' } }],
    })
    expect(await store.reconcile({ limit: 10 })).toEqual({ moved: 1, failed: [], remaining: 0 })
    expect(events.filter(({ name }) => name === 'reconciled')).toHaveLength(5)
  })

  test('twice at once moves each blob once', async () => {
    const { store, s3 } = await memoryStore()
    s3.outage()
    for (let i = 0; i < 20; i++) await store.put(`k${i}`, `${i}`)
    s3.recover()
    s3.calls.length = 0
    const [one, two] = await Promise.all([store.reconcile(), store.reconcile()])
    expect(one.moved + two.moved).toBe(20)
    expect([...one.failed, ...two.failed]).toEqual([])
    expect(s3.calls.filter(({ operation }) => operation === 'put')).toHaveLength(20)
    expect(await store.pending()).toEqual([])
  })

  test('stops at its limit and at its signal', async () => {
    const { store, s3 } = await memoryStore()
    s3.outage()
    for (let i = 0; i < 6; i++) await store.put(`k${i}`, `${i}`)
    s3.recover()
    expect(await store.reconcile({ limit: 2 })).toMatchObject({ moved: 2, remaining: 4 })
    const controller = new AbortController()
    controller.abort()
    await expect(store.reconcile({ signal: controller.signal })).rejects.toMatchObject({ code: 'ABORTED' })
    expect(await store.pending()).toHaveLength(4)
  })

  test('a driver that is down is asked little', async () => {
    const { store, s3 } = await memoryStore()
    s3.outage()
    for (let i = 0; i < 40; i++) await store.put(`k${i}`, `${i}`)
    s3.calls.length = 0
    const result = await store.reconcile()
    expect(result).toMatchObject({ moved: 0, remaining: 40 })
    expect(s3.calls.length).toBeLessThan(20)
  })

  test('what arrives damaged stays in the outbox', async () => {
    class Corrupting extends MemoryDriver {
      override put(...[key, , options]: Parameters<MemoryDriver['put']>) {
        return super.put(key, 'damaged!', { ...options, size: 8, sha256: undefined })
      }
    }
    const s3 = new FaultyDriver(new Corrupting())
    const { store } = await memoryStore({ s3 })
    s3.outage()
    await store.put('a', 'original')
    s3.recover()
    expect(await store.reconcile()).toMatchObject({ moved: 0, remaining: 1, failed: [{ error: { code: 'CORRUPT' } }] })
    expect(await (await store.get('s3:a')).text()).toBe('original')
  })

  test('an older local copy of the key is gone afterwards', async () => {
    const { store, s3, local } = await memoryStore()
    await local.put('a', 'from before')
    s3.outage()
    await store.put('a', 'new')
    expect(await (await store.get('local:a')).text()).toBe('new')
    s3.recover()
    await store.reconcile()
    await expect(local.head('a')).rejects.toMatchObject({ code: 'NOT_FOUND' })
    expect(await (await store.get('s3:a')).text()).toBe('new')
  })

  test('waits for no put under way, and a put waits for it', async () => {
    const { store, s3 } = await memoryStore()
    s3.outage()
    await store.put('a', 'old')
    s3.recover()
    let feed: (chunk: string | null) => void = () => {}
    const body = new Readable({ read() {} })
    feed = (chunk) => body.push(chunk)
    feed('ne')
    const put = store.put('a', body)
    expect(await store.reconcile()).toEqual({ moved: 0, failed: [], remaining: 1 })
    feed('w')
    feed(null)
    await put
    expect(await (await s3.get('a')).text()).toBe('new')
    expect(await store.reconcile()).toEqual({ moved: 0, failed: [], remaining: 0 })
    expect(await collect(store.list())).toMatchObject([{ key: 'a', driver: 's3' }])
  })
})

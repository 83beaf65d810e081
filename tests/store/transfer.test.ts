import { describe, expect, inject, test } from 'vitest'
import { MemoryDriver } from '../../src/drivers/memory/index.js'
import { HybridStore } from '../../src/index.js'
import { FaultyDriver } from '../../src/testing/index.js'
import { s3BehindProxy } from './s3-support.js'
import { hashOf, manual, memoryStore, patternHash, patternStream, storeOver } from './support.js'

/** fauxqs keeps few headers and has no ACLs. */
const real = inject('s3').kind !== 'fauxqs'

const attributes = {
  contentType: 'text/x-special',
  cacheControl: 'no-store',
  contentDisposition: 'attachment; filename="x"',
  contentLanguage: 'de',
  metadata: { author: 'Zoë', n: '1' },
}

describe('copy and move on real S3 and disk', () => {
  test.runIf(real)('carry bytes and attributes both ways', async () => {
    const { s3 } = await s3BehindProxy()
    const { store, local } = await storeOver(s3)
    const size = 12 * 1024 * 1024 + 17
    await store.put('far', patternStream(size), attributes)
    const near = await store.copy('s3:far', 'local:near')
    expect(near).toMatchObject({ driver: 'local', path: 'local:near', size, ...attributes })
    expect(await hashOf((await local.get('near')).body)).toEqual({ size, sha256: patternHash(size) })
    const back = await store.move('local:near', 's3:back')
    expect(back).toMatchObject({ driver: 's3', size, ...attributes })
    expect(await hashOf((await s3.get('back')).body)).toEqual({ size, sha256: patternHash(size) })
    expect(await store.exists('local:near')).toBe(false)
    const within = await store.copy('back', 'again', { driver: 's3' })
    expect(await store.head(within.path)).toMatchObject({ driver: 's3', size, ...attributes })
    await store.move('s3:again', 's3:at last')
    expect(await store.exists('s3:again')).toBe(false)
    expect(await store.head('s3:at last')).toMatchObject(attributes)
  })

  test.runIf(real)('relocate keeps the key, and the old path reads', async () => {
    const { s3, bucket } = await s3BehindProxy()
    const { store, events } = await storeOver(s3)
    const { path } = await store.put('local/a', 'moves', attributes)
    const there = await store.relocate(path, { to: 's3' })
    expect(there).toEqual({ key: 'local/a', from: 'local', to: 's3', oldPath: path, newPath: 's3:local/a' })
    expect(await bucket.keys()).toEqual(['local/a'])
    expect(await store.head(path)).toMatchObject({ driver: 's3', ...attributes })
    await store.relocate('local/a', { to: 'local' })
    expect(await bucket.keys()).toEqual([])
    expect(await (await store.get(there.newPath)).text()).toBe('moves')
    expect(events.filter(({ name }) => name === 'relocated')).toHaveLength(2)
  })

  test('a source that is only on S3 is UNAVAILABLE while S3 is down, and keeps', async () => {
    const { s3, proxy } = await s3BehindProxy()
    const { store } = await storeOver(s3)
    await store.put('a', 'x')
    await proxy.down()
    await expect(store.copy('s3:a', 'b')).rejects.toMatchObject({ code: 'UNAVAILABLE' })
    await expect(store.move('s3:a', 'local:b')).rejects.toMatchObject({ code: 'UNAVAILABLE' })
    await expect(store.relocate('s3:a', { to: 'local' })).rejects.toMatchObject({ code: 'UNAVAILABLE' })
    await proxy.up()
    expect(await (await store.get('s3:a')).text()).toBe('x')
    expect(await store.exists('local:b')).toBe(false)
  })
})

describe('a transfer', () => {
  test('onto itself changes nothing, and one key is never on two drivers', async () => {
    const { store } = await memoryStore()
    const blob = await store.put('a', 'x')
    expect(await store.copy('s3:a', 'a')).toEqual(await store.head('s3:a'))
    expect((await store.move('s3:a', 's3:a')).etag).toBe(blob.etag)
    expect(await (await store.get('s3:a')).text()).toBe('x')
    await expect(store.copy('s3:a', 'local:a')).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' })
    await expect(store.relocate('s3:a', { to: 'nowhere' as never })).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' })
  })

  test('create-only is judged by all places', async () => {
    const { store, s3, local } = await memoryStore()
    await store.put('a', 'x')
    await local.put('b', 'near')
    s3.outage()
    await store.put('c', 'waits')
    s3.recover()
    for (const to of ['b', 'c']) {
      await expect(store.copy('s3:a', to, { ifNoneMatch: '*' })).rejects.toMatchObject({ code: 'ALREADY_EXISTS' })
      await expect(store.move('s3:a', to, { ifNoneMatch: '*' })).rejects.toMatchObject({ code: 'ALREADY_EXISTS' })
    }
    expect(await (await store.get('s3:a')).text()).toBe('x')
    expect((await store.copy('s3:a', 'd', { ifNoneMatch: '*' })).driver).toBe('s3')
  })

  test('that arrives damaged is CORRUPT and the source is kept', async () => {
    class Corrupting extends MemoryDriver {
      override async put(...[key, body, options]: Parameters<MemoryDriver['put']>) {
        const info = await super.put(key, body, options)
        if (key === 'a' || !key.startsWith('bad')) return info
        return super.put(key, Buffer.alloc(info.size), { ...options, sha256: undefined })
      }
    }
    const s3 = new Corrupting()
    const store = new HybridStore({
      drivers: { s3, local: new MemoryDriver() },
      fallback: manual,
      reconcile: false,
      logger: false,
    })
    await store.put('a', 'original', { driver: 'local' })
    await expect(store.move('local:a', 's3:bad')).rejects.toMatchObject({ code: 'CORRUPT' })
    expect(await (await store.get('local:a')).text()).toBe('original')
  })

  test('keeps a source that was changed meanwhile', async () => {
    const local = new MemoryDriver()
    class Meddling extends MemoryDriver {
      override async put(...args: Parameters<MemoryDriver['put']>) {
        const info = await super.put(...args)
        await local.put('a', 'newer')
        return info
      }
    }
    const store = new HybridStore({
      drivers: { s3: new Meddling(), local },
      fallback: manual,
      reconcile: false,
      logger: false,
    })
    await local.put('a', 'older')
    await expect(store.move('local:a', 's3:b')).rejects.toMatchObject({ code: 'PRECONDITION_FAILED' })
    expect(await (await store.get('local:a')).text()).toBe('newer')
    await local.put('a', 'older again')
    await expect(store.relocate('local:a', { to: 's3' })).rejects.toMatchObject({ code: 'PRECONDITION_FAILED' })
    expect(await (await store.get('a')).text()).toBe('newer')
  })

  test('to an S3 that is down falls back with its attributes', async () => {
    const s3 = new FaultyDriver(new MemoryDriver())
    const { store } = await memoryStore({ s3 })
    await store.put('local/a', 'x', attributes)
    s3.outage()
    const copy = await store.copy('local:local/a', 's3:b')
    expect(copy).toMatchObject({ pendingFor: 's3', path: 's3:b', ...attributes })
    expect(await (await store.get('s3:b')).text()).toBe('x')
    // Moving to another driver is asked for, not merely kept.
    await expect(store.relocate('local:local/a', { to: 's3' })).rejects.toMatchObject({ code: 'UNAVAILABLE' })
    expect(await (await store.get('local:local/a')).text()).toBe('x')
  })
})

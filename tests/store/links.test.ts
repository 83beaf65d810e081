import { describe, expect, test } from 'vitest'
import { MemoryDriver } from '../../src/drivers/memory/index.js'
import { HybridStore, prefixPaths } from '../../src/index.js'
import { s3BehindProxy } from './s3-support.js'
import { memoryStore, storeOver } from './support.js'

describe('links', () => {
  test('go by the hint without a request, and read from real S3', async () => {
    const { s3, proxy } = await s3BehindProxy()
    const { store } = await storeOver(s3)
    const { path } = await store.put('a b/ü.txt', 'text', { visibility: 'public' })
    proxy.heal()
    const url = await store.signUrl(path, { expiresIn: 60 })
    expect(await store.signUrl('s3:none')).toContain('none')
    expect(await store.publicUrl(path)).toContain('a%20b/')
    expect(proxy.requests).toEqual([])
    expect(await (await fetch(url)).text()).toBe('text')
    const upload = await store.signUpload('b', { contentType: 'text/plain' })
    if (upload.method !== 'PUT') throw new Error('asked for a PUT')
    expect((await fetch(upload.url, { method: 'PUT', headers: upload.headers, body: 'sent' })).status).toBe(200)
    expect(await (await store.get('s3:b')).text()).toBe('sent')
  })

  test('a blob that waits has none, nor has a driver without them', async () => {
    const { store, s3 } = await memoryStore()
    s3.outage()
    const { path } = await store.put('a', 'x')
    for (const call of [
      () => store.signUrl(path),
      () => store.publicUrl(path),
      () => store.signUpload('a'),
      () => store.signUrl('local:b'),
      () => store.publicUrl('local:b'),
      () => store.signUpload('local/b'),
    ]) {
      await expect(call()).rejects.toMatchObject({ code: 'NOT_SUPPORTED', hint: expect.stringMatching(/application/) })
    }
  })

  test('a local path of a blob that was moved to S3 leads to S3', async () => {
    const { s3 } = await s3BehindProxy()
    const { store } = await storeOver(s3)
    const { path } = await store.put('local/a', 'moved')
    await expect(store.signUrl(path)).rejects.toMatchObject({ code: 'NOT_SUPPORTED', driver: 'local' })
    await store.relocate(path, { to: 's3' })
    expect(await (await fetch(await store.signUrl(path))).text()).toBe('moved')
  })
})

describe('the small print of the store', () => {
  test('route, resolve and hasDriver ask nobody', async () => {
    const { store, s3 } = await memoryStore({ paths: prefixPaths({ s3: ['project_'], local: ['uploads/'] }) })
    expect(store.route({ key: 'a' })).toBe('s3')
    expect(store.route({ key: 'a', driver: 'local' })).toBe('local')
    expect(store.resolve('project_7/a').candidates).toEqual([{ driver: 's3', key: 'project_7/a' }])
    expect(store.hasDriver('s3')).toBe(true)
    expect(s3.calls).toEqual([])
    expect(() => store.route({ key: 'a', driver: 'x' as never })).toThrow(/no driver/)
    expect(() => store.resolve('../x')).toThrow(/segment/)
  })

  test.each<[string, object]>([
    ['no drivers', { drivers: {} }],
    ['a name with a colon', { drivers: { 's3:': new MemoryDriver() } }],
    ['a fallback from nowhere', { fallback: { s4: 'local' } }],
    ['a fallback to nowhere', { fallback: { s3: 'disk' } }],
    ['a fallback to itself', { fallback: { s3: 's3' } }],
    ['a fallback in a circle', { fallback: { s3: 'local', local: 's3' } }],
    [
      'a fallback to a driver that is not configured',
      { drivers: { s3: new MemoryDriver(), local: undefined }, fallback: { s3: 'local' } },
    ],
    ['no time', { fallback: { s3: 'local', within: 0 } }],
    ['a spool of less than nothing', { spool: { memory: -1 } }],
  ])('refuses %s', (_, options) => {
    const drivers = { s3: new MemoryDriver(), local: new MemoryDriver() }
    const make = () => new HybridStore({ drivers, logger: false, ...options })
    expect(make).toThrow(expect.objectContaining({ code: 'CONFIGURATION' }))
  })

  test('closing waits for what is under way and lets nothing new in', async () => {
    const { store, s3 } = await memoryStore()
    s3.delay(50)
    const put = store.put('a', 'x')
    const closing = store.close()
    await expect(store.get('a')).rejects.toMatchObject({ code: 'CONFIGURATION' })
    await expect(store.list().next()).rejects.toMatchObject({ code: 'CONFIGURATION' })
    expect((await put).driver).toBe('s3')
    await closing
    expect(store.close()).toBe(store.close())
  })

  test('await using closes it', async () => {
    const s3 = new MemoryDriver()
    {
      await using store = new HybridStore({ drivers: { s3 }, logger: false })
      await store.put('a', 'x')
    }
    await expect(s3.get('a')).rejects.toMatchObject({ code: 'CONFIGURATION' })
  })
})

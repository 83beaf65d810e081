import { describe, expect, test } from 'vitest'
import { FsDriver } from '../../src/drivers/fs/index.js'
import { MemoryDriver } from '../../src/drivers/memory/index.js'
import { HybridStore, type HybridStoreOptions, prefixPaths } from '../../src/index.js'
import { FaultyDriver, mockDriver } from '../../src/testing/index.js'
import { s3BehindProxy } from './s3-support.js'
import { memoryStore, onEnd, storeOver, tempRoot } from './support.js'

const keys = [{ id: 'k1', secret: 'a secret of thirty-two bytes, or more' }]
const signedUrls = { baseUrl: 'https://app.test/files', keys }

/** What an HTTP server does with a link. */
async function follow(store: HybridStore, url: string, method = 'GET'): Promise<string> {
  const { path } = store.verifySignedUrl(url, { method })
  return (await store.get(path)).text()
}

const pathOf = (store: HybridStore, url: string) => store.verifySignedUrl(url, { method: 'GET' }).path

describe('a link that the application serves', () => {
  test('is made for a local blob, with all that was asked for', async () => {
    const { store } = await memoryStore({ signedUrls })
    const { path } = await store.put('local/a b/ü.txt', 'text')
    const before = Math.floor(Date.now() / 1000)
    const url = await store.signUrl(path, { expiresIn: 60, contentDisposition: 'inline', contentType: 'text/x' })
    expect(url).toMatch(/^https:\/\/app\.test\/files\/local%3Alocal\/a%20b\/%C3%BC\.txt\?hs-exp=/)
    const { expiresAt, ...grant } = store.verifySignedUrl(url, { method: 'GET' })
    expect(grant).toEqual({ path, contentDisposition: 'inline', contentType: 'text/x' })
    const seconds = expiresAt.getTime() / 1000 - before
    expect(seconds >= 60 && seconds <= 63, `expires in ${seconds} s`).toBe(true)
    expect(await follow(store, url, 'HEAD')).toBe('text')
    const hour = store.verifySignedUrl(await store.signUrl(path), { method: 'GET' })
    expect(Math.abs(hour.expiresAt.getTime() - Date.now() - 3_600_000)).toBeLessThan(5000)
  })

  test('is verified wherever the application is mounted', async () => {
    const { store } = await memoryStore({ signedUrls })
    const { path } = await store.put('local/ü', 'text')
    const { pathname, search, href } = new URL(await store.signUrl(path))
    const expected = store.verifySignedUrl(href, { method: 'GET' })
    expect(store.verifySignedUrl(pathname + search, { method: 'GET' })).toEqual(expected)
    expect(store.verifySignedUrl({ path, query: search }, { method: 'GET' })).toEqual(expected)
    for (const [link, method] of [
      [{ path: 'local:local/u', query: search }, 'GET'],
      [href, 'PUT'],
      [`${href}&more=1`, 'GET'],
    ] as const) {
      expect(() => store.verifySignedUrl(link, { method })).toThrow(
        expect.objectContaining({ code: 'ACCESS_DENIED', status: 403, message: 'The link is not valid.' }),
      )
    }
  })

  test('of a blob that waits reads it from the outbox, and from S3 once it is there', async () => {
    const { s3, proxy } = await s3BehindProxy()
    const { store } = await storeOver(s3, { signedUrls })
    await proxy.down()
    const { path, pendingFor } = await store.put('a', 'waits')
    expect(pendingFor).toBe('s3')
    for (const asked of [path, 'a', 'local:a']) {
      const url = await store.signUrl(asked, { verify: asked === 'a' })
      expect(pathOf(store, url)).toBe('s3:a')
      expect(await follow(store, url)).toBe('waits')
    }
    const url = await store.signUrl(path)
    await proxy.up()
    await store.reconcile()
    expect(await store.pending()).toEqual([])
    expect(await follow(store, url)).toBe('waits')
    const driversOwn = await store.signUrl(path)
    expect(driversOwn).toMatch(/X-Amz-Signature=/)
    expect(await (await fetch(driversOwn)).text()).toBe('waits')
  })

  test('outlives that the blob is moved to another driver, and back', async () => {
    const { store } = await memoryStore({ signedUrls })
    const { path } = await store.put('local/a', 'text')
    const url = await store.signUrl(path)
    const { newPath } = await store.relocate(path, { to: 's3' })
    expect(await follow(store, url)).toBe('text')
    // Memory signs none.
    for (const asked of [path, newPath, 'local/a']) expect(await follow(store, await store.signUrl(asked))).toBe('text')
    const moved = await store.signUrl(newPath)
    await store.relocate(newPath, { to: 'local' })
    expect(await follow(store, moved)).toBe('text')
    expect(await follow(store, url)).toBe('text')
  })

  test('of a path that means one blob is about that very path; any other path is made one first', async () => {
    const paths = prefixPaths({ s3: ['project_'], local: ['uploads/', 'storage/'] })
    const { store } = await memoryStore({ signedUrls, paths })
    await store.put('uploads/x.pdf', 'inner', { driver: 'local' })
    const legacy = [
      '/var/www/uploads/x.pdf',
      'uploads\\x.pdf',
      './uploads/x.pdf',
      'uploads/x.pdf',
      'local:uploads/x.pdf',
    ]
    for (const path of legacy) expect(pathOf(store, await store.signUrl(path)), path).toBe('uploads/x.pdf')
    await store.put('report.pdf', 'report', { driver: 'local' })
    expect(pathOf(store, await store.signUrl('storage/report.pdf'))).toBe('storage/report.pdf')
    // A guess that is wrong: the blob is where the second one looks.
    await store.put('storage/uploads/y.pdf', 'outer', { driver: 'local' })
    const { path } = await store.head('storage/uploads/y.pdf')
    const url = await store.signUrl('storage/uploads/y.pdf')
    expect(pathOf(store, url)).toBe(path)
    expect(await follow(store, url)).toBe('outer')
  })

  test('of a bare key is about the driver that it is read from', async () => {
    const { store, s3 } = await memoryStore({ signedUrls })
    await store.put('local/b', 'near', { driver: 'local' })
    await store.put('local/c', 'far', { driver: 's3' })
    s3.calls.length = 0
    expect(pathOf(store, await store.signUrl('local/b'))).toBe('local:local/b')
    expect(pathOf(store, await store.signUrl('local/c'))).toBe('s3:local/c')
    expect(pathOf(store, await store.signUrl('none'))).toBe('s3:none')
    expect(s3.calls).toEqual([])
  })

  test('asks no far driver, in an outage neither', async () => {
    const { store, s3 } = await memoryStore({ signedUrls })
    const { path } = await store.put('a', 'x')
    s3.outage()
    s3.calls.length = 0
    expect(pathOf(store, await store.signUrl(path))).toBe('s3:a')
    expect(pathOf(store, await store.signUrl('s3:none'))).toBe('s3:none')
    expect(pathOf(store, await store.signUrl('local:none'))).toBe('local:none')
    expect(s3.calls).toEqual([])
  })

  test('of a deleted blob is NOT_FOUND while its driver does not know yet', async () => {
    const { store, s3 } = await memoryStore({ signedUrls })
    const { path } = await store.put('a', 'x')
    const { path: moved } = await store.put('local/a', 'x')
    await store.relocate(moved, { to: 's3' })
    s3.outage()
    for (const one of [path, moved]) {
      await store.delete(one)
      for (const verify of [false, true]) {
        await expect(store.signUrl(one, { verify })).rejects.toMatchObject({ code: 'NOT_FOUND', operation: 'signUrl' })
      }
    }
    // A blob of that key which came after is another one.
    await store.put('a', 'near', { driver: 'local' })
    expect(await follow(store, await store.signUrl('local:a'))).toBe('near')
  })

  test('leads to where reads go, with S3 switched off', async () => {
    const local = new FsDriver({ root: await tempRoot(), durability: 'none' })
    const open = (more: Partial<HybridStoreOptions<'s3' | 'local'>>) => {
      const drivers = { s3: undefined, local }
      return new HybridStore<'s3' | 'local'>({ drivers, signedUrls, logger: false, reconcile: false, ...more })
    }
    const alone = open({})
    const withFallback = open({ fallback: { s3: 'local' } })
    onEnd(() => withFallback.close())
    await local.put('a', 'text')
    for (const store of [withFallback, alone]) {
      for (const asked of ['s3:a', 'local:a', 'a']) expect(await follow(store, await store.signUrl(asked))).toBe('text')
      expect(pathOf(store, await store.signUrl('s3:a'))).toBe('s3:a')
      expect(pathOf(store, await store.signUrl('a'))).toBe('local:a')
    }
    expect(pathOf(withFallback, await withFallback.signUrl('s3:none'))).toBe('s3:none')
    await expect(alone.signUrl('s3:none')).rejects.toMatchObject({ code: 'CONFIGURATION', driver: 's3' })
    await expect(alone.publicUrl('s3:none')).rejects.toMatchObject({ code: 'CONFIGURATION', driver: 's3' })
    await expect(open({ readThrough: false }).signUrl('s3:a')).rejects.toMatchObject({ code: 'CONFIGURATION' })
  })

  test('is looked at first where that is asked for', async () => {
    const { store, s3 } = await memoryStore({ signedUrls })
    await store.put('a', 'x')
    await store.put('local/b', 'x', { driver: 'local' })
    expect(pathOf(store, await store.signUrl('s3:a', { verify: true }))).toBe('s3:a')
    // Reads find it all the same, and so does the link.
    expect(pathOf(store, await store.signUrl('s3:local/b', { verify: true }))).toBe('s3:local/b')
    for (const path of ['s3:none', 'local:none', 'none']) {
      await expect(store.signUrl(path, { verify: true })).rejects.toMatchObject({
        code: 'NOT_FOUND',
        operation: 'signUrl',
      })
    }
    s3.outage()
    await expect(store.signUrl('s3:none', { verify: true })).rejects.toMatchObject({ code: 'UNAVAILABLE' })
    await expect(store.signUrl('s3:none', { verify: true, signal: AbortSignal.abort() })).rejects.toMatchObject({
      code: 'ABORTED',
    })
  })

  test('cannot be asked for in a way that makes no sense', async () => {
    const { store } = await memoryStore({ signedUrls })
    await store.put('local/a', 'x')
    for (const expiresIn of [0, -1, 604_801, Number.NaN, 1.5, Number.POSITIVE_INFINITY, '60' as never]) {
      await expect(store.signUrl('local:a', { expiresIn })).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' })
    }
    await store.signUrl('local:a', { expiresIn: 604_800 })
    for (const options of [{ contentDisposition: 'a\nb' }, { contentDisposition: 'ü' }, { contentType: 'ü' }]) {
      await expect(store.signUrl('local:a', options)).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' })
    }
    await expect(store.signUrl('../a')).rejects.toMatchObject({ code: 'INVALID_KEY' })
    const signal = AbortSignal.abort('enough')
    await expect(store.signUrl('local:a', { signal })).rejects.toMatchObject({ code: 'ABORTED', cause: 'enough' })
  })
})

describe('the driver signs by itself', () => {
  const capable = (methods = {}) => {
    const capabilities = { ...new MemoryDriver().capabilities, signedUrls: true }
    return mockDriver({ capabilities, signUrl: async (key) => `https://s3.test/${key}`, ...methods })
  }

  test('where it can, with the options as they are', async () => {
    const s3 = capable()
    const { store } = await storeOver(s3, { signedUrls })
    expect(await store.signUrl('s3:a', { expiresIn: 5, contentType: 'x/y' })).toBe('https://s3.test/a')
    expect(s3.calls).toEqual([{ operation: 'signUrl', args: ['a', { expiresIn: 5, contentType: 'x/y' }] }])
    // The path of a local blob that went to S3.
    expect(await store.signUrl('a')).toBe('https://s3.test/a')
  })

  test('only where it says so', async () => {
    const { store } = await storeOver(capable({ capabilities: undefined }), { signedUrls })
    expect(await store.signUrl('s3:a')).toMatch(/^https:\/\/app\.test\//)
  })

  test('and its failure is not hidden behind a link that works', async () => {
    const s3 = new FaultyDriver(capable())
    s3.fail('signUrl', 'UNAUTHENTICATED')
    const { store } = await storeOver(s3, { signedUrls })
    await expect(store.signUrl('s3:a')).rejects.toMatchObject({ code: 'UNAUTHENTICATED', driver: 's3' })
  })
})

describe('several stores', () => {
  const open = (settings: object) =>
    new HybridStore({
      drivers: { disk: new MemoryDriver() },
      signedUrls: { ...signedUrls, ...settings },
      logger: false,
      reconcile: false,
    })
  const accepts = (store: HybridStore, url: string) => {
    try {
      return store.verifySignedUrl(url, { method: 'GET' }).path
    } catch (error) {
      return (error as Error).message
    }
  }

  test('with the same keys refuse the links of each other where their audiences differ', async () => {
    const [a, b, none] = [open({ audience: 'a' }), open({ audience: 'b' }), open({})]
    const url = await a.signUrl('disk:x')
    expect(accepts(a, url)).toBe('disk:x')
    for (const other of [b, none]) expect(accepts(other, url)).toBe('The link is not valid.')
    expect(accepts(a, await none.signUrl('disk:x'))).toBe('The link is not valid.')
  })

  test('with other keys refuse them in any case; another host or prefix alone is no other store', async () => {
    const [a, b] = [open({}), open({ keys: [{ id: 'k1', secret: 'another secret of thirty-two bytes' }] })]
    const url = new URL(await a.signUrl('disk:x'))
    expect(accepts(b, url.href)).toBe('The link is not valid.')
    const proxied = open({ baseUrl: 'https://other.test/cdn' })
    expect(accepts(proxied, `https://other.test/cdn/disk%3Ax${url.search}`)).toBe('disk:x')
    expect(accepts(proxied, url.href)).toBe('The link is not valid.')
  })
})

test('without the option there is no such link, and the hint says what would change that', async () => {
  const { store, s3 } = await memoryStore()
  await store.put('local/a', 'x')
  s3.outage()
  const { path } = await store.put('a', 'x')
  for (const one of [path, 'local:local/a']) {
    await expect(store.signUrl(one)).rejects.toMatchObject({
      code: 'NOT_SUPPORTED',
      hint: expect.stringContaining('signedUrls'),
    })
  }
  expect(() => store.verifySignedUrl('/a', { method: 'GET' })).toThrow(
    expect.objectContaining({ code: 'NOT_SUPPORTED', hint: expect.stringContaining('signedUrls') }),
  )
})

test('settings that will not do are refused when the store is made', () => {
  for (const wrong of [
    { keys: [] },
    { keys: [{ id: 'k', secret: 'short' }] },
    { baseUrl: '/files' },
    { audience: 7 },
  ]) {
    const make = () =>
      new HybridStore({ drivers: { disk: new MemoryDriver() }, signedUrls: { ...signedUrls, ...wrong } as never })
    expect(make).toThrow(
      expect.objectContaining({ code: 'CONFIGURATION', message: expect.stringMatching(/^Links cannot be signed: /) }),
    )
  }
})

import { beforeEach, describe, expect, test } from 'vitest'
import type { BlobStore, ListingPage } from '../../src/http/index.js'
import { createTestStore, type TestStore } from '../../src/testing/index.js'
import { adapters } from './servers.js'
import { problemOf, serve } from './support.js'

const keys = ['user1/a.txt', 'user1/b.txt', 'user1/sub/c.txt', 'user10/d.txt', 'ü/e f.txt'] as const
const paths = (...wanted: readonly string[]) => wanted.map((key) => `s3:${key}`)

describe.each(adapters)('a list of %s', (adapter) => {
  let testStore: TestStore

  beforeEach(async () => {
    testStore = createTestStore()
    for (const key of keys) await testStore.store.put(key, key)
  })

  const pageOf = (body: Buffer) => JSON.parse(body.toString()) as ListingPage
  const pathsOf = (body: Buffer) => pageOf(body).items.map(({ path }) => path)

  test('holds what a front end shows', async () => {
    const { store } = testStore
    const { get, head } = await serve(adapter, store)
    const answer = await get('/list?prefix=user10/')
    expect(answer.status).toBe(200)
    expect(answer.headers['content-type']).toBe('application/json; charset=utf-8')
    expect(answer.headers['cache-control']).toBe('private, no-store')
    expect(answer.headers['x-content-type-options']).toBe('nosniff')
    const { etag, lastModified } = await store.head('user10/d.txt')
    expect(pageOf(answer.body)).toEqual({
      items: [{ path: 's3:user10/d.txt', size: 12, etag, lastModified: lastModified.toISOString() }],
    })
    const bare = await head('/list?prefix=user10/')
    expect(bare.status).toBe(200)
    expect(bare.headers['content-length']).toBe(answer.headers['content-length'])
  })

  test('takes a whole folder or nothing for a prefix', async () => {
    const { get } = await serve(adapter, testStore.store)
    expect(pathsOf((await get('/list?prefix=user1/')).body)).toEqual(paths(...keys.slice(0, 3)))
    expect(pathsOf((await get('/list?prefix=user1/sub/')).body)).toEqual(paths('user1/sub/c.txt'))
    expect(pathsOf((await get('/list?prefix=%C3%BC/')).body)).toEqual(paths('ü/e f.txt'))
    expect(pathsOf((await get('/list?prefix=')).body)).toEqual(paths(...keys))
    expect(pathsOf((await get('/list')).body)).toEqual(paths(...keys))
    expect(pathsOf((await get('/list?prefix=nobody/')).body)).toEqual([])
    for (const prefix of ['user1', 'user', 'user1/a.txt', '/x', 'user1/%00']) {
      const answer = await get(`/list?prefix=${prefix}`)
      expect(answer.status, prefix).toBe(400)
      expect(problemOf(answer).code).toMatch(/^INVALID_/)
    }
  })

  test('comes in pages', async () => {
    const { get } = await serve(adapter, testStore.store)
    const seen: string[] = []
    let query = ''
    for (let page = 0; page < 10; page++) {
      const { items, cursor } = pageOf((await get(`/list?limit=2${query}`)).body)
      expect(items.length).toBeLessThanOrEqual(2)
      seen.push(...items.map(({ path }) => path))
      if (cursor === undefined) break
      query = `&cursor=${encodeURIComponent(cursor)}`
    }
    expect(seen).toEqual(paths(...keys))
  })

  test('refuses limits and cursors that are none', async () => {
    const { get } = await serve(adapter, testStore.store)
    for (const limit of ['0', '-1', 'x', '', '1e3', '1.5', '99999999999', ' 1', '0x10']) {
      expect((await get(`/list?limit=${encodeURIComponent(limit)}`)).status, limit).toBe(400)
    }
    expect((await get('/list?limit=999999')).status).toBe(200)
    for (const cursor of ['x', '%00', '%F0%9F%98%80', '../../etc/passwd', 'a'.repeat(5000)]) {
      expect([200, 400], cursor).toContain((await get(`/list?cursor=${cursor}`)).status)
    }
  })

  test('asks for each item where authorizeItems is set, and leaves out what is refused', async () => {
    const asked: string[] = []
    const authorize = ({ action, key }: { readonly action: string; readonly key: string }) => {
      asked.push(`${action} ${key}`)
      return action === 'list' || !key.includes('b.txt')
    }
    const { get } = await serve(adapter, testStore.store, { authorize, authorizeItems: true })
    expect(pathsOf((await get('/list?prefix=user1/')).body)).toEqual(paths('user1/a.txt', 'user1/sub/c.txt'))
    expect(asked).toEqual(['list user1/', ...keys.slice(0, 3).map((key) => `read ${key}`)])
    // A page of which nothing is left still leads to the next one.
    const { items, cursor } = pageOf((await get('/list?prefix=user1/&limit=1')).body)
    const next = pageOf((await get(`/list?prefix=user1/&limit=1&cursor=${encodeURIComponent(cursor ?? '')}`)).body)
    expect(items).toHaveLength(1)
    expect(next.items).toEqual([])
    expect(next.cursor).toBeDefined()
  })

  test('does not ask for each item by default', async () => {
    const asked: string[] = []
    const { get } = await serve(adapter, testStore.store, { authorize: ({ action }) => asked.push(action) > 0 })
    expect(pathsOf((await get('/list')).body)).toHaveLength(5)
    expect(asked).toEqual(['list'])
  })

  test('of a storage that is down is a 503', async () => {
    testStore.outage()
    const { get } = await serve(adapter, testStore.store)
    const answer = await get('/list')
    expect(answer.status).toBe(503)
    expect(problemOf(answer).code).toBe('UNAVAILABLE')
  })

  test('knows GET and HEAD only', async () => {
    const { ask, remove } = await serve(adapter, testStore.store as BlobStore)
    for (const answer of [await remove('/list'), await ask({ method: 'PUT', target: '/list', body: 'x' })]) {
      expect(answer.status).toBe(405)
      expect(answer.headers.allow).toBe('GET, HEAD')
    }
  })
})

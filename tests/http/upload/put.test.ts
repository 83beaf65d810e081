import { createHash } from 'node:crypto'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import type { AuthorizeInput, Uploaded } from '../../../src/http/index.js'
import { createTestStore } from '../../../src/testing/index.js'
import { adapters } from '../servers.js'
import { problemOf } from '../support.js'
import { type Backend, backends, folders, openWorld, realS3, type World } from '../world.js'
import { keysOf, serveUploads } from './support.js'

const sha256 = (text: string) => `sha-256=:${createHash('sha256').update(text).digest('base64')}:`

describe.each(adapters)('PUT /content/{path} on %s', (adapter) => {
  let world: World
  let count = 0
  let path: string
  const backendsHere = backends.filter((backend) => realS3 || backend === 'local')
  beforeAll(async () => {
    world = await openWorld()
  })
  afterAll(() => world.close())
  beforeEach(() => {
    count++
  })
  const nameIn = (backend: Backend) => {
    path = `${folders[backend]}put-${count}.txt`
    return path
  }
  const read = async () => (await world.store.get(path)).text()

  test.each(backendsHere)('makes and replaces a blob on %s: 201, 204', async (backend) => {
    const { put } = await serveUploads(adapter, world.store)
    const made = await put(nameIn(backend), 'one', { 'content-type': 'text/x-own' })
    const { etag, contentType } = await world.store.head(path)
    expect([made.status, contentType]).toEqual([201, 'text/x-own'])
    expect(JSON.parse(made.body.toString())).toEqual({ path, key: path, size: 3, etag, contentType })
    expect(made.headers.etag).toBe(`"${etag}"`)
    const replaced = await put(path, 'two', { 'content-type': 'text/x-own' })
    expect(replaced.status).toBe(204)
    expect(replaced.headers.etag).toBe(`"${(await world.store.head(path)).etag}"`)
    expect(await read()).toBe('two')
    expect((await put(path, '')).status).toBe(204)
    expect(await read()).toBe('')
  })

  test.each(backendsHere)('judges If-None-Match and If-Match on %s (22, 23)', async (backend) => {
    const { put } = await serveUploads(adapter, world.store)
    expect((await put(nameIn(backend), 'one', { 'if-match': '*' })).status).toBe(412)
    expect((await put(path, 'one', { 'if-match': '"zz"' })).status).toBe(412)
    expect((await put(path, 'one', { 'if-none-match': '*' })).status).toBe(201)
    const { etag } = await world.store.head(path)
    const again = await put(path, 'two', { 'if-none-match': '*' })
    expect([again.status, problemOf(again).title]).toEqual([412, 'Precondition Failed'])
    expect((await put(path, 'two', { 'if-match': '"zz"' })).status).toBe(412)
    expect((await put(path, 'two', { 'if-none-match': `"zz", "${etag}"` })).status).toBe(412)
    expect((await put(path, 'two', { 'if-unmodified-since': new Date(0).toUTCString() })).status).toBe(412)
    expect(await read()).toBe('one')
    expect((await put(path, 'two', { 'if-match': `"zz", "${etag}"` })).status).toBe(204)
    expect((await put(path, 'three', { 'if-match': `"${etag}"` })).status).toBe(412)
    expect(await read()).toBe('two')
  })

  test.each(backendsHere)('publishes nothing on %s that is not what was announced (138, 140)', async (backend) => {
    const { put } = await serveUploads(adapter, world.store, { limits: { fileSize: 10 } })
    const refused = async (status: number, body: string, headers = {}) => {
      const answer = await put(path, body, headers)
      expect([answer.status, problemOf(answer).status]).toEqual([status, status])
      expect(await world.store.exists(path)).toBe(false)
    }
    nameIn(backend)
    await refused(422, 'body', { 'content-digest': sha256('other') })
    await refused(422, 'body', { 'content-md5': createHash('md5').update('other').digest('base64') })
    await refused(400, 'body', { 'content-digest': 'sha-256=:AAAA:' })
    await refused(400, 'body', { 'content-range': 'bytes 0-3/10' })
    await refused(415, 'body', { 'content-encoding': 'gzip' })
    await refused(413, 'more than ten', {})
    await refused(403, 'body', { origin: 'https://elsewhere.example' })
    expect((await put(path, 'body', { 'content-digest': sha256('body') })).status).toBe(201)
  })

  test('takes a body of unknown length, with a limit', async () => {
    const { server } = await serveUploads(adapter, world.store, { limits: { fileSize: 100_000 } })
    const send = async (size: number) => {
      async function* chunks() {
        for (let sent = 0; sent < size; sent += 10_000) yield Buffer.alloc(10_000, 'x')
      }
      const init = { method: 'PUT', body: chunks(), duplex: 'half' } as unknown as RequestInit
      return (await fetch(`${server.url}/content/${nameIn('local')}`, init)).status
    }
    expect(await send(100_000)).toBe(201)
    expect((await world.store.head(path)).size).toBe(100_000)
    await world.store.delete(path)
    expect(await send(110_000)).toBe(413)
    expect(await world.store.exists(path)).toBe(false)
  })

  test('answers the canonical path alone, and leaves the driver to the policy', async () => {
    const { store } = createTestStore({ policy: ({ key }) => (key.startsWith('local/') ? 'local' : 's3') })
    const { put } = await serveUploads(adapter, store)
    expect((await put('a.txt', 'x')).status).toBe(404)
    expect((await put('../a.txt', 'x')).status).toBe(404)
    expect((await put('s3:%61.txt', 'x')).status).toBe(404)
    const made = await put('local:a.txt', 'x')
    expect([made.status, JSON.parse(made.body.toString()).path]).toEqual([201, 's3:a.txt'])
    expect(await keysOf(store)).toEqual(['a.txt'])
  })

  test('is off unless it is asked for, and asks authorize before a byte is read', async () => {
    const { store } = createTestStore()
    const asked: AuthorizeInput[] = []
    const authorize = (input: AuthorizeInput) => (asked.push(input) && input.key === 'mine.txt') || 401
    const off = await serveUploads(adapter, store, { writable: false })
    const answer = await off.put('s3:a.txt', 'x')
    expect([answer.status, answer.headers.allow]).toEqual([405, 'GET, HEAD, DELETE'])
    const { put, ask } = await serveUploads(adapter, store, { authorize, challenge: 'Bearer' })
    const refused = await put('s3:a.txt', 'x')
    expect([refused.status, refused.headers['www-authenticate']]).toEqual([401, 'Bearer'])
    expect((await put('s3:mine.txt', 'x')).status).toBe(201)
    expect(await keysOf(store)).toEqual(['mine.txt'])
    expect(asked.map(({ action, key, driver }) => [action, key, driver])).toEqual([
      ['write', 'a.txt', 's3'],
      ['write', 'mine.txt', 's3'],
    ])
    const options = await ask({ method: 'OPTIONS', target: '/content/s3:a.txt' })
    expect(options.headers.allow).toBe('GET, HEAD, DELETE, PUT')
  })

  test('with locate it sets the content of a document', async () => {
    const { store } = createTestStore()
    await store.put('project_7/a.txt', 'old')
    const told: Uploaded[] = []
    const locate = ({ id }: { readonly id: string }) => (id === '1' ? 's3:project_7/a.txt' : undefined)
    const onUploaded = (uploaded: Uploaded) => void told.push(uploaded)
    const { ask, get } = await serveUploads(adapter, store, { locate, onUploaded })
    const put = (target: string) => ask({ method: 'PUT', target, body: 'new' })
    expect((await put('/1/content')).status).toBe(204)
    expect((await put('/2/content')).status).toBe(404)
    expect((await put('/1')).status).toBe(405)
    expect((await get('/1/content')).body.toString()).toBe('new')
    expect(told.map(({ id, blobs }) => [id, blobs.map(({ path }) => path)])).toEqual([['1', ['s3:project_7/a.txt']]])
    const form = await ask({ method: 'POST', target: '/upload', headers: { 'content-type': 'text/plain' }, body: 'x' })
    expect(form.status).toBe(415)
  })

  test('a new file is removed where onUploaded throws; one that took the place of another stays', async () => {
    const { store } = createTestStore()
    const onUploaded = () => Promise.reject(new Error('no row'))
    const { put } = await serveUploads(adapter, store, { onUploaded })
    expect((await put('s3:a.txt', 'new')).status).toBe(500)
    expect(await keysOf(store)).toEqual([])
    await store.put('a.txt', 'old')
    expect((await put('s3:a.txt', 'new')).status).toBe(500)
    expect(await (await store.get('a.txt')).text()).toBe('new')
  })

  test('falls back in an outage', async () => {
    const { store, outage } = createTestStore()
    const { put } = await serveUploads(adapter, store)
    outage()
    const made = await put('s3:a.txt', 'x')
    expect([made.status, JSON.parse(made.body.toString()).path]).toEqual([201, 's3:a.txt'])
    expect((await store.head('s3:a.txt')).pendingFor).toBe('s3')
    expect((await put('s3:b.txt', 'x', { 'if-none-match': '*' })).status).toBe(503)
  })
})

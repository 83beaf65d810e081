import { describe, expect, test } from 'vitest'
import type { AuthorizeInput, Uploaded } from '../../../src/http/index.js'
import { createTestStore } from '../../../src/testing/index.js'
import { adapters } from '../servers.js'
import { problemOf } from '../support.js'
import { fieldPart, file, form } from './case.js'
import { keysOf, serveUploads } from './support.js'

describe.each(adapters)('several files of a request on %s', (adapter) => {
  test('are answered as a list, in their order', async () => {
    const { store } = createTestStore()
    const { upload } = await serveUploads(adapter, store)
    const answer = await upload(form(file('b.txt', 'one'), fieldPart('x', 'y'), file('a.txt', 'three')))
    expect(answer.status).toBe(201)
    expect(answer.headers['cache-control']).toBe('private, no-store')
    const items = JSON.parse(answer.body.toString())
    const [b, a] = items
    expect(items).toEqual([
      { path: `s3:${b.key}`, key: b.key, size: 3, etag: expect.any(String), contentType: 'text/plain' },
      { path: `s3:${a.key}`, key: a.key, size: 5, etag: expect.any(String), contentType: 'text/plain' },
    ])
    expect(b.key).toMatch(/^project_7\/b-\w{13}\.txt$/)
    expect(await keysOf(store)).toEqual([a.key, b.key])
  })

  test('are routed by kind and key, with the fields before them, and get their attributes', async () => {
    const { store } = createTestStore({ policy: ({ kind }) => (kind === 'invoice' ? 'local' : 's3') })
    const { upload } = await serveUploads(adapter, store, {
      key: ({ file, fields }) => `${fields.folder}/${file.name}`,
      kind: ({ file }) => (file.field === 'file' ? 'invoice' : 'document'),
      attributes: ({ file, key }) => ({ cacheControl: 'private', metadata: { name: file.name, key } }),
    })
    const answer = await upload(form(fieldPart('folder', 'project_9'), file('a.txt')))
    expect(JSON.parse(answer.body.toString())[0].path).toBe('local:project_9/a.txt')
    const { cacheControl, metadata } = await store.head('project_9/a.txt')
    expect({ cacheControl, metadata }).toEqual({
      cacheControl: 'private',
      metadata: { name: 'a.txt', key: 'project_9/a.txt' },
    })
  })

  test('ask authorize for each, with the key that the server chose, before it is stored', async () => {
    const { store, s3 } = createTestStore()
    const asked: unknown[] = []
    const authorize = ({ action, key, driver, path }: AuthorizeInput) => {
      asked.push({ action, key, driver, path, puts: s3.calls.filter(({ operation }) => operation === 'put').length })
      return key.startsWith('project_7/a') || 404
    }
    const { upload } = await serveUploads(adapter, store, { authorize, key: ({ file }) => `project_7/${file.name}` })
    expect((await upload(form(file('a.txt'), file('b.txt')))).status).toBe(404)
    const [a, b] = ['project_7/a.txt', 'project_7/b.txt']
    expect(asked).toEqual([
      { action: 'upload', key: a, driver: 's3', path: a, puts: 0 },
      { action: 'upload', key: b, driver: 's3', path: b, puts: 1 },
    ])
    expect(await keysOf(store)).toEqual([])
  })

  test('that have the same key are a conflict, and none is stored', async () => {
    const { store } = createTestStore()
    const { upload } = await serveUploads(adapter, store, { key: () => 'avatar.png' })
    expect((await upload(form(file('a.txt'), file('b.txt')))).status).toBe(409)
    expect(await keysOf(store)).toEqual([])
  })

  test('go together, but what somebody else has put meanwhile stays', async () => {
    const { store } = createTestStore()
    const key = async ({ file }: { readonly file: { readonly name: string } }) => {
      if (file.name === 'c.txt') await store.put('project_7/a.txt', 'from somebody else')
      return `project_7/${file.name}`
    }
    const { upload } = await serveUploads(adapter, store, { key, extensions: { deny: ['php'] } })
    const answer = await upload(form(file('a.txt'), file('b.txt'), file('c.txt'), file('d.php')))
    expect(answer.status).toBe(415)
    expect(await keysOf(store)).toEqual(['project_7/a.txt'])
    expect(await (await store.get('project_7/a.txt')).text()).toBe('from somebody else')
  })

  test('go together where some wait for S3', async () => {
    const { store, s3, outage, recover } = createTestStore()
    const key = ({ file }: { readonly file: { readonly name: string } }) => `project_7/${file.name}`
    const { upload } = await serveUploads(adapter, store, { key, extensions: { deny: ['php'] } })
    outage()
    expect((await upload(form(file('a.txt'), file('d.php')))).status).toBe(415)
    expect(await store.exists('project_7/a.txt')).toBe(false)
    expect((await upload(form(file('b.txt')))).status).toBe(201)
    recover()
    await store.reconcile()
    expect(await store.pending()).toEqual([])
    expect(await keysOf(store)).toEqual(['project_7/b.txt'])
    expect((await s3.head('project_7/b.txt')).size).toBe(7)
  })

  test('each on its own: what is refused does not keep the others out', async () => {
    const { store } = createTestStore()
    const told: Uploaded[] = []
    const { upload } = await serveUploads(adapter, store, {
      atomic: false,
      extensions: { deny: ['php'] },
      limits: { fileSize: 10 },
      onUploaded: (uploaded) => void told.push(uploaded),
    })
    const parts = [file('a.php', 'x'.repeat(9)), file('b.txt'), file('c.txt', 'x'.repeat(500_000)), file('d.txt')]
    const answer = await upload(form(...parts))
    expect(answer.status).toBe(201)
    const items = JSON.parse(answer.body.toString())
    expect(items.map((item: { size?: number }) => item.size)).toEqual([7, 7, undefined, undefined])
    expect(items.slice(2)).toMatchObject([
      { field: 'file', problem: { status: 415, code: 'INVALID_ARGUMENT' } },
      { field: 'file', problem: { status: 413, code: 'TOO_LARGE' } },
    ])
    expect(told[0]?.failures.map(({ filename }) => filename)).toEqual(['a.php', 'c.txt'])
    expect(await keysOf(store)).toHaveLength(2)
    expect((await upload(form(file('a.php')))).status).toBe(415)
    // A request that is broken is broken as a whole.
    expect((await upload(form(file('e.txt'), file('f.txt')).subarray(0, -12))).status).toBe(400)
    expect(await keysOf(store)).toHaveLength(2)
  })

  test('may be as large as they are where the limit says so', async () => {
    const { store } = createTestStore()
    const { upload, put } = await serveUploads(adapter, store, { limits: { fileSize: Number.POSITIVE_INFINITY } })
    expect((await upload(form(file('a.txt'), file('b.txt')))).status).toBe(201)
    expect((await put('s3:c.txt', 'content')).status).toBe(201)
    expect(await keysOf(store)).toHaveLength(3)
  })

  test('onUploaded gives the answer; where it throws the files go', async () => {
    const { store } = createTestStore()
    let fails = false
    const { upload } = await serveUploads(adapter, store, {
      onUploaded: ({ blobs, fields }) => {
        if (fails) throw new Error('no row')
        return { id: 1, title: fields.title, names: blobs.map(({ name }) => name) }
      },
    })
    const answer = await upload(form(fieldPart('title', 'T'), file('a.txt'), file('b.txt')))
    expect(JSON.parse(answer.body.toString())).toEqual({ id: 1, title: 'T', names: ['a.txt', 'b.txt'] })
    expect(await keysOf(store)).toHaveLength(2)
    fails = true
    expect((await upload(form(file('c.txt'), file('d.txt')))).status).toBe(500)
    expect(await keysOf(store)).toHaveLength(2)
  })

  test('that cannot be removed again are told to the log, as a failure of the server', async () => {
    const { store, s3 } = createTestStore()
    const errors: unknown[] = []
    const { upload } = await serveUploads(adapter, store, {
      extensions: { deny: ['php'] },
      onError: ({ error }) => errors.push(error.cause),
    })
    s3.fail('delete', 'UNAVAILABLE', 1)
    const answer = await upload(form(file('a.txt'), file('d.php')))
    expect([answer.status, problemOf(answer).code]).toEqual([500, 'INTERNAL'])
    const [{ errors: causes }] = errors as [AggregateError]
    expect(causes).toMatchObject([{ status: 415 }, { code: 'UNAVAILABLE', key: expect.stringMatching(/^project_7/) }])
  })

  test('the route is off without a key, and takes POST alone', async () => {
    const { store } = createTestStore()
    const off = await serveUploads(adapter, store, { key: undefined })
    expect((await off.upload(form(file('a.txt')))).status).toBe(404)
    const { get } = await serveUploads(adapter, store)
    const answer = await get('/upload')
    expect([answer.status, answer.headers.allow]).toEqual([405, 'POST'])
  })
})

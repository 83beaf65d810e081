import { describe, expect, test } from 'vitest'
import type { AuthorizeInput, LocatedDocument } from '../../src/http/index.js'
import { prefixPaths } from '../../src/index.js'
import { createTestStore } from '../../src/testing/index.js'
import { adapters, type DeliveryOptions } from './servers.js'
import { problemOf, serve } from './support.js'

async function documents(options: DeliveryOptions = {}) {
  const paths = prefixPaths({ s3: ['project_'], local: ['uploads/', 'storage/'] }, { roots: ['/var/www/app/public/'] })
  const policy = ({ key }: { readonly key: string }) =>
    key.startsWith('uploads/') ? ('local' as const) : ('s3' as const)
  const { store } = createTestStore({ paths, policy })
  await store.put('project_7/a.txt', 'on s3')
  await store.put('uploads/b.html', '<b>local</b>', { contentType: 'text/html' })
  const table = new Map<string, LocatedDocument | string>(
    Object.entries({
      '1': 'project_7/a.txt',
      '2': { path: 'uploads/b.html', filename: 'Überblick.txt', contentType: 'text/plain' },
      old: '/var/www/app/public/uploads/b.html',
      gone: 'project_7/gone.txt',
      'a b/c': 'project_7/a.txt',
      broken: 'project_7/../a.txt',
    }),
  )
  const ids: string[] = []
  const locate = ({ id }: { readonly id: string }) => {
    ids.push(id)
    return table.get(id)
  }
  return { store, ids, options: { locate, ...options } }
}

describe.each(adapters)('documents that the application locates by their id, on %s', (adapter) => {
  test('are served under /{id}', async () => {
    const { store, options } = await documents()
    const { get, head } = await serve(adapter, store, options)
    const first = await get('/1/content')
    expect(first.body.toString()).toBe('on s3')
    expect(first.headers['content-disposition']).toBe('inline; filename=a.txt')
    expect((await get('/1/download')).headers['content-disposition']).toBe('attachment; filename=a.txt')
    // A path out of the application's database is no business of the client's.
    expect(JSON.parse((await get('/1/view')).body.toString())).toEqual({
      contentType: 'text/plain',
      size: 5,
      encoding: 'utf-8',
      content: 'on s3',
    })
    expect(JSON.parse((await get('/2/view')).body.toString())).toMatchObject({ contentType: 'text/plain' })
    expect((await head('/1/content')).headers['content-length']).toBe('5')
    expect((await get('/1/content', { range: 'bytes=-2' })).body.toString()).toBe('s3')

    const second = await get('/2/content')
    expect(second.headers['content-type']).toBe('text/plain; charset=utf-8')
    expect(second.headers['content-disposition']).toBe(
      `inline; filename=Uberblick.txt; filename*=UTF-8''%C3%9Cberblick.txt`,
    )
  })

  test('may have an old path in the database', async () => {
    const asked: AuthorizeInput[] = []
    const authorize = (input: AuthorizeInput) => asked.push(input) > 0
    const { store, options } = await documents({ authorize })
    const { get } = await serve(adapter, store, options)
    expect((await get('/old/content')).body.toString()).toBe('<b>local</b>')
    expect(asked[0]).toMatchObject({
      action: 'read',
      key: 'uploads/b.html',
      driver: 'local',
      path: '/var/www/app/public/uploads/b.html',
    })
  })

  test('that are not there are a 404, as is any other address', async () => {
    const { store, options, ids } = await documents()
    const { get, ask } = await serve(adapter, store, options)
    for (const target of ['/3/content', '/gone/content', '/gone/view', '/gone/download', '/__proto__/content']) {
      const answer = await get(target)
      expect(answer.status, target).toBe(404)
      expect(problemOf(answer)).toMatchObject({ code: 'NOT_FOUND' })
    }
    ids.length = 0
    for (const target of ['/', '//content', '/1/other', '/1/content/x', '/1/content/', '/content/1', '/list', '/1/']) {
      expect((await get(target)).status, target).toBe(404)
    }
    expect(ids.filter((id) => id !== 'content' && id !== 'list')).toEqual([])
    expect((await ask({ method: 'PUT', target: '/1/content', body: 'x' })).status).toBe(405)
    expect((await get('/1')).status).toBe(405)
    expect((await get('/1')).headers.allow).toBe('DELETE')
  })

  test('have ids of any characters, decoded once', async () => {
    const { store, options, ids } = await documents()
    const { get } = await serve(adapter, store, options)
    expect((await get('/a%20b/content')).status).toBe(404)
    expect((await get('/%2531/content')).status).toBe(404)
    expect((await get('/%C3%BC/content')).status).toBe(404)
    expect((await get('/a%20b%2Fc/content')).status).toBe(404)
    expect(ids).toEqual(['a b', '%31', 'ü'])
  })

  test('are deleted at their id', async () => {
    const { store, options } = await documents()
    const { remove, get } = await serve(adapter, store, options)
    expect((await remove('/1', { 'if-match': '"zz"' })).status).toBe(412)
    expect((await remove('/1/content')).status).toBe(204)
    expect((await get('/1/content')).status).toBe(404)
    expect((await remove('/2')).status).toBe(204)
    expect(await store.exists('uploads/b.html')).toBe(false)
    expect((await remove('/3')).status).toBe(404)
  })

  test('are refused by authorize before anything is read', async () => {
    const { store, options } = await documents({ authorize: ({ key }) => key !== 'project_7/a.txt' || 404 })
    const { get, remove } = await serve(adapter, store, options)
    for (const route of ['content', 'download', 'view']) expect((await get(`/1/${route}`)).status).toBe(404)
    expect((await remove('/1')).status).toBe(404)
    expect((await get('/2/content')).status).toBe(200)
    expect(await store.exists('project_7/a.txt')).toBe(true)
  })

  test('a lookup that throws is a 500 that does not say why', async () => {
    const { store } = await documents()
    const causes: unknown[] = []
    const failure = new Error('relation "documents" does not exist')
    const { get } = await serve(adapter, store, {
      locate: () => Promise.reject(failure),
      onError: ({ error }) => causes.push(error.cause),
    })
    const answer = await get('/1/content')
    expect(answer.status).toBe(500)
    expect(answer.body.toString()).not.toContain('relation')
    expect(causes).toEqual([failure])
  })

  test('a path that no store can read is a 400, and not a crash', async () => {
    const { store, options } = await documents()
    const { get } = await serve(adapter, store, options)
    expect((await get('/broken/content')).status).toBe(400)
    expect((await get('/1/content')).status).toBe(200)
  })
})

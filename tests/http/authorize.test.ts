import { describe, expect, test } from 'vitest'
import type { AuthorizeInput } from '../../src/http/index.js'
import { blobRoutes } from '../../src/http/index.js'
import { createTestStore } from '../../src/testing/index.js'
import { adapters, type DeliveryOptions } from './servers.js'
import { problemOf, serve } from './support.js'

async function secretStore() {
  const { store, s3, local } = createTestStore()
  await store.put('project_7/a b.txt', 'secret')
  s3.calls.length = 0
  local.calls.length = 0
  return { store, s3, local }
}

const address = '/content/s3%3Aproject_7/a%20b.txt'
const requests = [
  ['GET', address],
  ['HEAD', address],
  ['GET', address.replace('content', 'download')],
  ['GET', address.replace('content', 'view')],
  ['HEAD', address.replace('content', 'view')],
  ['DELETE', address],
  ['GET', '/list?prefix=project_7/'],
  ['HEAD', '/list'],
] as const

/** Everything that is neither true nor one of the three statuses is a no. */
const answers: readonly (readonly [answer: unknown, status: number])[] = [
  [false, 403],
  [401, 401],
  [403, 403],
  [404, 404],
  [undefined, 403],
  [null, 403],
  [0, 403],
  [1, 403],
  [200, 403],
  [500, 403],
  ['true', 403],
  [{}, 403],
  [Promise.resolve(false), 403],
  [Promise.resolve(404), 404],
  [Promise.resolve(1), 403],
]

describe.each(adapters)('authorize, asked by %s', (adapter) => {
  test('refuses, and nothing is asked of the storage', async () => {
    const { store, s3, local } = await secretStore()
    let answer: unknown
    const errors: unknown[] = []
    const options = { authorize: () => answer, onError: (failed: unknown) => errors.push(failed) }
    const { ask } = await serve(adapter, store, options as DeliveryOptions)
    for (const [given, status] of answers) {
      answer = given
      for (const [method, target] of requests) {
        const refused = await ask({ method, target, headers: { 'if-none-match': '*', range: 'bytes=0-0' } })
        expect(refused.status, `${String(given)} to ${method} ${target}`).toBe(status)
        expect(refused.headers).not.toHaveProperty('etag')
        if (method !== 'HEAD') expect(problemOf(refused)).toMatchObject({ status })
        expect(refused.body.toString()).not.toMatch(/project_7|secret/)
      }
    }
    expect([...s3.calls, ...local.calls]).toEqual([])
    expect(errors).toEqual([])
  })

  test('is asked once per request, about the key and the driver', async () => {
    const { store } = await secretStore()
    const asked: AuthorizeInput[] = []
    const authorize = (input: AuthorizeInput) => {
      asked.push(input)
      return false
    }
    const { ask } = await serve(adapter, store, { authorize, mount: 'prefix' })
    for (const [method, target] of requests)
      await ask({ method, target: `/some/files${target}`, headers: { 'x-who': 'me' } })
    const path = 's3:project_7/a b.txt'
    const blob = { key: 'project_7/a b.txt', driver: 's3', path }
    expect(asked.map(({ action, key, driver, path }) => ({ action, key, driver, path }))).toEqual([
      { action: 'read', ...blob },
      { action: 'read', ...blob },
      { action: 'read', ...blob },
      { action: 'view', ...blob },
      { action: 'view', ...blob },
      { action: 'delete', ...blob },
      { action: 'list', key: 'project_7/', driver: undefined, path: 'project_7/' },
      { action: 'list', key: '', driver: undefined, path: '' },
    ])
    for (const { request, native } of asked) {
      expect(request.headers['x-who']).toBe('me')
      expect(native).toBeDefined()
    }
    expect(asked[0]?.request.method).toBe('GET')
    expect(asked[1]?.request.method).toBe('HEAD')
  })

  test('that throws is a 500 that does not say why, and is told to onError once', async () => {
    const { store, s3 } = await secretStore()
    const causes: unknown[] = []
    const failure = new Error('connect ECONNREFUSED db.internal:5432')
    const { get, remove } = await serve(adapter, store, {
      authorize: () => Promise.reject(failure),
      onError: ({ error }) => causes.push(error.cause),
    })
    for (const answer of [await get(address), await remove(address), await get('/list')]) {
      expect(answer.status).toBe(500)
      expect(problemOf(answer)).toMatchObject({ code: 'INTERNAL', title: 'Internal Server Error' })
      expect(answer.body.toString()).not.toMatch(/ECONNREFUSED|db\.internal|Error:|\bat /)
    }
    expect(causes).toEqual([failure, failure, failure])
    expect(s3.calls).toEqual([])
  })

  test('has no say in what has no address', async () => {
    const { store } = await secretStore()
    let times = 0
    const authorize = () => {
      times++
      return true
    }
    const { get, ask } = await serve(adapter, store, { authorize })
    for (const target of ['/', '/nothing', '/content/', '/content/%2e%2e/x', '/list/x']) await get(target)
    expect((await ask({ method: 'PUT', target: address, body: 'x' })).status).toBe(405)
    expect(times).toBe(0)
  })
})

test('without authorize there are no routes', () => {
  const { store } = createTestStore()
  for (const options of [{}, undefined, { authorize: true }, { authorize: null }]) {
    expect(() => blobRoutes(store, options as never)).toThrow(expect.objectContaining({ code: 'CONFIGURATION' }))
  }
})

import { describe, expect, test } from 'vitest'
import type { FailedRequest } from '../../src/http/index.js'
import { StorageError } from '../../src/index.js'
import { createTestStore } from '../../src/testing/index.js'
import { pattern } from '../store/support.js'
import { adapters, type DeliveryOptions } from './servers.js'
import { problemOf, serve } from './support.js'

const file = '/content/s3%3Aproject_7/x.txt'
const big = '/content/s3%3Aproject_7/big.bin'

async function failing(options: DeliveryOptions = {}) {
  const test = createTestStore()
  await test.store.put('project_7/x.txt', 'text')
  await test.store.put('project_7/big.bin', pattern(0, 2 * 1024 * 1024), { contentType: 'image/png' })
  const failures: FailedRequest[] = []
  return { ...test, failures, options: { onError: (failed: FailedRequest) => failures.push(failed), ...options } }
}

const codes = [
  ['UNAVAILABLE', 503],
  ['TIMEOUT', 504],
  ['ACCESS_DENIED', 403],
  ['UNAUTHENTICATED', 401],
  ['CORRUPT', 500],
  ['NOT_SUPPORTED', 501],
  ['INTERNAL', 500],
] as const

describe.each(adapters)('what goes wrong on %s', (adapter) => {
  test.each(codes)('%s of the storage is problem details that tell nothing', async (code) => {
    const { store, s3, failures, options } = await failing()
    const { get, head } = await serve(adapter, store, options)
    const secret = new StorageError(code, 'bucket hs-secret, key project_7/x.txt, at /var/lib/root')
    s3.fail('get', secret, 1)
    s3.fail('head', secret, 1)
    const answer = await get(file, { 'if-none-match': '"a"', range: 'bytes=0-1' })
    const { status } = secret
    expect(answer.status).toBe(status)
    const problem = problemOf(answer)
    expect(Object.keys(problem).sort()).toEqual(['code', 'detail', 'status', 'title', 'type'])
    expect(problem).toMatchObject({ type: 'about:blank', status, code })
    expect(answer.body.toString()).not.toMatch(/hs-secret|project_7|\/var|s3/)
    for (const name of ['etag', 'last-modified', 'content-disposition', 'accept-ranges', 'content-range']) {
      expect(answer.headers).not.toHaveProperty(name)
    }
    expect(answer.headers['cache-control']).toBe('private, no-store')
    expect(answer.headers['retry-after']).toBe(code === 'UNAVAILABLE' || code === 'TIMEOUT' ? '5' : undefined)

    const bare = await head(file)
    expect(bare.status).toBe(status)
    expect(bare.headers['content-type']).toBe('application/problem+json')
    // Each once: the GET and the HEAD, where the fault is the server's.
    expect(failures).toHaveLength(status >= 500 ? 2 : 0)
    expect((await get(file)).status).toBe(200)
  })

  test('a body that breaks off cuts the connection, and is told once', async () => {
    const { store, s3, failures, options } = await failing()
    const { get } = await serve(adapter, store, options)
    s3.fail('get', 'UNAVAILABLE', 1, { afterBytes: 1024 * 1024 })
    const answer = await get(big)
    expect(answer.status).toBe(200)
    expect(answer.headers['content-length']).toBe(String(2 * 1024 * 1024))
    expect(answer.whole).toBe(false)
    expect(answer.body.byteLength).toBeLessThan(2 * 1024 * 1024)
    expect(answer.body.equals(pattern(0, answer.body.byteLength))).toBe(true)
    expect(failures.map(({ error, request }) => [error.code, request.method])).toEqual([['UNAVAILABLE', 'GET']])
    const again = await get(big, { range: `bytes=${answer.body.byteLength}-` })
    expect(Buffer.concat([answer.body, again.body]).equals(pattern(0, 2 * 1024 * 1024))).toBe(true)
    expect(failures).toHaveLength(1)
  })

  test('a small body that breaks off is still a 5xx', async () => {
    const { store, s3, failures, options } = await failing()
    const { get } = await serve(adapter, store, options)
    s3.fail('get', 'UNAVAILABLE', 1, { afterBytes: 2 })
    const answer = await get(file)
    expect(answer.status).toBe(503)
    expect(answer.headers).not.toHaveProperty('etag')
    expect(failures).toHaveLength(1)
  })

  test('what is the client’s fault is not told', async () => {
    const { store, failures, options } = await failing()
    const { get, ask } = await serve(adapter, store, options)
    await get('/content/s3%3Amissing')
    await get('/content/%zz')
    await get('/nothing')
    await get(file, { 'if-match': '"zz"' })
    await get(file, { range: 'bytes=99-' })
    await get(file, { 'if-none-match': '*' })
    await ask({ method: 'PUT', target: file, body: 'x' })
    expect(failures).toEqual([])
  })

  test('a hook rewrites problem details, of all errors', async () => {
    const problem = ({ error, request }: FailedRequest) => ({
      detail: `${request.method} ${error.code} auf Deutsch: ü`,
      ...(error.code === 'NOT_FOUND' ? { status: 410, title: 'Weg', type: 'https://example.org/weg' } : {}),
    })
    const { store, options } = await failing({ problem, authorize: ({ action }) => action !== 'list' })
    const { get, ask } = await serve(adapter, store, options)
    const gone = await get('/content/s3%3Amissing')
    expect(gone.status).toBe(410)
    expect(problemOf(gone)).toEqual({
      type: 'https://example.org/weg',
      title: 'Weg',
      status: 410,
      detail: 'GET NOT_FOUND auf Deutsch: ü',
      code: 'NOT_FOUND',
    })
    expect(problemOf(await get('/list')).detail).toBe('GET ACCESS_DENIED auf Deutsch: ü')
    expect(problemOf(await get(file, { 'if-match': '"a"' })).detail).toContain('PRECONDITION_FAILED')
    const late = await get(file, { range: 'bytes=99-' })
    expect(problemOf(late).detail).toContain('INVALID_RANGE')
    expect(late.headers['content-range']).toBe('bytes */4')
    expect(problemOf(await ask({ method: 'PUT', target: file })).detail).toContain('NOT_SUPPORTED')
  })

  test('hooks that throw do no harm', async () => {
    const oops = () => {
      throw new Error('oops')
    }
    const { store, s3, options } = await failing({ problem: oops, onError: oops })
    const { get } = await serve(adapter, store, options)
    s3.fail('get', 'UNAVAILABLE', 1)
    const answer = await get(file)
    expect(answer.status).toBe(503)
    expect(answer.body.toString()).not.toContain('oops')
    expect((await get('/content/s3%3Amissing')).status).toBe(404)
    s3.fail('get', 'UNAVAILABLE', 1, { afterBytes: 1024 * 1024 })
    expect((await get(big)).whole).toBe(false)
    expect((await get(file)).status).toBe(200)
  })
})

import { describe, expect, test } from 'vitest'
import { createTestStore } from '../../src/testing/index.js'
import { adapters, type DeliveryOptions } from './servers.js'
import { serve } from './support.js'

const text = '/content/s3%3Aproject_7/x.txt'
const page = '/content/s3%3Aproject_7/page.html'

async function filled() {
  const { store, s3 } = createTestStore()
  await store.put('project_7/x.txt', '0123456789', { cacheControl: 'public, max-age=60' })
  await store.put('project_7/page.html', '<b>page</b>')
  const { etag } = await store.head('project_7/x.txt')
  return { store, s3, etag: `"${etag}"` }
}

describe.each(adapters)('options of delivery, on %s', (adapter) => {
  const served = async (options: DeliveryOptions) => {
    const { store, s3, etag } = await filled()
    return { s3, etag, ...(await serve(adapter, store, options)) }
  }

  test('cacheControl is said with the 200, the 206 and the 304', async () => {
    const { get, etag } = await served({ cacheControl: 'public, max-age=1, no-transform' })
    const answers = [
      await get(text),
      await get(text, { range: 'bytes=0-1' }),
      await get(text, { 'if-none-match': etag }),
    ]
    expect(answers.map(({ status }) => status)).toEqual([200, 206, 304])
    for (const { headers } of answers) expect(headers['cache-control']).toBe('public, max-age=1, no-transform')
  })

  test('cacheControl may be a function of the blob, also with a 304', async () => {
    const { get, etag, s3 } = await served({
      cacheControl: ({ cacheControl, size }) => `${cacheControl ?? 'private'}, stale-if-error=${size}`,
    })
    const answers = [
      await get(text),
      await get(text, { range: 'bytes=0-1' }),
      await get(text, { 'if-none-match': etag }),
    ]
    expect(answers.map(({ status }) => status)).toEqual([200, 206, 304])
    for (const { headers } of answers) expect(headers['cache-control']).toBe('public, max-age=60, stale-if-error=10')
    expect((await get(page)).headers['cache-control']).toBe('private, stale-if-error=11')
    s3.fail('get', 'UNAVAILABLE', 1)
    expect((await get(text)).headers['cache-control']).toBe('private, no-store')
  })

  test('a cacheControl that throws is a 500', async () => {
    const { get, etag } = await served({
      cacheControl: () => {
        throw new Error('oops')
      },
    })
    expect((await get(text)).status).toBe(500)
    expect((await get(text, { 'if-none-match': etag })).status).toBe(500)
    expect((await get('/content/s3%3Amissing')).status).toBe(404)
  })

  test('headers are added to what carries the blob; a 304 repeats those that RFC 9110 section 15.4.5 names', async () => {
    const headers = {
      Vary: 'Cookie',
      Expires: 'Thu, 01 Jan 2099 00:00:00 GMT',
      'Content-Location': '/elsewhere',
      'X-Own': 'yes',
      'Cross-Origin-Resource-Policy': 'same-site',
    }
    const { get, head, etag } = await served({ headers })
    for (const answer of [await get(text), await get(text, { range: 'bytes=0-1' }), await head(text)]) {
      for (const [name, value] of Object.entries(headers)) expect(answer.headers[name.toLowerCase()], name).toBe(value)
    }
    const same = await get(text, { 'if-none-match': etag })
    expect(same.status).toBe(304)
    expect(same.headers).toMatchObject({ vary: 'Cookie', expires: headers.Expires, 'content-location': '/elsewhere' })
    expect((await get('/content/s3%3Amissing')).headers).not.toHaveProperty('x-own')
  })

  test('headers take the place of those of the library, whatever their case', async () => {
    const { get, etag } = await served({
      headers: { 'Cache-Control': 'public, max-age=5', 'CONTENT-SECURITY-POLICY': "default-src 'self'" },
    })
    for (const answer of [await get(text), await get(text, { 'if-none-match': etag })]) {
      expect(answer.headers['cache-control']).toBe('public, max-age=5')
    }
    expect((await get(text)).headers['content-security-policy']).toBe("default-src 'self'")
  })

  test('serverTiming says how long the storage took, and only where it is asked for', async () => {
    const { get, head } = await served({ serverTiming: true })
    for (const { headers } of [await get(text), await head(text), await get(text, { range: 'bytes=0-1' })]) {
      expect(headers['server-timing']).toMatch(/^store;dur=\d+\.\d$/)
    }
    expect((await (await served({})).get(text)).headers).not.toHaveProperty('server-timing')
  })

  test('types, charset and policy may be told otherwise', async () => {
    const own = await served({ inlineTypes: ['text/html'], charset: false, contentSecurityPolicy: false })
    const { headers } = await own.get(page)
    expect(headers['content-type']).toBe('text/html')
    expect(headers['content-disposition']).toMatch(/^inline/)
    expect(headers).not.toHaveProperty('content-security-policy')
    expect(headers['x-content-type-options']).toBe('nosniff')
    expect((await own.get(text)).headers['content-disposition']).toMatch(/^attachment/)

    const other = await served({ inlineTypes: (type) => type.startsWith('text/'), charset: 'iso-8859-1' })
    expect((await other.get(page)).headers['content-type']).toBe('text/html; charset=iso-8859-1')
    const policy = await served({ contentSecurityPolicy: "default-src 'none'" })
    expect((await policy.get(page)).headers['content-security-policy']).toBe("default-src 'none'")
  })

  test('maxRanges bounds the parts', async () => {
    const { get } = await served({ maxRanges: 2 })
    expect((await get(text, { range: 'bytes=0-0,2-2' })).status).toBe(206)
    expect((await get(text, { range: 'bytes=0-0,2-2,4-4' })).status).toBe(200)
    const one = await served({ maxRanges: 1 })
    expect((await one.get(text, { range: 'bytes=0-0' })).status).toBe(206)
    expect((await one.get(text, { range: 'bytes=0-0,2-2' })).status).toBe(200)
    const none = await served({ maxRanges: 0 })
    expect((await none.get(text, { range: 'bytes=0-0' })).status).toBe(200)
  })
})

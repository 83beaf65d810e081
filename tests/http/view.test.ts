import { describe, expect, test } from 'vitest'
import { type BlobView, view } from '../../src/http/index.js'
import { createTestStore } from '../../src/testing/index.js'
import type { Answer } from './client.js'
import { adapters } from './servers.js'
import { problemOf, serve } from './support.js'

const MIB = 1024 * 1024
const address = '/view/s3%3Aproject_7/x'

type Body = string | Uint8Array

/** What is shown as text: a type of text or none that says more, and bytes that are UTF-8. */
const views: readonly (readonly [type: string, body: Body, encoding: BlobView['encoding'], content: string])[] = [
  ['text/plain', 'grüße', 'utf-8', 'grüße'],
  ['text/html; charset=utf-8', '<b>', 'utf-8', '<b>'],
  ['application/json', '{"a": 1}', 'utf-8', '{"a": 1}'],
  ['application/ld+json', '{}', 'utf-8', '{}'],
  ['application/xml', '<x/>', 'utf-8', '<x/>'],
  ['image/svg+xml', '<svg/>', 'utf-8', '<svg/>'],
  ['application/javascript', 'x', 'utf-8', 'x'],
  ['application/yaml', 'a: b', 'utf-8', 'a: b'],
  ['text/csv', 'a,b', 'utf-8', 'a,b'],
  ['application/octet-stream', 'who knows', 'utf-8', 'who knows'],
  ['no type', 'who knows', 'utf-8', 'who knows'],
  ['text/plain', '', 'utf-8', ''],
  ['text/plain', '\ufeffmarked', 'utf-8', 'marked'],
  ['text/plain', 'in\ufeffside', 'utf-8', 'in\ufeffside'],
  ['text/plain', 'a\0b', 'utf-8', 'a\0b'],
  ['text/plain', '</script>\u2028"', 'utf-8', '</script>\u2028"'],
  ['text/plain', Buffer.from([0x67, 0xfc]), 'base64', 'Z/w='],
  ['text/plain', Buffer.from([0xed, 0xa0, 0x80]), 'base64', '7aCA'],
  ['text/plain', Buffer.from([0xc0, 0xaf]), 'base64', 'wK8='],
  ['application/octet-stream', Buffer.from([0xff]), 'base64', '/w=='],
  ['image/png', 'png', 'base64', 'cG5n'],
  ['application/pdf', '%PDF', 'base64', 'JVBERg=='],
  ['image/png', '', 'base64', ''],
]

const viewOf = ({ body }: Answer) => JSON.parse(body.toString()) as BlobView

describe.each(adapters)('a view of %s', (adapter) => {
  test('is text where it can be, else base64', async () => {
    const { store } = createTestStore()
    const { get } = await serve(adapter, store)
    for (const [contentType, body, encoding, content] of views) {
      await store.put('project_7/x', body, { contentType })
      const answer = await get(address)
      const size = Buffer.from(body).byteLength
      expect(viewOf(answer), contentType).toEqual({ path: 's3:project_7/x', contentType, size, encoding, content })
      expect(answer.headers['content-type']).toBe('application/json; charset=utf-8')
      expect(answer.headers['x-content-type-options']).toBe('nosniff')
      expect(answer.headers['content-length']).toBe(String(answer.body.byteLength))
    }
  })

  test('of more than 5 MiB is refused before a byte is read', async () => {
    const { store, s3 } = createTestStore()
    const { get, head } = await serve(adapter, store)
    await store.put('project_7/x', Buffer.alloc(5 * MIB, 'x'), { contentType: 'text/plain' })
    expect(viewOf(await get(address)).content).toHaveLength(5 * MIB)
    await store.put('project_7/x', Buffer.alloc(5 * MIB + 1, 'x'), { contentType: 'text/plain' })
    // The body would break at its first byte.
    s3.fail('get', 'UNAVAILABLE', 1, { afterBytes: 0 })
    const answer = await get(address)
    expect(answer.status).toBe(413)
    expect(problemOf(answer).code).toBe('TOO_LARGE')
    expect((await head(address)).status).toBe(413)
  })

  test('has the limit that it is given', async () => {
    const { store } = createTestStore()
    await store.put('project_7/x', '1234')
    expect((await (await serve(adapter, store, { maxViewSize: 4 })).get(address)).status).toBe(200)
    expect((await (await serve(adapter, store, { maxViewSize: 3 })).get(address)).status).toBe(413)
  })

  test('has a weak tag of its own, and conditions', async () => {
    const { store } = createTestStore()
    await store.put('project_7/x', 'text')
    const { get, head } = await serve(adapter, store)
    const { headers } = await get(address)
    expect(headers.etag).toMatch(/^W\/"/)
    expect(headers['cache-control']).toBe('private, no-cache')
    for (const ask of [get, head]) {
      const same = await ask(address, { 'if-none-match': headers.etag as string })
      expect(same.status).toBe(304)
      expect(same.headers.etag).toBe(headers.etag)
      expect(same.headers['cache-control']).toBe(headers['cache-control'])
    }
    expect((await get(address, { 'if-none-match': '"zz"' })).status).toBe(200)
    expect((await get(address, { 'if-match': '"zz"' })).status).toBe(412)
    expect((await get(address, { 'if-modified-since': new Date().toUTCString() })).status).toBe(304)
  })

  test('of a storage that fails is a 5xx, also while the 304 is made', async () => {
    const { store, s3 } = createTestStore()
    await store.put('project_7/x', 'text')
    const { get } = await serve(adapter, store)
    s3.fail('get', 'UNAVAILABLE', 1)
    expect((await get(address)).status).toBe(503)
    s3.fail('get', 'UNAVAILABLE', 1, { afterBytes: 2 })
    expect((await get(address)).status).toBe(503)
    expect((await get(address)).status).toBe(200)
    // S3 says nothing with a 304, so that the tag has to be asked for.
    s3.fail('get', 'NOT_MODIFIED', 1)
    s3.fail('head', 'UNAVAILABLE', 1)
    expect((await get(address, { 'if-none-match': '"a"' })).status).toBe(503)
  })
})

test('a view never rejects for what the storage does', async () => {
  const { store, s3 } = createTestStore()
  const { path } = await store.put('project_7/x', 'text')
  s3.fail('get', 'NOT_MODIFIED', 1)
  s3.fail('head', 'UNAVAILABLE', 1)
  expect(await view(store, { method: 'GET', headers: {} }, path)).toMatchObject({ status: 503 })
})

import { describe, expect, test } from 'vitest'
import { createTestStore } from '../../../src/testing/index.js'
import { adapters } from '../servers.js'
import { file, form } from './case.js'
import { keysOf, serveUploads } from './support.js'

describe.each(adapters)('who sends files from within a browser (142), on %s', (adapter) => {
  test.each([
    ['a program, which says nothing', {}, 201],
    ['a page of the same origin', { 'sec-fetch-site': 'same-origin', origin: 'https://app.example' }, 201],
    ['a page of the same site', { 'sec-fetch-site': 'same-site', origin: 'https://www.app.example' }, 201],
    ['a page of another site', { 'sec-fetch-site': 'cross-site', origin: 'https://elsewhere.example' }, 403],
    ['a page of another site that hides its name', { 'sec-fetch-site': 'cross-site' }, 403],
    ['one that is allowed', { 'sec-fetch-site': 'cross-site', origin: 'https://friend.example' }, 201],
    ['an old browser, a page of another site', { origin: 'https://elsewhere.example' }, 403],
    ['an old browser, a page without an origin', { origin: 'null' }, 403],
    [
      'an old browser, a page of the host that a proxy names',
      { origin: 'https://a.example', 'x-forwarded-host': 'a.example' },
      201,
    ],
  ])('%s', async (_, headers, status) => {
    const { store } = createTestStore()
    const { upload, put, server } = await serveUploads(adapter, store, { origins: ['https://friend.example'] })
    expect((await upload(form(file('a.txt')), headers)).status).toBe(status)
    expect((await put('s3:b.txt', 'x', headers)).status).toBe(status)
    expect(await keysOf(store)).toHaveLength(status === 201 ? 2 : 0)
    expect((await upload(form(file('a.txt')), { origin: `http://127.0.0.1:${server.port}` })).status).toBe(201)
  })

  test('all pages, where it is switched off', async () => {
    const { store } = createTestStore()
    const { upload } = await serveUploads(adapter, store, { origins: false })
    expect((await upload(form(file('a.txt')), { 'sec-fetch-site': 'cross-site' })).status).toBe(201)
  })
})

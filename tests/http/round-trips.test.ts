import { Readable } from 'node:stream'
import { describe, expect, inject, test } from 'vitest'
import { blobHref, deliver } from '../../src/http/index.js'
import { createTestStore } from '../../src/testing/index.js'
import { s3BehindProxy } from '../store/s3-support.js'
import { manual, pattern, storeOver } from '../store/support.js'
import { adapters } from './servers.js'
import { serve } from './support.js'
import { secondIsOver, servedFile } from './world.js'

type Headers = (etag: string, modified: string) => Readonly<Record<string, string>>

/** What one answer costs in requests to the storage. A stale If-Range is found out by asking, and starts again. */
const costs: readonly (readonly [what: string, method: string, headers: Headers, status: number, requests: number])[] =
  [
    ['GET', 'GET', () => ({}), 200, 1],
    ['HEAD', 'HEAD', () => ({}), 200, 1],
    ['If-None-Match holds', 'GET', () => ({ 'if-none-match': '"zz"' }), 200, 1],
    ['a 304 by its tag', 'GET', (etag) => ({ 'if-none-match': etag }), 304, 1],
    ['a 304 to HEAD', 'HEAD', (etag) => ({ 'if-none-match': etag }), 304, 1],
    [
      'a 304 by its tag, with a date',
      'GET',
      (etag, modified) => ({ 'if-none-match': etag, 'if-modified-since': modified }),
      304,
      1,
    ],
    ['If-Match holds', 'GET', (etag) => ({ 'if-match': etag }), 200, 1],
    ['a 412', 'GET', () => ({ 'if-match': '"zz"' }), 412, 1],
    ['If-Unmodified-Since holds', 'GET', (_, modified) => ({ 'if-unmodified-since': modified }), 200, 1],
    ['one range', 'GET', () => ({ range: 'bytes=2-3' }), 206, 1],
    ['a suffix', 'GET', () => ({ range: 'bytes=-3' }), 206, 1],
    ['If-Range holds', 'GET', (etag) => ({ range: 'bytes=2-3', 'if-range': etag }), 206, 1],
    ['If-Range holds by its date', 'GET', (_, modified) => ({ range: 'bytes=2-3', 'if-range': modified }), 206, 1],
    ['If-Range does not hold', 'GET', () => ({ range: 'bytes=2-3', 'if-range': '"zz"' }), 200, 2],
    ['If-Range of junk', 'GET', () => ({ range: 'bytes=2-3', 'if-range': 'junk' }), 200, 1],
    ['a weak If-Range', 'GET', (etag) => ({ range: 'bytes=2-3', 'if-range': `W/${etag}` }), 200, 1],
    ['a range and a 304', 'GET', (etag) => ({ range: 'bytes=2-3', 'if-none-match': etag }), 304, 1],
    ['a broken range', 'GET', () => ({ range: 'bytes=3-2' }), 200, 1],
    ['two ranges', 'GET', () => ({ range: 'bytes=0-1,3-4' }), 206, 2],
    ['two ranges that are one', 'GET', () => ({ range: 'bytes=0-1,1-2' }), 206, 2],
    ['too many ranges', 'GET', () => ({ range: `bytes=${'0-0,'.repeat(100)}` }), 200, 1],
  ]

const FILE = 'project_7/x.txt'

describe.skipIf(inject('s3').kind === 'fauxqs')('S3', () => {
  test('is asked once in nearly all cases', async () => {
    const { proxy, s3 } = await s3BehindProxy()
    const { store } = await storeOver(s3, { fallback: manual })
    const { path } = await store.put(FILE, pattern(0, 10), { contentType: 'text/plain' })
    const file = await servedFile(store, path, pattern(0, 10))
    await secondIsOver(file)
    for (const [what, method, headers, status, requests] of costs) {
      proxy.heal()
      const response = await deliver(store, { method, headers: headers(file.etag, file.lastModified) }, path)
      if (response.body instanceof Readable) for await (const _ of response.body);
      expect(response.status, what).toBe(status)
      expect(
        proxy.requests.map((request) => request.method),
        what,
      ).toEqual(Array(requests).fill(method))
    }
  })
})

describe.each(adapters)('a driver behind %s', (adapter) => {
  test('is asked once in nearly all cases', async () => {
    const { store, s3, local } = createTestStore()
    const { path } = await store.put(FILE, pattern(0, 10))
    const file = await servedFile(store, path, pattern(0, 10))
    const { ask } = await serve(adapter, store)
    await secondIsOver(file)
    for (const [what, method, headers, status, requests] of costs) {
      s3.calls.length = 0
      local.calls.length = 0
      const sent = headers(file.etag, file.lastModified)
      expect((await ask({ method, target: blobHref('/content', path), headers: sent })).status, what).toBe(status)
      expect([...s3.calls, ...local.calls], what).toHaveLength(requests)
    }
  })
})

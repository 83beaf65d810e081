import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { adapters } from './servers.js'
import { problemOf, serve } from './support.js'
import { type Backend, backends, folders, openWorld, type ServedFile, type World } from './world.js'

type Headers = (file: ServedFile) => Readonly<Record<string, string>>

const long = new Date(Date.UTC(2001, 1, 1)).toUTCString()

/** RFC 9110 sections 13.1 and 13.2; If-Modified-Since is of GET and HEAD alone (13.1.3). */
const conditions: readonly (readonly [what: string, headers: Headers, status: 204 | 412])[] = [
  ['nothing', () => ({}), 204],
  ['If-Match, its tag', ({ etag }) => ({ 'if-match': etag }), 204],
  ['If-Match, its tag among others', ({ etag }) => ({ 'if-match': `"a", ${etag}` }), 204],
  ['If-Match: *', () => ({ 'if-match': '*' }), 204],
  ['If-Match, another tag', () => ({ 'if-match': '"zz"' }), 412],
  ['If-Match, other tags', () => ({ 'if-match': '"zz", "yy"' }), 412],
  ['If-Match, its tag as a weak one', ({ etag }) => ({ 'if-match': `W/${etag}` }), 412],
  ['If-Match, no tag', () => ({ 'if-match': 'junk' }), 412],
  ['If-Match, nothing', () => ({ 'if-match': '' }), 412],
  ['If-None-Match, its tag', ({ etag }) => ({ 'if-none-match': etag }), 412],
  ['If-None-Match, its tag as a weak one', ({ etag }) => ({ 'if-none-match': `W/${etag}` }), 412],
  ['If-None-Match: *', () => ({ 'if-none-match': '*' }), 412],
  ['If-None-Match, another tag', () => ({ 'if-none-match': '"zz"' }), 204],
  ['If-Match holds, If-None-Match does not', ({ etag }) => ({ 'if-match': etag, 'if-none-match': etag }), 412],
  ['If-Match does not hold, If-None-Match does', () => ({ 'if-match': '"zz"', 'if-none-match': '"zz"' }), 412],
  ['If-Unmodified-Since, its date', ({ lastModified }) => ({ 'if-unmodified-since': lastModified }), 204],
  ['If-Unmodified-Since, earlier', () => ({ 'if-unmodified-since': long }), 412],
  ['If-Unmodified-Since, no date', () => ({ 'if-unmodified-since': 'junk' }), 204],
  [
    'If-Unmodified-Since, earlier, beside If-Match',
    ({ etag }) => ({ 'if-match': etag, 'if-unmodified-since': long }),
    204,
  ],
  ['If-Modified-Since, its date', ({ lastModified }) => ({ 'if-modified-since': lastModified }), 204],
  ['Range', () => ({ range: 'bytes=0-1' }), 204],
  ['a type and no body', () => ({ 'content-type': 'application/json' }), 204],
]

/** The same where there is no such blob. */
const missing: readonly (readonly [headers: Readonly<Record<string, string>>, status: 204 | 412])[] = [
  [{}, 204],
  [{ 'if-match': '*' }, 412],
  [{ 'if-match': '"a"' }, 412],
  [{ 'if-match': '"a", "b"' }, 412],
  [{ 'if-none-match': '*' }, 204],
  [{ 'if-none-match': '"a"' }, 204],
  [{ 'if-unmodified-since': long }, 204],
]

describe('DELETE', () => {
  let world: World

  beforeAll(async () => {
    world = await openWorld()
  })

  afterAll(() => world?.close())

  describe.each(adapters)('by %s', (adapter) => {
    test.each(backends)('from %s, with conditions', async (backend) => {
      const { remove, get } = await serve(adapter, world.store)
      for (const [what, headers, status] of conditions) {
        const file = await world.put(backend, { name: 'x.txt', bytes: Buffer.from(what) })
        const target = `/content/${file.path}`
        const answer = await remove(target, headers(file))
        expect(statusesOf(backend, headers(file), status), what).toContain(answer.status)
        expect(answer.headers, what).not.toHaveProperty('etag')
        if (answer.status === 412) expect(problemOf(answer).code).toBe('PRECONDITION_FAILED')
        const left = await get(target)
        expect(left.status, what).toBe(answer.status === 204 ? 404 : 200)
        if (answer.status !== 204) expect(left.body.toString()).toBe(what)
      }
    })

    test.each(backends)('from %s, where there is nothing', async (backend) => {
      const { remove } = await serve(adapter, world.store)
      for (const [headers, status] of missing) {
        const answer = await remove(`/content/${folders[backend]}nothing.txt`, headers)
        expect(statusesOf(backend, headers, status), JSON.stringify(headers)).toContain(answer.status)
      }
    })
  })
})

/** Many S3 servers have no If-Match on DELETE: nothing is deleted then, rather than too much. */
function statusesOf(backend: Backend, headers: Readonly<Record<string, string>>, status: number): readonly number[] {
  const conditional = Object.keys(headers).some((name) => /^if-(none-)?match$|^if-unmodified-since$/.test(name))
  return backend === 's3' && conditional ? [status, 501] : [status]
}

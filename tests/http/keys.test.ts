import { parse } from 'content-disposition'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { blobHref } from '../../src/http/index.js'
import { adapters } from './servers.js'
import { serve } from './support.js'
import { backends, openWorld, type World } from './world.js'

/** Keys that are hard to put into an address, and the names under which they are saved. */
const keys: readonly (readonly [key: string, saved?: string])[] = [
  ['a b.txt', 'a b.txt'],
  [' leading and trailing ', 'leading and trailing'],
  ['100%.txt', '100%.txt'],
  ['%41.txt', '%41.txt'],
  ['a%2Fb.txt', 'a%2Fb.txt'],
  ['a%00.txt', 'a%00.txt'],
  ['%252e%252e', '%252e%252e'],
  ['a?b#c.txt', 'a_b#c.txt'],
  ['a;b=c,d@e:f&g+h$i!j.txt', 'a;b=c,d@e_f&g+h$i!j.txt'],
  ["it's (1) [2] {3} *.txt", "it's (1) [2] {3} _.txt"],
  ['"quoted" <tag>.txt', '_quoted_ _tag_.txt'],
  ['~tilde_under-dash.txt', '~tilde_under-dash.txt'],
  ['...', 'download'],
  ['..hidden', 'hidden'],
  ['a..', 'a'],
  ['CON', '_CON'],
  ['caf\u00e9.txt', 'café.txt'],
  ['cafe\u0301.txt', 'café.txt'],
  ['планы/文件.pdf', '文件.pdf'],
  ['\u{1f600}.txt', '😀.txt'],
  ['a|b^c`d.txt', 'a_b^c`d.txt'],
  ['content', 'content'],
  ['x/download/view', 'view'],
  [`${'long/'.repeat(100)}name.txt`, 'name.txt'],
]

describe('blobs of any key are served at the address that blobHref writes', () => {
  let world: World

  beforeAll(async () => {
    world = await openWorld()
    for (const backend of backends) {
      for (const [name] of keys) await world.put(backend, { name, bytes: Buffer.from(name), contentType: 'text/plain' })
    }
  })

  afterAll(() => world?.close())

  describe.each(adapters)('%s', (adapter) => {
    test.each(backends)('from %s', async (backend) => {
      const { server, get, head } = await serve(adapter, world.store, { mount: 'prefix' })
      for (const [name, saved] of keys) {
        const { path } = await world.store.head(`${backend === 's3' ? 'project_7/' : 'uploads/'}${name}`)
        const target = blobHref(`${server.base}/download`, path)
        const answer = await get(target)
        expect(answer.status, target).toBe(200)
        expect(answer.body.toString(), target).toBe(name)
        expect(parse(answer.headers['content-disposition'] ?? '').parameters.filename, target).toBe(saved)
        expect((await head(target)).status, target).toBe(200)
      }
    })
  })
})

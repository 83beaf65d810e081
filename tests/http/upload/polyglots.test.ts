import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { blobHref, type SniffPolicy } from '../../../src/http/index.js'
import type { Answer, RawFields } from '../client.js'
import { adapters } from '../servers.js'
import { type Backend, backends, folders, openWorld, realS3, type World } from '../world.js'
import { file, form } from './case.js'
import { type Polyglot, polyglots } from './polyglots.js'
import { serveUploads } from './support.js'

/** Types of which a browser runs nothing where it is kept from guessing. */
const HARMLESS = /^(image\/(png|jpeg|gif)|application\/pdf|text\/plain; charset=utf-8|video\/mp4)$/
/** Types that a page could pull in to its own harm, whatever their disposition is. */
const CODE = /javascript|ecmascript|text\/css/

/** Nothing in an answer lets the file run: not by itself, and not as a part of a page. */
function expectHarmless({ headers }: Answer): void {
  const type = headers['content-type'] ?? ''
  expect(type).not.toMatch(CODE)
  expect(headers['x-content-type-options']).toBe('nosniff')
  expect(headers['content-security-policy']).toMatch(/^default-src 'none';(?!.*script-src).*; sandbox$/)
  if (!/^attachment;/.test(headers['content-disposition'] ?? '')) expect(type).toMatch(HARMLESS)
}

describe.each(adapters)('files that are several things at once, on %s', (adapter) => {
  let world: World
  beforeAll(async () => {
    world = await openWorld()
  })
  afterAll(() => world.close())

  async function serving(sniff: SniffPolicy, backend: Backend) {
    const { server, upload, get, head } = await serveUploads(adapter, world.store, { sniff })
    const send = async ({ filename, bytes, declared }: Polyglot) => {
      const headers: RawFields = { 'x-folder': folders[backend] }
      return upload(form(file(filename, bytes, declared)), headers)
    }
    /** Every way to get at a file that was taken in; they are harmless. Answers that of `content`. */
    async function look(taken: Answer, { bytes }: Polyglot): Promise<Answer> {
      const [{ path }] = JSON.parse(taken.body.toString())
      const at = (route: string) => blobHref(`${server.base}/${route}`, path)
      const content = await get(at('content'))
      expect([content.status, content.body.equals(bytes)]).toEqual([200, true])
      const answers = [content, await head(at('content')), await get(at('content'), { range: 'bytes=1-' })]
      for (const answer of [...answers, await get(at('download'))]) expectHarmless(answer)
      const { headers } = await get(at('view'))
      expect([headers['content-type'], headers['x-content-type-options']]).toEqual([
        'application/json; charset=utf-8',
        'nosniff',
      ])
      return content
    }
    return { send, look }
  }

  describe.skipIf(!realS3).each(backends)('to %s', (backend) => {
    test('are stored as what they are, or as bytes, and do nothing when they are delivered', async () => {
      const { send, look } = await serving('correct', backend)
      for (const one of polyglots) {
        const taken = await send(one)
        expect([taken.status, JSON.parse(taken.body.toString())], one.name).toMatchObject([
          201,
          [{ contentType: one.stored }],
        ])
        const { headers } = await look(taken, one)
        expect(headers['content-disposition'], one.name).toMatch(one.shown ? /^inline;/ : /^attachment;/)
      }
    })

    test('are refused where types must be right', async () => {
      const { send, look } = await serving('refuse', backend)
      for (const one of polyglots) {
        const answer = await send(one)
        expect(answer.status, one.name).toBe(one.stored === one.declared ? 201 : 415)
        if (answer.status === 201) await look(answer, one)
      }
    })

    test('do nothing either where their senders are believed', async () => {
      const { send, look } = await serving('off', backend)
      for (const one of polyglots) {
        const taken = await send(one)
        expect(JSON.parse(taken.body.toString()), one.name).toMatchObject([{ contentType: one.declared }])
        await look(taken, one)
      }
    })
  })
})

import { afterEach, describe, expect, test } from 'vitest'
import { blobHref, type FailedRequest } from '../../../src/http/index.js'
import { pattern } from '../../store/pattern.js'
import { adapters, type DeliveryServer, startDelivery } from '../servers.js'
import { brokenStore, type Source } from './broken-driver.js'
import { ask, compresses } from './clients.js'
import { settled } from './until.js'

const KIB = 1024
const MIB = 1024 * KIB
const mounts = ['plain', 'middleware'] as const
const failures: FailedRequest[] = []
let server: DeliveryServer | undefined
afterEach(async () => {
  await server?.stop()
  failures.length = 0
})

describe.each(adapters)('a source that breaks, on %s', (adapter) => {
  describe.each(mounts)('%s', (mount) => {
    async function request(source: Source, headers: Record<string, string> = {}) {
      const { store, open } = brokenStore(source)
      const onError = (failed: FailedRequest) => failures.push(failed)
      await server?.stop()
      server = await startDelivery(adapter, store, { mount, cacheControl: 'private', onError })
      const url = blobHref(`${server.url}/content`, 'third:secret/key')
      const received = await ask(url, { headers })
      await settled(() => [...open].map(() => 'open source'))
      return { ...received, again: () => ask(url, { headers }) }
    }

    test.each([
      ['nothing', 10 * KIB, 0],
      ['nothing', 10 * MIB, 0],
      ['a part', 100 * KIB, 64 * KIB],
    ])('sends %s of %d bytes and fails: 503, and nothing of the blob', async (_, size, sends) => {
      const { status, headers, body, complete } = await request({ size, sends, ends: 'failing' })
      expect({ status, complete }).toEqual({ status: 503, complete: true })
      expect(headers).toMatchObject({ 'content-type': 'application/problem+json', 'retry-after': '5' })
      expect(headers).toMatchObject({ 'cache-control': 'private, no-store' })
      const ofTheBlob = ['etag', 'last-modified', 'content-disposition', 'accept-ranges', 'content-range']
      expect(Object.keys(headers).filter((name) => ofTheBlob.includes(name))).toEqual([])
      expect(JSON.parse(body.toString())).toMatchObject({ status: 503, code: 'UNAVAILABLE' })
      expect(body.toString()).not.toMatch(/secret|third/)
      expect(failures.map(({ error }) => error.code)).toEqual(['UNAVAILABLE'])
    })

    const broken: readonly (readonly [string, Source, RegExp])[] = [
      ['fails after 1 MiB', { size: 4 * MIB, sends: MIB, ends: 'failing' }, /UNAVAILABLE/],
      ['closes after 1 MiB', { size: 4 * MIB, sends: MIB, ends: 'closing' }, /CORRUPT/],
      ['ends after 1 MiB', { size: 4 * MIB, sends: MIB }, /CORRUPT/],
      ['ends a byte short', { size: 4 * MIB, sends: 4 * MIB - 1 }, /CORRUPT/],
      ['ends short and never says that it is closed', { size: 4 * MIB, sends: MIB, emitClose: false }, /CORRUPT/],
      ['sends a byte more', { size: 4 * MIB, sends: 4 * MIB + 1 }, /CORRUPT/],
      ['sends a chunk more', { size: 4 * MIB, sends: 4 * MIB + 64 * KIB }, /CORRUPT/],
      ['sends twice as much', { size: 4 * MIB, sends: 8 * MIB }, /CORRUPT/],
    ]

    test.each(broken)('%s: the connection is cut, the next request is served', async (_, source, code) => {
      const plain = await request(source)
      expect(plain).toMatchObject({ status: 200, complete: false })
      expect(plain.body.equals(pattern(0, plain.body.byteLength))).toBe(true)
      expect(failures.map(({ error }) => error.code)).toEqual([expect.stringMatching(code)])
      expect(await plain.again()).toMatchObject({ status: 200, complete: false })
    })

    test('behind an encoder whose messages have no length: no end either', async () => {
      for (const [, source] of broken) {
        const { complete, headers } = await request(source, { 'accept-encoding': 'gzip' })
        expect(complete).toBe(false)
        const encoded = mount === 'middleware' && compresses(adapter)
        expect(headers['content-encoding']).toBe(encoded ? 'gzip' : undefined)
        expect(headers['content-length']).toBe(encoded ? undefined : String(source.size))
      }
    })

    test('a small blob of another length than announced is no blob', async () => {
      for (const sends of [9, 11]) {
        const { status, body, complete } = await request({ size: 10, sends })
        expect({ status, complete }).toEqual({ status: 500, complete: true })
        expect(JSON.parse(body.toString()).code).toBe('CORRUPT')
      }
    })

    test('one that breaks right behind its first bytes is still an answer or a cut', async () => {
      const { status, complete } = await request({ size: MIB, sends: MIB / 2, ends: 'failing at once' })
      expect([status, complete]).toEqual([503, true])
    })
  })
})

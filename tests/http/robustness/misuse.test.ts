import type { IncomingMessage, ServerResponse } from 'node:http'
import { describe, expect, test } from 'vitest'
import { blobHandler, deleteBlob, sendBlob, sendView } from '../../../src/adapters/node/index.js'
import type { FailedRequest } from '../../../src/http/index.js'
import { nextTurn, one, serve, two, twoBlobs, unhandled } from './applications.js'
import { ask, Exchange } from './clients.js'
import { settled, until } from './until.js'

type Handler = (req: IncomingMessage, res: ServerResponse) => Promise<unknown>

/** What a handler rejected with. */
async function rejections(handler: Handler) {
  const seen: unknown[] = []
  const url = await serve((req, res) => {
    handler(req, res).catch((error) => seen.push(error))
  })
  return { url, seen }
}

const misused = { code: 'CONFIGURATION' }

describe('sendBlob of node', () => {
  test('rejects where headers were sent, and opens nothing for long', async () => {
    const { store, held, ...paths } = await twoBlobs()
    const { url, seen } = await rejections(async (req, res) => {
      res.write('mine')
      await sendBlob(req, res, store, paths.one).finally(() => res.end())
    })
    expect((await ask(url)).body.toString()).toBe('mine')
    expect(seen).toMatchObject([misused])
    await settled(held)
  })

  test('twice for one response: the first is sent whole, the second rejects', async () => {
    const { store, held, ...paths } = await twoBlobs()
    const { url, seen } = await rejections((req, res) => {
      const sent = [sendBlob(req, res, store, paths.one), sendBlob(req, res, store, paths.two)]
      return Promise.all(sent)
    })
    const { body, complete } = await ask(url)
    expect(complete).toBe(true)
    expect(body.equals(one) || body.equals(two)).toBe(true)
    await settled(held)
    expect(seen).toMatchObject([misused])
  })

  test('one after the other rejects as well', async () => {
    const { store, held, ...paths } = await twoBlobs()
    const { url, seen } = await rejections(async (req, res) => {
      await sendBlob(req, res, store, paths.one)
      await sendBlob(req, res, store, paths.two)
    })
    expect((await ask(url)).body.equals(one)).toBe(true)
    await until(() => seen.length > 0, 'rejection')
    expect(seen).toMatchObject([misused])
    await settled(held)
  })

  test('settles where the client has gone, before it was called or while it opens', async () => {
    const { store, held, watch, ...paths } = await twoBlobs()
    const settledCalls: string[] = []
    const url = await serve(async (req, res) => {
      if (req.url === '/late') await new Promise((resolve) => res.once('close', resolve))
      await sendBlob(req, res, store, paths.one)
      settledCalls.push(req.url ?? '')
    })
    const late = new Exchange(`${url}/late`)
    late.request.once('finish', () => setImmediate(() => late.leave()))
    await until(() => settledCalls.includes('/late'), 'settled call')
    watch.hold('deaf')
    const opening = new Exchange(`${url}/opening`)
    await until(() => watch.signals.length > 0 && watch.signals.some((signal) => !signal?.aborted), 'get')
    opening.leave()
    await until(() => watch.signals.every((signal) => signal?.aborted), 'abort')
    watch.release()
    await until(() => settledCalls.includes('/opening'), 'settled call')
    await settled(held)
  })

  test('header fields that no server would send are a 500, and nothing stays open', async () => {
    const { store, held, ...paths } = await twoBlobs()
    const failures: FailedRequest[] = []
    const onError = (failed: FailedRequest) => failures.push(failed)
    for (const options of [
      { headers: { 'x-name': 'line\nbreak' } },
      { headers: { 'no name': 'x' } },
      { headers: { 'x-name': '\u65e5' } },
      { headers: { 'x-name': undefined as never } },
      { cacheControl: () => 'max-age=1\r\nx: y' },
      { headers: { 'x-name': 'line\nbreak' }, accel: { header: 'X-Sendfile' } as const },
    ]) {
      const { url, seen } = await rejections((req, res) =>
        sendBlob(req, res, store, paths.one, { ...options, onError }),
      )
      const { status, headers } = await ask(url)
      expect([status, headers['content-type']]).toEqual([500, 'application/problem+json'])
      expect(failures.splice(0)).toMatchObject([{ error: misused }])
      expect(seen).toEqual([])
      await settled(held)
    }
  })

  test('so do sendView and deleteBlob', async () => {
    const { store, ...paths } = await twoBlobs()
    for (const call of [sendView, deleteBlob]) {
      const { url, seen } = await rejections(async (req, res) => {
        res.writeHead(204).end()
        await call(req, res, store, paths.two)
      })
      await ask(url)
      await until(() => seen.length > 0, 'rejection')
      expect(seen).toMatchObject([misused])
    }
  })
})

describe('blobHandler of node, which nobody waits for', () => {
  test('leaves a response to whoever began it, and tells onError', async () => {
    const { store, held, ...paths } = await twoBlobs()
    const failures: FailedRequest[] = []
    const handler = blobHandler(store, { authorize: () => true, onError: (failed) => failures.push(failed) })
    const rejected = unhandled()
    const url = await serve((req, res) => {
      handler(req, res)
      res.writeHead(503).end('too slow')
    })
    expect(await ask(`${url}/content/${paths.one}`)).toMatchObject({ status: 503, complete: true })
    await until(() => failures.length > 0, 'failure')
    expect(failures).toMatchObject([{ error: misused }])
    await settled(held)
    await nextTurn()
    expect(rejected).toEqual([])
  })
})

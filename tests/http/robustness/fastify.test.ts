import fastifyCompress from '@fastify/compress'
import fastifyHelmet from '@fastify/helmet'
import fastify, { type FastifyInstance } from 'fastify'
import { describe, expect, test } from 'vitest'
import { hybridStorage } from '../../../src/adapters/fastify/index.js'
import { one, serveFastify, two, twoBlobs, unhandled } from './applications.js'
import { ask, Exchange } from './clients.js'
import { settled, until } from './until.js'

type Scene = Awaited<ReturnType<typeof twoBlobs>>

/** An application with the plugin; `build` adds its routes. */
async function application(build: (app: FastifyInstance, scene: Scene) => void) {
  const scene = await twoBlobs()
  const app = fastify()
  await app.register(fastifyHelmet)
  await app.register(hybridStorage, { store: scene.store, defaults: { disposition: 'attachment' } })
  build(app, scene)
  return { ...scene, app, url: await serveFastify(app) }
}

describe('hybridStorage', () => {
  test('a reply that is returned, and one that is awaited', async () => {
    const { url, held } = await application((app, paths) => {
      app.get('/returned', (_, reply) => reply.sendBlob(paths.one))
      app.get('/awaited', async (_, reply) => {
        await reply.sendBlob(paths.one)
      })
      app.get('/view', (_, reply) => reply.sendView(paths.two))
      app.delete('/', (_, reply) => reply.deleteBlob(paths.two))
    })
    for (const path of ['/returned', '/awaited']) {
      const { status, headers, body, complete } = await ask(url + path)
      expect({ status, complete }).toEqual({ status: 200, complete: true })
      expect(headers).toMatchObject({ 'content-length': String(one.byteLength), 'x-frame-options': 'SAMEORIGIN' })
      expect(headers['content-disposition']).toMatch(/^attachment/)
      expect(body.equals(one)).toBe(true)
    }
    expect(JSON.parse((await ask(`${url}/view`)).body.toString())).toMatchObject({ size: two.byteLength })
    expect(await ask(`${url}/`, { method: 'DELETE' })).toMatchObject({ status: 204 })
    expect(await ask(`${url}/view`)).toMatchObject({ status: 404 })
    await settled(held)
  })

  test('the HEAD routes that Fastify makes by itself say what GET says', async () => {
    const { url, held } = await application((app, paths) => {
      app.get('/blob', (_, reply) => reply.sendBlob(paths.one))
      app.get('/view', (_, reply) => reply.sendView(paths.two))
      app.get('/nothing', (_, reply) => reply.sendBlob('local:none'))
    })
    for (const path of ['/blob', '/view', '/nothing']) {
      const head = await ask(url + path, { method: 'HEAD' })
      const get = await ask(url + path)
      expect(head.status).toBe(get.status)
      expect(head.body.byteLength).toBe(0)
      for (const name of ['content-length', 'content-type', 'etag', 'cache-control', 'content-disposition']) {
        expect([name, head.headers[name]]).toEqual([name, get.headers[name]])
      }
    }
    await settled(held)
  })

  test('hooks see the stream; those that replace it or fail leave nothing open', async () => {
    const { url, held } = await application((app, paths) => {
      app.addHook('onSend', async (request, reply, payload) => {
        await new Promise((resolve) => setImmediate(resolve))
        reply.header('x-hook', typeof payload)
        if (request.url === '/replaced') {
          reply.removeHeader('content-length')
          return 'mine'
        }
        if (request.url === '/failed') throw new Error('the hook failed')
        return payload
      })
      for (const path of ['/sent', '/replaced', '/failed']) app.get(path, (_, reply) => reply.sendBlob(paths.one))
    })
    const sent = await ask(`${url}/sent`)
    expect(sent.headers['x-hook']).toBe('object')
    expect(sent.body.equals(one)).toBe(true)
    expect((await ask(`${url}/replaced`)).body.toString()).toBe('mine')
    expect((await ask(`${url}/failed`)).status).toBe(500)
    await settled(held)
  })

  test('what breaks while a hook takes its time is not answered in the name of the blob', async () => {
    const { url, watch, held } = await application((app, paths) => {
      app.addHook('onSend', async (_, __, payload) => {
        const body = payload as { destroy(error: Error): void; destroyed: boolean }
        if (typeof body?.destroy === 'function') body.destroy(new Error('broken'))
        await new Promise((resolve) => setImmediate(resolve))
        return payload
      })
      app.get('/', (_, reply) => reply.sendBlob(paths.one))
    })
    const { status, headers } = await ask(`${url}/`)
    expect(status).toBe(500)
    for (const name of ['etag', 'last-modified', 'content-disposition']) expect(headers[name]).toBeUndefined()
    expect(headers['cache-control']).toBeUndefined()
    await settled(held)
    expect(watch.open).toBe(0)
  })

  test('encapsulated: another store and another plugin in a scope of their own', async () => {
    const other = await twoBlobs()
    await other.store.put('one', 'of another store')
    const { url } = await application((app, paths) => {
      app.get('/outer', (_, reply) => reply.sendBlob(paths.one))
      app.get('/view', (_, reply) => reply.sendView(paths.one))
      app.get('/chosen', (_, reply) => reply.sendBlob(paths.one, { store: other.store }))
      app.register(async (scope) => {
        await scope.register(fastifyCompress, { threshold: 0 })
        scope.get('/inner', (_, reply) => reply.sendView(paths.one))
      })
    })
    expect((await ask(`${url}/outer`)).body.equals(one)).toBe(true)
    expect((await ask(`${url}/chosen`)).body.toString()).toBe('of another store')
    const encoded = { headers: { 'accept-encoding': 'gzip' } }
    expect((await ask(`${url}/inner`, encoded)).headers['content-encoding']).toBe('gzip')
    expect((await ask(`${url}/view`, encoded)).headers['content-encoding']).toBeUndefined()
  })

  test('twice for one reply: one blob is sent whole, the other call rejects', async () => {
    const seen: unknown[] = []
    const { url, held } = await application((app, paths) => {
      // Between a reply and its first byte there may be a hook that takes its time.
      app.addHook('onSend', (_, __, payload, done) => setImmediate(done, null, payload))
      app.get('/', async (_, reply) => {
        const calls = [reply.sendBlob(paths.one), reply.sendBlob(paths.two)]
        for (const call of calls) call.then(undefined, (error) => seen.push(error))
        await Promise.allSettled(calls)
      })
    })
    const { body, complete } = await ask(`${url}/`)
    expect(complete).toBe(true)
    expect(body.equals(one) || body.equals(two)).toBe(true)
    await until(() => seen.length > 0, 'rejection')
    expect(seen).toMatchObject([{ code: 'CONFIGURATION' }])
    await settled(held)
  })

  test('behind a reply that was sent or hijacked it rejects and opens nothing for long', async () => {
    const seen: unknown[] = []
    const { url, held } = await application((app, paths) => {
      app.get('/sent', async (_, reply) => {
        reply.send('mine')
        await reply.sendBlob(paths.one).then(undefined, (error) => seen.push(error))
      })
      app.get('/hijacked', async (_, reply) => {
        reply.hijack()
        await reply.sendBlob(paths.one).then(undefined, (error) => seen.push(error))
        reply.raw.end('mine')
      })
    })
    for (const path of ['/sent', '/hijacked']) expect((await ask(url + path)).body.toString()).toBe('mine')
    await until(() => seen.length === 2, 'rejections')
    expect(seen).toMatchObject([{ code: 'CONFIGURATION' }, { code: 'CONFIGURATION' }])
    await settled(held)
  })

  test('a client that goes away during a hook leaves nothing open', async () => {
    const rejected = unhandled()
    let go = () => {}
    const waiting = new Promise<void>((resolve) => {
      go = resolve
    })
    const { url, watch, held } = await application((app, paths) => {
      app.addHook('onSend', async (_, __, payload) => {
        await waiting
        return payload
      })
      app.get('/', (_, reply) => reply.sendBlob(paths.one))
    })
    const client = new Exchange(`${url}/`)
    await until(() => watch.open === 1, 'reader')
    client.leave()
    await settled(held)
    go()
    await settled(held)
    expect(rejected).toEqual([])
  })

  test('without a store it is the server that is wrong', async () => {
    const app = fastify()
    await app.register(hybridStorage, {})
    app.get('/', (_, reply) => reply.sendBlob('local:one'))
    expect(await ask(`${await serveFastify(app)}/`)).toMatchObject({ status: 500, complete: true })
  })
})

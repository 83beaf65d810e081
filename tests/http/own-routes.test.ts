import { once } from 'node:events'
import { createServer, type IncomingMessage, type RequestListener, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { getRequestListener } from '@hono/node-server'
import express5, { type Express } from 'express'
import express4 from 'express4'
import fastify from 'fastify'
import { Hono } from 'hono'
import { describe, expect, test } from 'vitest'
import * as expressBlobs from '../../src/adapters/express/index.js'
import { hybridStorage } from '../../src/adapters/fastify/index.js'
import * as nodeBlobs from '../../src/adapters/node/index.js'
import * as webBlobs from '../../src/adapters/web/index.js'
import type { BlobStore, DeliverOptions } from '../../src/http/index.js'
import { createTestStore } from '../../src/testing/index.js'
import { onEnd } from '../store/support.js'
import type { AdapterName } from './servers.js'
import { adapters } from './servers.js'
import { clientOf } from './support.js'

const path = 's3:project_7/x.txt'
const options: DeliverOptions = {
  disposition: 'attachment',
  filename: 'own name.txt',
  cacheControl: 'private, max-age=9',
}

/** An application that has routes of its own: `/file`, `/view`, DELETE `/file`, and `/twice`, which answers twice. */
const apps: Readonly<Record<AdapterName, (store: BlobStore, rejected: unknown[]) => Promise<Server>>> = {
  node: async (store, rejected) =>
    createServer((req, res) => {
      const twice = async () => {
        await nodeBlobs.sendBlob(req, res, store, path)
        await nodeBlobs.sendBlob(req, res, store, path)
      }
      if (req.url === '/twice') twice().catch((error) => rejected.push(error))
      else if (req.url === '/view') void nodeBlobs.sendView(req, res, store, path)
      else if (req.method === 'DELETE') void nodeBlobs.deleteBlob(req, res, store, path)
      else void nodeBlobs.sendBlob(req, res, store, path, options)
    }),
  express5: async (store, rejected) => expressApp(express5(), store, rejected),
  express4: async (store, rejected) => expressApp(express4(), store, rejected),
  fastify: async (store, rejected) => {
    const app = fastify()
    await app.register(hybridStorage, { store, defaults: { disposition: 'attachment' } })
    const { filename, cacheControl } = options
    app.get('/file', (_request, reply) => reply.sendBlob(path, { filename, cacheControl }))
    app.get('/view', (_request, reply) => reply.sendView(path))
    app.delete('/file', (_request, reply) => reply.deleteBlob(path))
    app.get('/twice', async (_request, reply) => {
      await reply.sendBlob(path)
      await reply.sendBlob(path).catch((error) => rejected.push(error))
      return reply
    })
    await app.ready()
    return app.server
  },
  web: async (store) => {
    const app = new Hono()
    app.get('/file', (context) => webBlobs.sendBlob(context.req.raw, store, path, options))
    app.get('/view', (context) => webBlobs.sendView(context.req.raw, store, path))
    app.delete('/file', (context) => webBlobs.deleteBlob(context.req.raw, store, path))
    return createServer(getRequestListener(app.fetch))
  },
}

function expressApp(app: Express, store: BlobStore, rejected: unknown[]): Server {
  type Handler = (req: IncomingMessage, res: ServerResponse) => Promise<void>
  const route = (handler: Handler) => handler as unknown as RequestListener
  app.get(
    '/file',
    route((req, res) => expressBlobs.sendBlob(req, res, store, path, options)),
  )
  app.get(
    '/view',
    route((req, res) => expressBlobs.sendView(req, res, store, path)),
  )
  app.delete(
    '/file',
    route((req, res) => expressBlobs.deleteBlob(req, res, store, path)),
  )
  app.get(
    '/twice',
    route(async (req, res) => {
      await expressBlobs.sendBlob(req, res, store, path)
      await expressBlobs.sendBlob(req, res, store, path).catch((error) => rejected.push(error))
    }),
  )
  return createServer(app)
}

describe.each(adapters)('in routes of the application, %s', (adapter) => {
  async function started() {
    const { store, s3 } = createTestStore()
    await store.put('project_7/x.txt', '0123456789')
    const rejected: unknown[] = []
    const server = await apps[adapter](store, rejected)
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    onEnd(() => server.close())
    return { store, s3, rejected, ...clientOf((server.address() as AddressInfo).port) }
  }

  test('sendBlob, sendView and deleteBlob answer', async () => {
    const { store, get, head, remove } = await started()
    const answer = await get('/file')
    expect(answer.body.toString()).toBe('0123456789')
    expect(answer.headers['content-disposition']).toBe('attachment; filename="own name.txt"')
    expect(answer.headers['cache-control']).toBe('private, max-age=9')
    expect((await get('/file', { range: 'bytes=3-4' })).body.toString()).toBe('34')
    expect((await get('/file', { 'if-none-match': answer.headers.etag as string })).status).toBe(304)
    expect((await get('/file', { range: 'bytes=99-' })).headers['content-range']).toBe('bytes */10')
    const bare = await head('/file')
    expect(bare.headers['content-length']).toBe('10')
    expect(bare.headers.etag).toBe(answer.headers.etag)
    const same = await head('/file', { 'if-none-match': '*' })
    expect(same.status).toBe(304)
    expect(same.headers).not.toHaveProperty('content-length')
    expect((await head('/view')).headers['content-length']).toBe((await get('/view')).headers['content-length'])
    expect(JSON.parse((await get('/view')).body.toString())).toMatchObject({ size: 10, content: '0123456789' })
    expect((await remove('/file', { 'if-match': '"zz"' })).status).toBe(412)
    expect((await remove('/file')).status).toBe(204)
    expect((await get('/file')).status).toBe(404)
    expect((await get('/view')).status).toBe(404)
    expect(await store.exists(path)).toBe(false)
  })

  test('a storage that fails is an answer, and the next request is served', async () => {
    const { s3, get, remove } = await started()
    s3.fail('get', 'UNAVAILABLE', 2)
    s3.fail('head', 'UNAVAILABLE', 1)
    expect((await get('/file')).status).toBe(503)
    expect((await get('/view')).status).toBe(503)
    expect((await remove('/file', { 'if-none-match': '"zz"' })).status).toBe(503)
    expect((await get('/file')).status).toBe(200)
  })

  test.skipIf(adapter === 'web')('a response that was begun already is misuse, and no crash', async () => {
    const { get, rejected } = await started()
    const answer = await get('/twice')
    expect(answer.body.toString()).toBe('0123456789')
    expect((await get('/file')).status).toBe(200)
    expect(rejected).toEqual([expect.objectContaining({ code: 'CONFIGURATION' })])
  })
})

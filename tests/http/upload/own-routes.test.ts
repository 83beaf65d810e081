import { createServer, type RequestListener, type Server } from 'node:http'
import fastifyMultipart from '@fastify/multipart'
import { getRequestListener } from '@hono/node-server'
import express5, { type Express, type Request as ExpressRequest, type Response as ExpressResponse } from 'express'
import express4 from 'express4'
import fastify from 'fastify'
import { Hono } from 'hono'
import { describe, expect, test } from 'vitest'
import * as expressBlobs from '../../../src/adapters/express/index.js'
import { hybridStorage } from '../../../src/adapters/fastify/index.js'
import * as nodeBlobs from '../../../src/adapters/node/index.js'
import * as webBlobs from '../../../src/adapters/web/index.js'
import { isStorageError } from '../../../src/errors/index.js'
import type { BlobStore, ReceivedUpload, UploadOptions } from '../../../src/http/index.js'
import { createTestStore } from '../../../src/testing/index.js'
import { onEnd } from '../../store/support.js'
import { listen } from '../listen.js'
import { type AdapterName, adapters } from '../servers.js'
import { clientOf } from '../support.js'
import { fieldPart, file, form } from './case.js'
import { FORM, keysOf } from './support.js'

const options: UploadOptions = {
  key: ({ file }) => `project_7/${file.uniqueName}`,
  limits: { fileSize: 1000 },
  kind: 'document',
}

/** What the application answers with: a row, where it can be written. */
async function row(upload: ReceivedUpload) {
  const { blobs, fields } = upload
  if (fields.title === 'taken') {
    expect(await upload.discard()).toEqual([])
    return { status: 409, body: {} }
  }
  return { status: 201, body: { ...fields, files: blobs.map(({ name, path }) => ({ name, path })) } }
}

const statusOf = (error: unknown) => (isStorageError(error) ? error.status : 500)

/** An application with routes of its own: `/documents`, and `/parsed`, where a body parser was there before. */
const apps: Readonly<Record<AdapterName, (store: BlobStore) => Promise<Server>>> = {
  node: async (store) =>
    createServer(async (req, res) => {
      try {
        if (req.url === '/parsed') for await (const _ of req);
        const { status, body } = await row(await nodeBlobs.receiveUpload(req, store, options))
        res.writeHead(status).end(JSON.stringify(body))
      } catch (error) {
        res.writeHead(statusOf(error)).end()
      }
    }),
  express5: async (store) => expressApp(express5(), store),
  express4: async (store) => expressApp(express4(), store),
  fastify: async (store) => {
    const app = fastify()
    await app.register(fastifyMultipart)
    await app.register(hybridStorage, { store })
    app.post('/documents', async (request, reply) => {
      const { status, body } = await row(await request.receiveUpload(options))
      return reply.code(status).send(body)
    })
    app.post('/parsed', async (request, reply) => {
      for await (const _ of request.raw);
      return row(await request.receiveUpload(options)).catch((error) => reply.code(statusOf(error)).send())
    })
    await app.ready()
    return app.server
  },
  web: async (store) => {
    const app = new Hono()
    app.post('/documents', async (context) => {
      try {
        const { status, body } = await row(await webBlobs.receiveUpload(context.req.raw, store, options))
        return new Response(JSON.stringify(body), { status })
      } catch (error) {
        return new Response(null, { status: statusOf(error) })
      }
    })
    app.post('/parsed', async (context) => {
      const { raw } = context.req
      await raw.arrayBuffer()
      const failed = await webBlobs.receiveUpload(raw, store, options).catch((error: unknown) => error)
      return new Response(null, { status: statusOf(failed) })
    })
    return createServer(getRequestListener(app.fetch))
  },
}

function expressApp(app: Express, store: BlobStore): Server {
  app.use('/parsed', express5.raw({ type: '*/*' }))
  app.use(express5.json(), express5.urlencoded({ extended: true }))
  const handler = (req: ExpressRequest, res: ExpressResponse, next: (error: unknown) => void) => {
    expressBlobs
      .receiveUpload(req, store, options)
      .then(row)
      .then(({ status, body }) => res.status(status).json(body))
      .catch(next)
  }
  app.post(['/documents', '/parsed'], handler)
  app.set('env', 'test')
  return createServer(app as unknown as RequestListener)
}

describe.each(adapters)('receiveUpload in a route of the application, on %s', (adapter) => {
  async function started() {
    const { store } = createTestStore()
    const server = await apps[adapter](store)
    const { port, stop } = await listen(server)
    onEnd(stop)
    const { ask } = clientOf(port)
    const send = (target: string, body: Buffer) => {
      return ask({ method: 'POST', target, headers: { 'content-type': FORM }, body })
    }
    return { store, send }
  }

  test('gives files and fields, and takes the files back where the application cannot use them', async () => {
    const { store, send } = await started()
    const answer = await send('/documents', form(fieldPart('title', 'T'), file('../ü.txt')))
    expect(answer.status).toBe(201)
    const { title, files } = JSON.parse(answer.body.toString())
    expect([title, files]).toEqual([
      'T',
      [{ name: 'ü.txt', path: expect.stringMatching(/^s3:project_7\/ü-\w{13}\.txt$/) }],
    ])
    expect(await (await store.get(files[0].path)).text()).toBe('content')
    expect((await send('/documents', form(fieldPart('title', 'taken'), file('b.txt')))).status).toBe(409)
    expect(await keysOf(store)).toHaveLength(1)
  })

  test('rejects with an error whose status is the answer', async () => {
    const { store, send } = await started()
    expect((await send('/documents', form(file('a.txt'), file('b.txt', 'x'.repeat(1001))))).status).toBe(413)
    expect((await send('/documents', form(file('a.txt')).subarray(0, -10))).status).toBe(400)
    expect(await keysOf(store)).toEqual([])
  })

  test('says so where somebody else has read the body', async () => {
    const { send } = await started()
    expect((await send('/parsed', form(file('a.txt')))).status).toBe(500)
  })
})

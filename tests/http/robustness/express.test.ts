import type { IncomingMessage, ServerResponse } from 'node:http'
import express5 from 'express'
import express4 from 'express4'
import helmet from 'helmet'
import { describe, expect, test } from 'vitest'
import { blobRoutes, deleteBlob, sendBlob, sendView } from '../../../src/adapters/express/index.js'
import type { FailedRequest } from '../../../src/http/index.js'
import { nextTurn, one, serve, twoBlobs, unhandled } from './applications.js'
import { type AskOptions, ask } from './clients.js'
import { settled, until } from './until.js'

type Next = (error?: unknown) => void

describe.each([
  ['4', express4],
  ['5', express5],
] as const)('Express %s', (version, express) => {
  /** An application with one route, and what went to its error handler. */
  async function application(route: (req: IncomingMessage, res: ServerResponse, next: Next) => unknown) {
    const errors: unknown[] = []
    const app = express().use(helmet())
    app.all('/', route)
    app.use((error: unknown, _req: unknown, res: ServerResponse, next: Next) => {
      errors.push(error)
      if (res.headersSent) next(error)
      else res.writeHead(500).end()
    })
    const url = await serve(app)
    return { errors, ask: (options?: AskOptions) => ask(url, options) }
  }

  test('sendBlob, sendView and deleteBlob in a route', async () => {
    const { store, held, ...paths } = await twoBlobs()
    const { ask, errors } = await application((req, res, next) => {
      if (req.method === 'DELETE') deleteBlob(req, res, store, paths.one).catch(next)
      else if (req.headers.accept === 'application/json') sendView(req, res, store, paths.one).catch(next)
      else sendBlob(req, res, store, paths.one, { disposition: 'attachment' }).catch(next)
    })
    const { status, headers, body } = await ask()
    expect(status).toBe(200)
    expect(headers['content-disposition']).toMatch(/^attachment/)
    expect(headers['strict-transport-security']).toBeDefined()
    expect(body.equals(one)).toBe(true)
    const view = await ask({ headers: { accept: 'application/json' } })
    expect(JSON.parse(view.body.toString())).toMatchObject({ size: one.byteLength, encoding: 'base64' })
    expect(await ask({ method: 'HEAD' })).toMatchObject({ headers: { 'content-length': String(one.byteLength) } })
    expect(await ask({ method: 'DELETE' })).toMatchObject({ status: 204 })
    expect(await ask()).toMatchObject({ status: 404 })
    expect(errors).toEqual([])
    await settled(held)
  })

  test('what cannot be sent goes to the error handler, and the source is released', async () => {
    const { store, held, ...paths } = await twoBlobs()
    const { ask, errors } = await application((req, res, next) => {
      res.write('mine')
      sendBlob(req, res, store, paths.one).catch(next)
    })
    expect(await ask()).toMatchObject({ complete: false })
    expect(errors).toMatchObject([{ code: 'CONFIGURATION' }])
    await settled(held)
  })

  test('the same with the ready-made routes', async () => {
    const { store, held, ...paths } = await twoBlobs()
    const routes = blobRoutes(store, { authorize: () => true })
    const { ask, errors } = await application((req, res, next) => {
      res.write('mine')
      req.url = `/content/${paths.one}`
      routes(req, res, next)
    })
    expect(await ask()).toMatchObject({ complete: false })
    expect(errors).toMatchObject([{ code: 'CONFIGURATION' }])
    await settled(held)
  })

  test('a promise that is forgotten ends no process; onError was told', async () => {
    const { store, held, ...paths } = await twoBlobs()
    const failures: FailedRequest[] = []
    const onError = (failed: FailedRequest) => failures.push(failed)
    const rejected = unhandled()
    const { ask } = await application((req, res) => {
      res.writeHead(200).end('mine')
      sendBlob(req, res, store, paths.one, { onError })
      sendView(req, res, store, paths.one, { onError })
      deleteBlob(req, res, store, 'local:none', { onError })
    })
    expect((await ask()).body.toString()).toBe('mine')
    await until(() => failures.length === 3, 'failures')
    await nextTurn()
    expect(failures.map(({ error }) => error.code)).toEqual(Array(3).fill('CONFIGURATION'))
    expect(rejected).toEqual([])
    await settled(held)
  })

  test.runIf(version === '5')('a promise that is returned goes to the error handler by itself', async () => {
    const { store, ...paths } = await twoBlobs()
    const { ask, errors } = await application((req, res) => {
      res.write('mine')
      return sendBlob(req, res, store, paths.one)
    })
    await ask()
    expect(errors).toMatchObject([{ code: 'CONFIGURATION' }])
  })
})

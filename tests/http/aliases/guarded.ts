import { createServer, type IncomingMessage, type RequestListener, type Server, type ServerResponse } from 'node:http'
import { getRequestListener } from '@hono/node-server'
import express5, { type Express } from 'express'
import express4 from 'express4'
import fastify from 'fastify'
import { Hono } from 'hono'
import { blobRoutes as expressRoutes } from '../../../src/adapters/express/index.js'
import { blobRoutes as fastifyRoutes } from '../../../src/adapters/fastify/index.js'
import { blobHandler as nodeHandler } from '../../../src/adapters/node/index.js'
import { blobHandler as webHandler } from '../../../src/adapters/web/index.js'
import type { BlobStore } from '../../../src/http/index.js'
import type { AdapterName } from '../servers.js'

const authorize = () => true

/** Whether an address starts with what the application closed to everybody. */
type Closed = (url: string) => boolean

/** A server whose application guards a part of the addresses in front of the routes, and lets the routes allow all. */
export const guarded: Readonly<Record<AdapterName, (store: BlobStore, closed: Closed) => Promise<Server>>> = {
  node: async (store, closed) => {
    const handler = nodeHandler(store, { authorize })
    return createServer((req, res) => (closed(req.url ?? '') ? refuse(req, res) : handler(req, res)))
  },
  express5: async (store, closed) => expressServer(express5(), store, closed),
  express4: async (store, closed) => expressServer(express4(), store, closed),
  fastify: async (store, closed) => {
    const app = fastify()
    app.addHook('onRequest', async (request, reply) => {
      if (closed(request.url)) return reply.code(403).send()
    })
    await app.register(fastifyRoutes, { store, authorize })
    await app.ready()
    return app.server
  },
  web: async (store, closed) => {
    const handler = webHandler(store, { authorize })
    const app = new Hono()
    // A Request has parsed its address, for the application as for the routes.
    const pathOf = ({ url }: Request) => new URL(url).pathname
    app.use(async (context, next) => (closed(pathOf(context.req.raw)) ? context.text('no', 403) : await next()))
    app.all('/*', (context) => handler(context.req.raw))
    return createServer(getRequestListener(app.fetch))
  },
}

function expressServer(app: Express, store: BlobStore, closed: Closed): Server {
  app.use((req, res, next) => (closed(req.url) ? void res.sendStatus(403) : next()))
  app.use(expressRoutes(store, { authorize }) as unknown as RequestListener)
  return createServer(app)
}

function refuse(_req: IncomingMessage, res: ServerResponse): void {
  res.writeHead(403).end()
}

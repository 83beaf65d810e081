import { createServer, type RequestListener, type Server } from 'node:http'
import fastifyCompress from '@fastify/compress'
import fastifyCors from '@fastify/cors'
import fastifyHelmet from '@fastify/helmet'
import fastifyMultipart from '@fastify/multipart'
import { getRequestListener } from '@hono/node-server'
import compression from 'compression'
import cors from 'cors'
import express5, { type Express } from 'express'
import express4 from 'express4'
import fastify from 'fastify'
import helmet from 'helmet'
import { Hono } from 'hono'
import { compress } from 'hono/compress'
import { cors as honoCors } from 'hono/cors'
import { secureHeaders } from 'hono/secure-headers'
import { blobRoutes as expressRoutes } from '../../src/adapters/express/index.js'
import { blobRoutes as fastifyRoutes } from '../../src/adapters/fastify/index.js'
import { blobHandler as nodeHandler } from '../../src/adapters/node/index.js'
import { blobHandler as webHandler } from '../../src/adapters/web/index.js'
import type { BlobRoutesOptions, BlobStore } from '../../src/http/index.js'
import { type ListeningServer, listen } from './listen.js'

export const adapters = ['node', 'express5', 'express4', 'fastify', 'web'] as const
export type AdapterName = (typeof adapters)[number]

/**
 * How the routes are mounted: at the root, under a prefix, behind `trust proxy`, or under a prefix behind what
 * applications put in front of everything: compression, security headers, cors, a parser of multipart bodies.
 */
export const mounts = ['plain', 'prefix', 'proxy', 'middleware'] as const
export type Mount = (typeof mounts)[number]

export interface DeliveryServer extends ListeningServer {
  /** `http://127.0.0.1:<port>`, with the prefix where there is one: the routes are right behind it. */
  readonly url: string
  /** The prefix, without a slash at its end. */
  readonly base: string
}

export type DeliveryOptions = Partial<Omit<BlobRoutesOptions<never>, 'locate'>> & {
  readonly mount?: Mount | undefined
  readonly locate?: (asked: { readonly id: string }) => ReturnType<NonNullable<BlobRoutesOptions['locate']>>
}

/** The ready-made routes on a server of this adapter; everybody may do everything unless `authorize` says otherwise. */
export async function startDelivery(
  adapter: AdapterName,
  store: BlobStore,
  { mount = 'plain', ...given }: DeliveryOptions = {},
): Promise<DeliveryServer> {
  const options = { authorize: () => true, ...given } as BlobRoutesOptions<never>
  const base = mount === 'prefix' || mount === 'middleware' ? '/some/files' : ''
  const server = await starters[adapter](store, options, base, mount)
  const listening = await listen(server)
  return { ...listening, url: `http://127.0.0.1:${listening.port}${base}`, base }
}

type Starter = (store: BlobStore, options: BlobRoutesOptions<never>, base: string, mount: Mount) => Promise<Server>

const starters: Readonly<Record<AdapterName, Starter>> = {
  node: async (store, options, base) => {
    return createServer(nodeHandler(store, { ...(options as BlobRoutesOptions), basePath: base }) as RequestListener)
  },
  express5: async (store, options, base, mount) => expressServer(express5(), store, options, base, mount),
  express4: async (store, options, base, mount) => {
    return expressServer(express4(), store, options, base, mount)
  },
  fastify: async (store, options, base, mount) => {
    const app = fastify({ trustProxy: mount === 'proxy' })
    if (mount === 'middleware') {
      await app.register(fastifyCompress, { threshold: 0 })
      await app.register(fastifyHelmet)
      await app.register(fastifyCors, { origin: true })
      await app.register(fastifyMultipart)
    }
    await app.register(fastifyRoutes, { ...(options as BlobRoutesOptions), store, prefix: base })
    await app.ready()
    return app.server
  },
  web: async (store, options, base, mount) => {
    const handler = webHandler(store, { ...(options as BlobRoutesOptions), basePath: base })
    const app = new Hono()
    if (mount === 'middleware') app.use(compress({ threshold: 0 }), secureHeaders(), honoCors())
    app.all(`${base}/*`, (context) => handler(context.req.raw))
    return createServer(getRequestListener(app.fetch))
  },
}

function expressServer(
  app: Express,
  store: BlobStore,
  options: BlobRoutesOptions<never>,
  base: string,
  mount: Mount,
): Server {
  if (mount === 'proxy') app.set('trust proxy', true)
  if (mount === 'middleware') app.use(compression({ threshold: 0 }), helmet(), cors())
  app.use(base || '/', expressRoutes(store, options as BlobRoutesOptions) as unknown as RequestListener)
  return createServer(app)
}

import { once } from 'node:events'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { getRequestListener } from '@hono/node-server'
import express5 from 'express'
import express4 from 'express4'
import fastify from 'fastify'
import { inject } from 'vitest'
import { signedLinks as expressLinks } from '../../src/adapters/express/index.js'
import { signedLinks as fastifyLinks } from '../../src/adapters/fastify/index.js'
import { signedLinksHandler as nodeLinks } from '../../src/adapters/node/index.js'
import { signedLinksHandler as webLinks } from '../../src/adapters/web/index.js'
import { FsDriver } from '../../src/drivers/fs/index.js'
import { S3Driver } from '../../src/drivers/s3/index.js'
import type { BlobStore, SignedLinksOptions } from '../../src/http/index.js'
import { HybridStore, type HybridStoreOptions } from '../../src/index.js'
import { createBucket } from '../servers/bucket.js'
import { startFaultProxy } from '../servers/fault-proxy.js'
import { onEnd, tempRoot } from '../store/support.js'
import type { AdapterName } from './servers.js'

type Options = Partial<HybridStoreOptions<'s3' | 'local', string>>

/** S3 and a disk, with links of the store's own below `baseUrl`. */
export async function hybrid(baseUrl = 'http://files.example/files', options: Options = {}) {
  const settings = inject('s3')
  const bucket = await createBucket(settings, 'linked')
  onEnd(() => bucket.remove())
  const proxy = await startFaultProxy(settings.endpoint)
  onEnd(() => proxy.stop())
  const { region, credentials } = settings
  const root = await tempRoot()
  const store = new HybridStore<'s3' | 'local', string>({
    drivers: {
      s3: new S3Driver({ bucket: bucket.name, region, credentials, endpoint: proxy.endpoint, forcePathStyle: true }),
      local: new FsDriver({ root, durability: 'none' }),
    },
    fallback: { s3: 'local', circuit: false, grace: 0 },
    reconcile: false,
    logger: false,
    signedUrls: { baseUrl, keys: [{ id: 'one', secret: 'a secret of thirty-two bytes at least' }] },
    ...options,
  })
  onEnd(() => store.close())
  return { store, proxy, root, bucket }
}

type LinkServer = (store: BlobStore, options: SignedLinksOptions) => Server | Promise<Server>

const linkServers: Readonly<Record<AdapterName, LinkServer>> = {
  node: (store, options) => createServer(nodeLinks(store, { ...options, basePath: '/files' })),
  express5: (store, options) => createServer(express5().use('/files', expressLinks(store, options))),
  express4: (store, options) => createServer(express4().use('/files', expressLinks(store, options))),
  fastify: async (store, options) => {
    const app = fastify()
    await app.register(fastifyLinks, { ...options, prefix: '/files', store })
    await app.ready()
    return app.server
  },
  web: (store, options) => createServer(getRequestListener(webLinks(store, { ...options, basePath: '/files' }))),
}

/** The same, and a server of this adapter that answers the links. */
export async function linked(adapter: AdapterName, options: SignedLinksOptions = {}, more: Options = {}) {
  // The server must be there before the store can be told its address.
  const server = createServer().listen(0, '127.0.0.1')
  onEnd(() => {
    server.close()
    server.closeAllConnections()
  })
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  const world = await hybrid(`http://127.0.0.1:${port}/files`, more)
  const app = await linkServers[adapter](world.store, options)
  server.on('request', (req, res) => app.emit('request', req, res))
  return { ...world, port }
}

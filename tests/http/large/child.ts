// The server of large-uploads.test.ts in a process of its own, so that its memory and its handles are nobody else's.
import { readdir, readlink } from 'node:fs/promises'
import { createServer, type RequestListener, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import express from 'express'
import fastify from 'fastify'
import * as expressBlobs from '../../../src/adapters/express/index.js'
import { hybridStorage } from '../../../src/adapters/fastify/index.js'
import { FsDriver } from '../../../src/drivers/fs/index.js'
import { S3Driver } from '../../../src/drivers/s3/index.js'
import type { BlobStore, UploadOptions } from '../../../src/http/index.js'
import { HybridStore } from '../../../src/index.js'
import type { Framework, Held, Question, Settings } from './server.js'

const MIB = 1024 * 1024
const { framework, s3, root } = JSON.parse(process.argv[2] as string) as Settings
const store = new HybridStore<'s3' | 'local', string>({
  drivers: { s3: new S3Driver(s3), local: new FsDriver({ root, durability: 'none' }) },
  policy: () => 's3',
  fallback: { s3: 'local' },
  reconcile: false,
  logger: false,
})
let arrived = 0
let peak = 0
const options: UploadOptions = {
  key: ({ file }) => `project_7/${file.uniqueName}`,
  onProgress: ({ bytes }) => {
    arrived = bytes
    peak = Math.max(peak, process.memoryUsage.rss())
  },
}

const apps: Readonly<Record<Framework, (blobs: BlobStore) => Promise<Server>>> = {
  express: async (blobs) => {
    const app = express()
    app.set('env', 'test')
    app.post('/upload', async (req, res) => {
      const upload = await expressBlobs.receiveUpload(req, blobs, options)
      res.status(201).json(upload.blobs[0])
    })
    app.get('/blob/:path', (req, res) => expressBlobs.sendBlob(req, res, blobs, req.params.path))
    return createServer(app as unknown as RequestListener)
  },
  fastify: async (blobs) => {
    const app = fastify()
    await app.register(hybridStorage, { store: blobs })
    app.post('/upload', async (request, reply) => {
      const upload = await request.receiveUpload(options)
      return reply.code(201).send(upload.blobs[0])
    })
    app.get<{ Params: { path: string } }>('/blob/:path', (request, reply) => reply.sendBlob(request.params.path))
    await app.ready()
    return app.server
  },
}

/** Resident bytes once they do not change any more; from here on the peak and what arrives are counted anew. */
async function idle(): Promise<number> {
  for (let before = 0; ; ) {
    global.gc?.()
    const now = process.memoryUsage.rss()
    if (Math.abs(now - before) < MIB / 2) {
      peak = now
      arrived = 0
      return now
    }
    before = now
    await sleep(100)
  }
}

async function held(): Promise<Held> {
  const names = process.getActiveResourcesInfo()
  for (const fd of await readdir('/proc/self/fd').catch(() => [])) {
    // The one that lists them is gone again. Sockets that are in use keep the process alive, and are there already: the
    // others are kept open to S3 for the next request.
    const name = await readlink(`/proc/self/fd/${fd}`).catch(() => undefined)
    if (name !== undefined && !name.startsWith('socket:')) names.push(name.replace(/:\[\d+\]$/, ''))
  }
  const counts: Record<string, number> = {}
  for (const name of names) counts[name] = (counts[name] ?? 0) + 1
  return counts
}

const server = await apps[framework](store)

const answers: Readonly<Record<Question, () => unknown>> = {
  idle,
  held,
  peak: () => peak,
  arrived: () => arrived,
  reconcile: () => store.reconcile(),
  pending: async () => (await store.pending()).length,
  stop: async () => {
    server.closeAllConnections()
    server.close()
    await store.close()
  },
}

process.on('message', async (question: Question) => {
  const answer = await answers[question]()
  if (question === 'stop') process.disconnect()
  else process.send?.({ answer })
})
server.listen(0, '127.0.0.1', () => process.send?.({ port: (server.address() as AddressInfo).port }))

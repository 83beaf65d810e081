// One server that delivers files, in a process of its own: `server.mjs <json>` prints its port, and answers each line of
// its input with the CPU microseconds that it has used so far.
import { createReadStream } from 'node:fs'
import { stat } from 'node:fs/promises'
import { createServer } from 'node:http'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { pipeline } from 'node:stream'

const { subject, root, s3 } = JSON.parse(process.argv[2])

async function ourStore() {
  const { HybridStore } = await import('hybrid-store')
  const { FsDriver } = await import('hybrid-store/fs')
  const { S3Driver } = await import('hybrid-store/s3')
  const local = new FsDriver({ root })
  const drivers = s3 ? { s3: new S3Driver(s3), local } : { local }
  return new HybridStore({ drivers, logger: false })
}

const subjects = {
  async 'hybrid-store, Express'() {
    const { default: express } = await import('express')
    const { sendBlob } = await import('hybrid-store/express')
    const store = await ourStore()
    return createServer(express().get('/:name', (req, res) => sendBlob(req, res, store, req.params.name)))
  },
  async 'express.static'() {
    const { default: express } = await import('express')
    return createServer(express().use(express.static(root)))
  },
  async 'hybrid-store, Fastify'() {
    const { default: fastify } = await import('fastify')
    const { hybridStorage } = await import('hybrid-store/fastify')
    const app = fastify()
    await app.register(hybridStorage, { store: await ourStore() })
    app.get('/:name', (request, reply) => reply.sendBlob(request.params.name))
    await app.ready()
    return app.server
  },
  async '@fastify/static'() {
    const { default: fastify } = await import('fastify')
    const { default: fastifyStatic } = await import('@fastify/static')
    const app = fastify()
    await app.register(fastifyStatic, { root })
    await app.ready()
    return app.server
  },
  async 'hybrid-store, Node'() {
    const { sendBlob } = await import('hybrid-store/node')
    const store = await ourStore()
    return createServer((req, res) => sendBlob(req, res, store, req.url.slice(1)))
  },
  async createReadStream() {
    return createServer(async (req, res) => {
      const path = join(root, req.url)
      const { size, mtime } = await stat(path)
      res.writeHead(200, { 'content-length': size, 'last-modified': mtime.toUTCString() })
      createReadStream(path).pipe(res)
    })
  },
  async 'hybrid-store, S3'() {
    const { sendBlob } = await import('hybrid-store/node')
    const store = await ourStore()
    return createServer((req, res) => sendBlob(req, res, store, `s3:${req.url.slice(1)}`))
  },
  async 'GetObject, piped'() {
    const { GetObjectCommand, S3Client } = await import('@aws-sdk/client-s3')
    const { bucket, ...options } = s3
    const client = new S3Client(options)
    return createServer(async (req, res) => {
      const object = await client.send(new GetObjectCommand({ Bucket: bucket, Key: req.url.slice(1) }))
      res.writeHead(200, {
        'content-length': object.ContentLength,
        'content-type': object.ContentType,
        etag: object.ETag,
      })
      // A client that goes away must not leave a socket of the SDK's pool behind.
      pipeline(object.Body, res, () => {})
    })
  },
}

const server = await subjects[subject]()
server.listen(0, '127.0.0.1', () => console.log(server.address().port))
const lines = createInterface({ input: process.stdin })
lines.on('line', () => {
  const { user, system } = process.cpuUsage()
  console.log(user + system)
})
lines.on('close', () => process.exit())

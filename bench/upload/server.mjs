// One server that takes uploads, in a process of its own: `server.mjs <json>` says { port }, and answers each message
// { ask } with { answer }.
import { readFileSync, writeFileSync } from 'node:fs'
import { readdir, readlink } from 'node:fs/promises'
import { createServer } from 'node:http'
import { HybridStore } from 'hybrid-store'
import { FsDriver } from 'hybrid-store/fs'
import { S3Driver } from 'hybrid-store/s3'

const { subject, s3, root } = JSON.parse(process.argv[2])
const limits = { fileSize: Number.POSITIVE_INFINITY }
const driver = new S3Driver(s3)
const store = new HybridStore({
  drivers: { s3: driver, local: new FsDriver({ root }) },
  policy: () => 's3',
  fallback: subject.endsWith('with a fallback') ? { s3: 'local' } : false,
  reconcile: false,
  logger: false,
})
let arrived = 0
let uploads = 0
const options = {
  key: () => `upload-${process.pid}-${++uploads}.bin`,
  limits,
  onProgress: ({ bytes }) => {
    arrived = bytes
  },
}

async function express() {
  const { default: framework } = await import('express')
  const { receiveUpload, sendBlob } = await import('hybrid-store/express')
  const app = framework()
  app.post('/upload', async (req, res) => {
    const { blobs } = await receiveUpload(req, store, options)
    res.status(201).json(blobs[0])
  })
  app.get('/blob/:path', (req, res) => sendBlob(req, res, store, req.params.path))
  // A client that goes is not answered, and none of it is for the terminal.
  app.use((error, _req, res, _next) => res.status(error.status ?? 500).end(`${error.code}: ${error.message}`))
  return createServer(app)
}

async function fastify() {
  const { default: framework } = await import('fastify')
  const { hybridStorage } = await import('hybrid-store/fastify')
  const app = framework()
  await app.register(hybridStorage, { store })
  app.post('/upload', async (request, reply) => {
    const { blobs } = await request.receiveUpload(options)
    return reply.code(201).send(blobs[0])
  })
  app.get('/blob/:path', (request, reply) => reply.sendBlob(request.params.path))
  await app.ready()
  return app.server
}

/** What the others are measured by: the driver is given the request itself, and nothing stands between. */
async function plain() {
  return createServer(async (req, res) => {
    const { key } = await driver.put(options.key(), req)
    res.writeHead(201).end(JSON.stringify({ path: `s3:${key}` }))
  })
}

function status(name) {
  const [, kilobytes] = new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(readFileSync('/proc/self/status', 'utf8'))
  return Number(kilobytes) * 1024
}

/** Resident bytes at rest; the kernel's peak (proc(5), clear_refs) and what has arrived are counted anew from here. */
async function idle() {
  for (let i = 0; i < 3; i++) {
    globalThis.gc()
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
  writeFileSync('/proc/self/clear_refs', '5')
  arrived = 0
  return status('VmRSS')
}

/** Open files by name, and what keeps the process alive, sockets in use among it, each with their number. */
async function held() {
  const counts = {}
  const count = (name) => {
    counts[name] = (counts[name] ?? 0) + 1
  }
  for (const fd of await readdir('/proc/self/fd')) {
    // The one that lists them is gone again; a socket that is in no use is kept open to S3 for the next request.
    const name = await readlink(`/proc/self/fd/${fd}`).catch(() => undefined)
    if (name !== undefined && !name.startsWith('socket:')) count(name.replace(/:.*/, ''))
  }
  for (const kind of process.getActiveResourcesInfo()) count(kind)
  return counts
}

const questions = {
  idle,
  held,
  arrived: () => arrived,
  peak: () => status('VmHWM'),
  cpu: () => {
    const { user, system } = process.cpuUsage()
    return (user + system) / 1e6
  },
  reconcile: () => store.reconcile(),
  pending: async () => (await store.pending()).length,
  remove: async ({ path }) => void (await store.delete(path)),
}

const server = await (subject.startsWith('Express') ? express() : subject.startsWith('Fastify') ? fastify() : plain())
server.listen(0, '127.0.0.1', () => process.send({ port: server.address().port }))
process.on('message', async ({ ask, ...input }) => {
  process.send({ answer: await questions[ask](input) })
})
process.on('disconnect', () => process.exit())

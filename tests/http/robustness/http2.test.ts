import { once } from 'node:events'
import { type ClientHttp2Session, connect, createServer, type Http2Server } from 'node:http2'
import type { AddressInfo } from 'node:net'
import fastify from 'fastify'
import { describe, expect, test } from 'vitest'
import { blobRoutes } from '../../../src/adapters/fastify/index.js'
import { blobHandler, sendBlob } from '../../../src/adapters/node/index.js'
import { type BlobStore, blobHref } from '../../../src/http/index.js'
import { pattern } from '../../store/pattern.js'
import { onEnd } from '../../store/support.js'
import { fsBackend } from './backends.js'
import { brokenStore } from './broken-driver.js'
import { settled, until } from './until.js'

const MIB = 1024 * 1024
const bytes = pattern(0, 4 * MIB)
let session: ClientHttp2Session

const authorize = () => true
const starters: Readonly<Record<'node' | 'fastify', (store: BlobStore) => Promise<Http2Server>>> = {
  node: async (store) => createServer(blobHandler(store, { authorize }) as never),
  fastify: async (store) => {
    const app = fastify({ http2: true })
    await app.register(blobRoutes as never, { store, authorize } as never)
    await app.ready()
    return app.server
  },
}

async function listen(server: Http2Server): Promise<void> {
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  onEnd(() => new Promise((resolve) => server.close(resolve)))
  onEnd(() => session.destroy())
  session = connect(`http://127.0.0.1:${(server.address() as AddressInfo).port}`)
}

async function backendWithBlob() {
  const backend = await fsBackend()
  onEnd(() => backend.stop())
  const { path } = await backend.store.put('film.bin', bytes)
  return { ...backend, path, href: blobHref('/content', path) }
}

async function ask(path: string, headers: Record<string, string> = {}) {
  const stream = session.request({ ':path': path, ...headers })
  stream.on('error', () => {})
  const closed = new Promise((resolve) => stream.once('close', resolve))
  const chunks: Buffer[] = []
  stream.on('data', (chunk) => chunks.push(chunk))
  const [answered] = await once(stream, 'response')
  await closed
  return { status: answered[':status'], headers: answered, body: Buffer.concat(chunks), code: stream.rstCode }
}

describe.each(['node', 'fastify'] as const)('HTTP/2 on %s', (adapter) => {
  test('whole, in ranges, by HEAD, not modified, not there', async () => {
    const { store, href, held } = await backendWithBlob()
    await listen(await starters[adapter](store))
    const whole = await ask(href)
    expect(whole).toMatchObject({ status: 200, code: 0 })
    expect(whole.body.equals(bytes)).toBe(true)
    const part = await ask(href, { range: 'bytes=1000-3000000' })
    expect(part).toMatchObject({ status: 206, code: 0 })
    expect(part.body.equals(bytes.subarray(1000, 3_000_001))).toBe(true)
    const head = await ask(href, { ':method': 'HEAD' })
    expect(head).toMatchObject({ status: 200, headers: { 'content-length': String(bytes.byteLength) } })
    expect(await ask(href, { 'if-none-match': String(whole.headers.etag) })).toMatchObject({ status: 304 })
    expect(await ask('/content/nothing')).toMatchObject({ status: 404 })
    await settled(held)
  })

  test('a client that leaves releases what is open for it', async () => {
    const { store, href, held, watch } = await backendWithBlob()
    await listen(await starters[adapter](store))
    const streams = Array.from({ length: 10 }, () => session.request({ ':path': href }))
    for (const stream of streams) stream.on('error', () => {})
    await Promise.all(streams.map((stream) => once(stream, 'readable')))
    for (const stream of streams) stream.close(8)
    await settled(held)
    watch.hold('deaf')
    session.request({ ':path': href }).on('error', () => {})
    await until(() => watch.signals.length === 11, 'get')
    session.destroy()
    await until(() => watch.signals.every((signal) => signal?.aborted), 'signal for each')
    watch.release()
    await settled(held)
  })

  test('a source that breaks is a stream that is reset, and the connection serves the next', async () => {
    const { store, open } = brokenStore({ size: 4 * MIB, sends: MIB, ends: 'failing' })
    await listen(await starters[adapter](store))
    const { status, code, body } = await ask(blobHref('/content', 'third:a'))
    expect(status).toBe(200)
    expect(code).not.toBe(0)
    expect(body.byteLength).toBeLessThanOrEqual(MIB)
    expect(open.size).toBe(0)
    expect((await ask('/content/nothing')).status).toBe(404)
  })
})

test('sendBlob on a stream of HTTP/2 that has gone opens nothing for long', async () => {
  const { store, path, held } = await backendWithBlob()
  let sent: Promise<void> | undefined
  const server = createServer((req, res) => {
    res.once('close', () => {
      sent = sendBlob(req as never, res as never, store, path)
    })
  })
  await listen(server)
  const stream = session.request({ ':path': '/' })
  stream.on('error', () => {})
  await once(server, 'stream')
  stream.close(8)
  await until(() => sent !== undefined, 'call')
  await sent
  await settled(held)
})

import { once } from 'node:events'
import { readdir } from 'node:fs/promises'
import { createServer, request } from 'node:http'
import { type AddressInfo, connect } from 'node:net'
import express5 from 'express'
import { describe, expect, test } from 'vitest'
import { signedLinks } from '../../src/adapters/express/index.js'
import type { SignedUpload } from '../../src/driver/index.js'
import { onEnd } from '../store/support.js'
import { boundary, filePart, form, formType, partBytes, valuePart } from './form.js'
import { hybrid, linked } from './linked.js'
import { adapters } from './servers.js'
import { clientOf, problemOf } from './support.js'

const plain = { contentType: 'text/plain' }

/** The target of a link, for a client that sends what it is told to. */
const targetOf = ({ url }: SignedUpload) => url.slice(new URL(url).origin.length)

/** What a browser does: it sets the length by itself. */
function put(upload: SignedUpload, body: string, more: Record<string, string> = {}) {
  if (upload.method !== 'PUT') throw new Error('no PUT')
  const { 'content-length': _, ...headers } = upload.headers
  return fetch(upload.url, { method: 'PUT', headers: { ...headers, ...more }, body })
}

function post(upload: SignedUpload, body: string, changes: Record<string, string> = {}) {
  if (upload.method !== 'POST') throw new Error('no POST')
  const data = new FormData()
  for (const [name, value] of Object.entries({ ...upload.fields, ...changes })) data.append(name, value)
  data.append('file', new Blob([body], { type: 'x/y' }), '../../evil.html')
  return fetch(upload.url, { method: 'POST', body: data })
}

/** Files on the disk, internal ones included. */
async function files(root: string): Promise<string[]> {
  const all = await readdir(root, { recursive: true, withFileTypes: true })
  return all.filter((entry) => entry.isFile() && !/^(format|id)$/.test(entry.name)).map(({ name }) => name)
}

describe.each(adapters)('signed uploads on %s', (adapter) => {
  test('a PUT stores what was agreed on, under the type and path that were signed', async () => {
    const { store } = await linked(adapter)
    const upload = await store.signUpload('local/ä b/50%.txt', { ...plain, size: 5, driver: 'local' })
    const made = await put(upload, 'Grün')
    expect([made.status, await made.text()]).toEqual([201, ''])
    const blob = await store.confirmUpload('local:local/ä b/50%.txt', { ...plain, size: 5 })
    expect(made.headers.get('etag')).toBe(`"${blob.etag}"`)
    expect(await (await store.get(blob.path)).text()).toBe('Grün')
    // It may be sent again until it expires.
    expect((await put(upload, 'Grau.')).status).toBe(200)
  })

  test('a large one goes through, whatever the framework takes by default', async () => {
    const { store } = await linked(adapter)
    const size = 12 * 1024 * 1024
    const upload = await store.signUpload('big', { ...plain, size, driver: 'local' })
    expect((await put(upload, 'x'.repeat(size))).status).toBe(201)
    const sent = await store.signUpload('big', { ...plain, size, method: 'POST', driver: 's3' })
    expect((await post(sent, 'x'.repeat(size))).status).toBe(204)
    const form = await store.signUpload('form', { ...plain, size, method: 'POST', driver: 'local' })
    expect((await post(form, 'x'.repeat(size))).status).toBe(201)
    expect((await store.head('local:form')).size).toBe(size)
  })

  test('another length, type or encoding is refused, and nothing is stored', async () => {
    const { store, root, port } = await linked(adapter)
    const { ask, client } = clientOf(port)
    const exact = await store.signUpload('a', { ...plain, size: 5, driver: 'local' })
    const bounded = await store.signUpload('b', { ...plain, maxSize: 5, driver: 'local' })
    const send = async (upload: SignedUpload, body: string, headers: Record<string, string> = {}) => {
      const fields = { 'Content-Type': 'text/plain', ...headers }
      const answer = await ask({ method: 'PUT', target: targetOf(upload), headers: fields, body })
      // Fastify by itself refuses an empty type.
      return [answer.status, fields['Content-Type'] === '' ? 'INVALID_ARGUMENT' : problemOf(answer).code]
    }
    expect(await send(exact, '1234')).toEqual([400, 'SIZE_MISMATCH'])
    expect(await send(exact, '123456')).toEqual([413, 'TOO_LARGE'])
    expect(await send(bounded, '123456')).toEqual([413, 'TOO_LARGE'])
    for (const type of ['text/html', 'text/plain; charset=utf-8', 'TEXT/PLAIN', '']) {
      expect(await send(exact, '12345', { 'Content-Type': type }), type).toEqual([415, 'INVALID_ARGUMENT'])
    }
    expect(await send(exact, '12345', { 'Content-Encoding': 'gzip' })).toEqual([415, 'INVALID_ARGUMENT'])
    expect(await send(exact, '12345', { 'Content-Range': 'bytes 0-4/5' })).toEqual([400, 'INVALID_ARGUMENT'])
    expect(await send(exact, '12345', { 'Content-MD5': '1B2M2Y8AsgTpgAmY7PhCfg==' })).toEqual([
      422,
      'CHECKSUM_MISMATCH',
    ])
    // All of them over one connection: each answer came behind its own request.
    expect(client.connections).toBe(1)
    expect(await files(root)).toEqual([])
  })

  test('a length that is not announced is counted', async () => {
    const { store, root, port } = await linked(adapter)
    const { ask } = clientOf(port)
    const chunks = (...sizes: number[]) =>
      `${sizes.map((size) => `${size.toString(16)}\r\n${'x'.repeat(size)}\r\n`).join('')}0\r\n\r\n`
    const exact = await store.signUpload('a', { ...plain, size: 10, driver: 'local' })
    const bounded = await store.signUpload('b', { ...plain, maxSize: 10, driver: 'local' })
    const open = await store.signUpload('c', { ...plain, driver: 'local' })
    const send = async (upload: SignedUpload, ...sizes: number[]) => {
      // Without a client that would announce the length of a body.
      const target = `${targetOf(upload)} HTTP/1.1\r\nHost: x\r\nContent-Type: text/plain\r\nTransfer-Encoding: chunked\r\n\r\n`
      const socket = connect(port, '127.0.0.1')
      socket.write(`PUT ${target}${chunks(...sizes)}`)
      const [answer] = await once(socket, 'data')
      socket.destroy()
      return Number(/^HTTP\/1\.1 (\d+)/.exec(String(answer))?.[1])
    }
    expect(await send(exact, 4, 5)).toBe(400)
    expect(await send(exact, 4, 7)).toBe(413)
    expect(await send(bounded, 4, 7)).toBe(413)
    expect(await files(root)).toEqual([])
    expect(await send(exact, 4, 6)).toBe(201)
    expect(await send(bounded, 4, 6)).toBe(201)
    expect(await send(open, 4, 70_000)).toBe(201)
    expect((await ask({ target: '/files/x' })).status).toBe(403)
  })

  test('a create-only link makes a blob and replaces none; of two at once one wins', async () => {
    const { store } = await linked(adapter)
    const upload = await store.signUpload('a', { ...plain, ifNoneMatch: '*', driver: 'local' })
    const statuses = await Promise.all(['one', 'two'].map(async (body) => (await put(upload, body)).status))
    expect(statuses.sort()).toEqual([201, 412])
    const { etag } = await store.head('local:a')
    expect((await put(upload, 'three')).status).toBe(412)
    expect((await put(upload, 'three', { 'if-match': `"${etag}"` })).status).toBe(412)
    expect((await store.head('local:a')).etag).toBe(etag)
    // The condition is the link's: without the header it holds as well.
    const { 'if-none-match': _, ...without } = upload.method === 'PUT' ? upload.headers : {}
    expect((await fetch(upload.url, { method: 'PUT', headers: without, body: 'x' })).status).toBe(412)
    // And the other way round a request may ask for more than its link.
    const other = await store.signUpload('a', { ...plain, driver: 'local' })
    expect((await put(other, 'x', { 'if-none-match': '*' })).status).toBe(412)
    expect((await put(other, 'x', { 'if-match': '"other"' })).status).toBe(412)
    expect((await put(other, 'x', { 'if-match': `"${etag}"` })).status).toBe(200)
  })

  test('is good for what was signed, and for nothing else', async () => {
    const { store, root } = await linked(adapter)
    await store.put('read', 'x', { driver: 'local', contentType: 'text/plain' })
    const before = await files(root)
    const read = await store.signUrl('local:read', { contentType: 'text/plain' })
    const write = await store.signUpload('a', { ...plain, driver: 'local' })
    const formLink = await store.signUpload('a', { ...plain, method: 'POST', driver: 'local' })
    const statusOf = async (url: string, method: string, headers = { 'content-type': 'text/plain' }) => {
      const body = method === 'GET' || method === 'HEAD' ? undefined : 'x'
      return (await fetch(url, { method, headers, ...(body ? { body } : {}) })).status
    }
    expect(await statusOf(read, 'PUT')).toBe(403)
    expect(await statusOf(read, 'POST')).toBe(403)
    for (const method of ['GET', 'HEAD', 'POST', 'DELETE', 'PATCH']) expect(await statusOf(write.url, method)).toBe(403)
    expect(await statusOf(formLink.url, 'PUT')).toBe(403)
    for (const changed of [
      write.url.replace('local%3Aa?', 'local%3Ab?'),
      write.url.replace('local%3Aa?', 's3%3Aa?'),
      write.url.replace('local%3Aa?', 'local%3Aread?'),
      write.url.replace('hs-exp=1', 'hs-exp=2'),
      write.url.replace('text%2Fplain', 'text%2Fhtml'),
      `${write.url}&hs-new=1`,
      `${write.url}&hs-size=1`,
      write.url.replace(/&hs-sig=.*/, ''),
    ]) {
      expect(await statusOf(changed, 'PUT'), changed).toBe(403)
    }
    expect(await files(root)).toEqual(before)
  })

  test('a client that goes away midway, or sends less than it announced, leaves nothing', async () => {
    const { store, root, port } = await linked(adapter)
    const upload = await store.signUpload('a', { ...plain, driver: 'local' })
    for (const end of ['destroy', 'end'] as const) {
      const failed = new Promise((resolve) => store.on('failed', ({ code }) => resolve(code)))
      const socket = connect(port, '127.0.0.1')
      socket.on('error', () => {})
      socket.write(
        `PUT ${targetOf(upload)} HTTP/1.1\r\nHost: x\r\nContent-Type: text/plain\r\nContent-Length: 900000\r\n\r\n`,
      )
      await new Promise((resolve) => socket.write('x'.repeat(300_000), resolve))
      socket[end]()
      expect(await failed).toMatch(/ABORTED|BODY_FAILED/)
    }
    expect(await files(root)).toEqual([])
  })

  test('a client that sends too much reads why', async () => {
    const { store, port } = await linked(adapter)
    const upload = await store.signUpload('a', { ...plain, maxSize: 1000, driver: 'local' })
    const req = request({ port, method: 'PUT', path: targetOf(upload), headers: { 'content-type': 'text/plain' } })
    const answered = once(req, 'response')
    for (let sent = 0; sent < 20; sent++) req.write('x'.repeat(100_000))
    req.end()
    const [{ statusCode }] = await answered
    expect(statusCode).toBe(413)
    req.destroy()
  })

  test('one that falls silent is not waited for', async () => {
    const { store, root, port } = await linked(adapter, { idleTimeout: 50 })
    const upload = await store.signUpload('a', { ...plain, driver: 'local' })
    const socket = connect(port, '127.0.0.1')
    onEnd(() => socket.destroy())
    socket.write(
      `PUT ${targetOf(upload)} HTTP/1.1\r\nHost: x\r\nContent-Type: text/plain\r\nContent-Length: 9\r\n\r\nx`,
    )
    const [answer] = await once(socket, 'data')
    expect(String(answer)).toMatch(/^HTTP\/1\.1 408 /)
    expect(await files(root)).toEqual([])
  })

  test('while S3 is known to be away an upload meant for it waits here, and is handed over', async () => {
    const fallback = { s3: 'local', grace: 0, circuit: { probeAfter: 3_600_000, probeAtMost: 3_600_000 } } as const
    const { store, proxy, bucket } = await linked(adapter, {}, { fallback })
    await proxy.down()
    await store.put('other', 'opens the circuit')
    const upload = await store.signUpload('a b.txt', { ...plain, size: 5 })
    expect((await put(upload, '12345')).status).toBe(201)
    const waiting = await store.confirmUpload('s3:a b.txt', { ...plain, size: 5 })
    expect(waiting.pendingFor).toBe('s3')
    await proxy.up()
    await store.reconcile()
    expect(await bucket.keys()).toContain('a b.txt')
    expect(await store.confirmUpload('s3:a b.txt', { ...plain, size: 5 })).toMatchObject({ driver: 's3' })
  })

  test('a form is taken as S3 takes it', async () => {
    const { store, root, port } = await linked(adapter)
    const { ask, client } = clientOf(port)
    const sign = (key: string, more = {}) =>
      store.signUpload(key, { ...plain, method: 'POST', driver: 'local', ...more })
    const exact = await sign('a', { size: 5 })
    expect((await post(exact, '1234')).status).toBe(400)
    expect((await post(exact, '123456')).status).toBe(400)
    expect((await post(exact, '12345', { 'Content-Type': 'text/html' })).status).toBe(415)
    expect((await post(await sign('a', { maxSize: 4 }), '12345')).status).toBe(413)
    const target = targetOf(exact)
    const type = valuePart('Content-Type', 'text/plain')
    const file = filePart('file', 'x', '12345')
    const send = async (body: Uint8Array, contentType = formType) => {
      return (await ask({ method: 'POST', target, headers: { 'Content-Type': contentType }, body })).status
    }
    expect(await send(form(file))).toBe(415)
    expect(await send(form(file, type))).toBe(415)
    expect(await send(form(type))).toBe(400)
    expect(await send(form(type, filePart('other', 'x', '12345')))).toBe(400)
    expect(await send(form(type), 'text/plain')).toBe(415)
    expect(await send(Buffer.concat([partBytes(type), partBytes(file)]))).toBe(400)
    expect(await send(Buffer.concat([partBytes(type), partBytes(file), Buffer.from(`--${boundary}\r\nbroken`)]))).toBe(
      400,
    )
    expect(client.connections).toBe(1)
    expect(await files(root)).toEqual([])
    const made = await post(exact, '12345')
    expect([made.status, made.headers.get('etag')]).toEqual([201, `"${(await store.head('local:a')).etag}"`])
    expect(await store.confirmUpload('local:a', { ...plain, size: 5 })).toMatchObject({ key: 'a' })
    // What a page sends behind the file, such as its button, is passed over.
    expect(await send(form(type, file, valuePart('submit', 'Send')))).toBe(200)
    const fresh = await sign('b', { ifNoneMatch: '*' })
    expect([(await post(fresh, 'one')).status, (await post(fresh, 'two')).status]).toEqual([201, 412])
  })
})

test('a body that a parser has read already is a fault of the application, and says so', async () => {
  const { store } = await hybrid('http://127.0.0.1/files')
  const failures: string[] = []
  const app = express5()
  app.use(express5.raw({ type: '*/*' }))
  app.use('/files', signedLinks(store, { onError: ({ error }) => failures.push(error.hint) }))
  const server = createServer(app).listen(0, '127.0.0.1')
  onEnd(() => server.close())
  await once(server, 'listening')
  const upload = await store.signUpload('a', { ...plain, driver: 'local' })
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}${targetOf(upload)}`
  const answer = await fetch(url, { method: 'PUT', headers: { 'content-type': 'text/plain' }, body: 'x' })
  expect(answer.status).toBe(500)
  expect(failures).toEqual([expect.stringContaining('before the body parsers')])
  expect(await store.exists('local:a')).toBe(false)
})

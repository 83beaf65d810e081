import { connect, type Socket } from 'node:net'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { onEnd } from '../../store/support.js'
import { isMulter, type Service, services, startService } from '../advisories/services.js'
import { boundary, filePart, form, formType, partBytes, valuePart } from '../form.js'
import type { ListeningServer } from '../listen.js'
import { until } from '../robustness/until.js'
import { clientOf } from '../support.js'
import { folders, openWorld, type World } from '../world.js'
import { keysOf } from './support.js'

const MIB = 1024 * 1024
const part = (head: string) => Buffer.from(`--${boundary}\r\nContent-Disposition: form-data; ${head}`)
const stored = partBytes(filePart('file', 'first.txt', 'the first one'))
const many = (count: number, make: (index: number) => Parameters<typeof partBytes>[0]) =>
  Buffer.concat(Array.from({ length: count }, (_, index) => partBytes(make(index))))

/** What is more than any client needs: the beginning of a body, and how it would go on. */
const bodies = [
  ['a header field of 2 MB', 400, part(`name="a"\r\nX-A: ${'x'.repeat(2 * MIB)}`)],
  ['100,000 header fields', 400, part(`name="a"\r\n${'X-A: b\r\n'.repeat(100_000)}`)],
  ['a name of 2 MB', 400, part(`name="${'x'.repeat(2 * MIB)}`)],
  ['a name that is 500,000 levels deep', 400, part(`name="a${'[b]'.repeat(500_000)}`)],
  ['a file name of 2 MB', 400, part(`name="a"; filename="${'../'.repeat(700_000)}`)],
  ['100,000 parameters', 400, part(`name="a"${'; a="b"'.repeat(100_000)}`)],
  ['2 MB of blanks behind a boundary', 400, Buffer.from(`--${boundary}${' '.repeat(2 * MIB)}`)],
  ['a value of 2 MB', 413, Buffer.concat([part('name="a"\r\n\r\n'), Buffer.alloc(2 * MIB, 'x')])],
  ['10,000 fields', 413, many(10_000, (i) => valuePart(`f${i}`, 'x'))],
  ['10,000 fields of one name', 413, many(10_000, () => valuePart('f', 'x'))],
  ['10,000 files', 413, many(10_000, (i) => filePart(`f${i}`, 'a.txt', ''))],
  ['10,000 inputs without a file', 413, many(10_000, () => filePart('file', '', ''))],
] as const

describe.each(services)('forms beyond measure, to %s', (service: Service) => {
  let world: World
  let listening: ListeningServer
  beforeAll(async () => {
    world = await openWorld()
    listening = await startService(service, world, async () => {})
  })
  afterAll(async () => {
    await listening.stop()
    await world.close()
  })

  /** A connection on which a form of unknown length is sent, piece by piece. */
  function begin() {
    const socket = connect(listening.port, '127.0.0.1')
    onEnd(() => socket.destroy())
    socket.on('error', () => {})
    let text = ''
    socket.on('data', (chunk) => {
      text += chunk
    })
    const head = ['POST /upload HTTP/1.1', 'Host: x', `Content-Type: ${formType}`, `X-Folder: ${folders.local}`]
    socket.write([...head, 'Transfer-Encoding: chunked', '', ''].join('\r\n'))
    return { socket, status: () => /^HTTP\/1\.1 (\d{3}) /.exec(text)?.[1] }
  }

  /** Resolves when the kernel has taken it. */
  const send = (socket: Socket, bytes: Uint8Array) =>
    new Promise<void>((resolve) => {
      socket.write(`${bytes.byteLength.toString(16)}\r\n`)
      socket.write(bytes)
      socket.write('\r\n', () => resolve())
    })

  test.each(bodies)('%s: %i, without waiting for the end', async (_, status, body) => {
    const { socket, status: answered } = begin()
    await send(socket, stored)
    await send(socket, body)
    // multer reads a request to its end before it says anything.
    if (isMulter(service)) socket.write('0\r\n\r\n')
    await until(() => answered() !== undefined, 'answer')
    if (isMulter(service)) expect(['400', '413', '500']).toContain(answered())
    else expect(answered()).toBe(String(status))
    await until(async () => (await keysOf(world.store)).length === 0, 'undoing')
    const { ask } = clientOf(listening.port)
    const headers = { 'content-type': formType, 'x-folder': folders.local }
    const next = form(filePart('file', 'next.txt', 'next'))
    const answer = await ask({ method: 'POST', target: '/upload', headers, body: next })
    expect(answer.status).toBe(201)
    await world.store.delete(JSON.parse(answer.body.toString()).files[0].path)
  })

  test('a header without an end takes no memory, however long it goes on', async () => {
    const { socket } = begin()
    await send(socket, part('name="a"\r\nX-A: '))
    const piece = Buffer.alloc(MIB / 4, 'x')
    const before = process.memoryUsage().arrayBuffers
    let most = 0
    for (let sent = 0; sent < 60 * MIB; sent += piece.byteLength) {
      await send(socket, piece)
      most = Math.max(most, process.memoryUsage().arrayBuffers - before)
    }
    // Of that more than half is what was let go of and not collected yet.
    expect(most).toBeLessThan(44 * MIB)
  })

  test('a form that comes byte by byte is read as any other', async () => {
    const { socket, status } = begin()
    const body = form(valuePart('title', 'Grüße'), filePart('file', 'slow.txt', 'x'.repeat(2000)))
    for (const byte of body) socket.write(`1\r\n${String.fromCharCode(byte)}\r\n`, 'latin1')
    socket.write('0\r\n\r\n')
    await until(() => status() === '201', 'status 201')
    const [key = ''] = await keysOf(world.store)
    expect(await (await world.store.get(key)).text()).toBe('x'.repeat(2000))
    await world.store.delete(key)
  })
})

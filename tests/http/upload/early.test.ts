import { connect } from 'node:net'
import { describe, expect, test } from 'vitest'
import { createTestStore } from '../../../src/testing/index.js'
import { onEnd } from '../../store/support.js'
import { settled, until } from '../robustness/until.js'
import { adapters } from '../servers.js'
import { file, form } from './case.js'
import { FORM, keysOf, serveUploads } from './support.js'

const MIB = 1024 * 1024

describe.each(adapters)('an answer while the client still sends, on %s (137)', (adapter) => {
  const limits = { fileSize: MIB }
  const large = form(file('large.bin', Buffer.alloc(40 * MIB), 'application/octet-stream'))

  test('is read by fetch', async () => {
    const { store } = createTestStore()
    const { server } = await serveUploads(adapter, store, { limits })
    const init = { method: 'POST', body: large, headers: { 'content-type': FORM } }
    const answer = await fetch(`${server.url}/upload`, init)
    expect([answer.status, await answer.json()]).toEqual([413, expect.objectContaining({ code: 'TOO_LARGE' })])
    expect(await keysOf(store)).toEqual([])
  })

  test('is read by a client that reads once it has sent all, and the connection goes on', async () => {
    const { store } = createTestStore()
    const { server, client } = await serveUploads(adapter, store, { limits })
    const socket = connect(server.port, '127.0.0.1')
    onEnd(() => socket.destroy())
    const failures: Error[] = []
    socket.on('error', (error) => failures.push(error))
    socket.pause()
    // Its length is not told in front, so that it is not refused by that.
    const head = `POST /upload HTTP/1.1\r\nHost: x\r\nContent-Type: ${FORM}\r\nTransfer-Encoding: chunked\r\n\r\n`
    socket.write(head)
    socket.write(`${large.byteLength.toString(16)}\r\n`)
    const sent = new Promise<void>((resolve) => {
      socket.write(large)
      socket.write('\r\n0\r\n\r\n', () => resolve())
    })
    await sent
    const chunks: Buffer[] = []
    socket.on('data', (chunk) => chunks.push(chunk))
    socket.resume()
    const text = () => Buffer.concat(chunks).toString('latin1')
    await until(() => text().includes('TOO_LARGE'), 'answer')
    expect(text()).toMatch(/^HTTP\/1\.1 413 /)
    expect(failures).toEqual([])
    expect((await client.ask({ target: '/list' })).status).toBe(200)
  })

  test('by bytes behind the last boundary that are too many, whatever length was told', async () => {
    const { store } = createTestStore()
    const { server, ask } = await serveUploads(adapter, store, { limits: { totalSize: 10_000 } })
    const chunks = [form(file('a.txt')), ...Array.from({ length: 20 }, () => Buffer.alloc(1000))]
    const answer = await ask({
      method: 'POST',
      target: `${server.base}/upload`,
      headers: { 'content-type': FORM },
      chunks,
    })
    expect(answer.status).toBe(413)
    expect(await keysOf(store)).toEqual([])
  })

  test('by a length that is too large, before anything is sent', async () => {
    const { store } = createTestStore()
    const { server } = await serveUploads(adapter, store, { limits: { ...limits, totalSize: 10 * MIB } })
    const socket = connect(server.port, '127.0.0.1')
    onEnd(() => socket.destroy())
    let text = ''
    socket.on('data', (chunk) => {
      text += chunk
    })
    socket.write(`POST /upload HTTP/1.1\r\nHost: x\r\nContent-Type: ${FORM}\r\nContent-Length: ${11 * MIB}\r\n\r\n`)
    await until(() => text.includes('TOO_LARGE'), 'answer')
  })
})

describe('a store that takes its time', () => {
  test.each(adapters)('holds the client back on %s (135)', async (adapter) => {
    const { store, s3 } = createTestStore()
    let release = () => {}
    const held = new Promise<void>((resolve) => {
      release = resolve
    })
    const put = s3.put.bind(s3)
    s3.put = async (key, body, options) => {
      const slow = (async function* () {
        let first = true
        for await (const chunk of body as AsyncIterable<Uint8Array>) {
          yield chunk
          if (first) await held
          first = false
        }
      })()
      return put(key, slow, options)
    }
    const { server } = await serveUploads(adapter, store)
    const socket = connect(server.port, '127.0.0.1')
    onEnd(() => socket.destroy())
    let text = ''
    socket.on('data', (chunk) => {
      text += chunk
    })
    const body = form(file('large.bin', Buffer.alloc(64 * MIB), 'application/octet-stream'))
    socket.write(
      `POST /upload HTTP/1.1\r\nHost: x\r\nContent-Type: ${FORM}\r\nContent-Length: ${body.byteLength}\r\n\r\n`,
    )
    let sent = 0
    const send = (at: number) => {
      if (at >= body.byteLength) return
      socket.write(body.subarray(at, at + MIB), () => {
        sent = at + MIB
        send(at + MIB)
      })
    }
    send(0)
    // What the kernel and a few buffers take; then nothing moves any more.
    let before = -1
    await until(async () => {
      const still = sent > 0 && sent === before
      before = sent
      await new Promise((resolve) => setTimeout(resolve, 200))
      return still
    }, 'standstill')
    expect(sent).toBeLessThan(24 * MIB)
    release()
    await until(() => text.startsWith('HTTP/1.1 201'), 'answer', 20_000)
    await settled(() => (sent < body.byteLength ? ['bytes unsent'] : []))
  })
})

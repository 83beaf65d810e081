import { once } from 'node:events'
import { createServer, get, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { describe, expect, onTestFinished, test } from 'vitest'
import { lending } from '../../src/adapters/node/lend.js'
import type { PulledSource } from '../../src/driver/index.js'
import { LentBody } from '../../src/http/lent-body.js'
import { pattern } from '../store/pattern.js'
import { until } from './robustness/until.js'

const MIB = 1024 * 1024
const LENGTH = 24 * MIB + 7

/** Fills buffers with a pattern, and remembers in which memory. */
class Source extends Readable implements PulledSource {
  readonly memory = new Set<ArrayBufferLike>()
  #at = 0

  constructor(readonly has = LENGTH) {
    super({ read() {} })
  }

  async readInto(buffer: Uint8Array): Promise<number> {
    await new Promise(setImmediate)
    const length = Math.min(buffer.byteLength, this.has - this.#at)
    if (length > 0) buffer.set(pattern(this.#at, length))
    if (buffer.byteLength > 1) this.memory.add(buffer.buffer)
    this.#at += length
    return length
  }
}

async function bodyOf(source: Source, { length = LENGTH, stallTimeout = 0 } = {}): Promise<LentBody> {
  const body = new LentBody(source, { length, stallTimeout })
  await body.begun()
  return body
}

/** What a client gets who takes nothing until it is told to, so that the connection is full. */
async function sent(answer: (response: ServerResponse) => void): Promise<{ bytes: Buffer; complete: boolean }> {
  const server = createServer((_, response) => {
    response.writeHead(200, { 'content-length': LENGTH })
    answer(response)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  onTestFinished(() => void server.close())
  const request = get({ port: (server.address() as AddressInfo).port, agent: false })
  const [response] = (await once(request, 'response')) as [IncomingMessage]
  const chunks: Buffer[] = []
  try {
    for await (const chunk of response) {
      chunks.push(chunk)
      // Every so often long enough for the server to be far ahead of what the connection takes.
      if (chunks.length % 64 === 0) await new Promise((resolve) => setTimeout(resolve, 5))
    }
  } catch {
    // Cut: `complete` says so.
  }
  return { bytes: Buffer.concat(chunks), complete: response.complete }
}

describe('a body that lends its chunks', () => {
  test('to a response of Node: two buffers, never written over before they are sent, and an end', async () => {
    const source = new Source()
    const body = await bodyOf(source)
    const ended = once(body, 'end')
    const { bytes, complete } = await sent((response) => lending(body).pipe(response))
    expect(complete).toBe(true)
    expect(bytes.equals(pattern(0, LENGTH))).toBe(true)
    // The last one is as short as what is left.
    expect(source.memory.size).toBeLessThanOrEqual(3)
    await ended
    await until(() => source.destroyed && body.destroyed, 'end of the source')
  })

  test('to a response whose write is somebody else’s, who may keep a chunk: memory of its own for each', async () => {
    const source = new Source()
    const body = await bodyOf(source)
    const { bytes } = await sent((response) => {
      const kept: Uint8Array[] = []
      const write = response.write.bind(response) as (chunk: unknown, done?: unknown) => boolean
      response.write = ((chunk: Uint8Array, done?: unknown) => {
        kept.push(chunk)
        if (typeof done === 'function') done()
        return true
      }) as typeof response.write
      const end = response.end.bind(response) as () => ServerResponse
      response.end = (() => {
        for (const chunk of kept) write(chunk)
        return end()
      }) as typeof response.end
      lending(body).pipe(response)
    })
    expect(bytes.equals(pattern(0, LENGTH))).toBe(true)
    expect(source.memory.size).toBeGreaterThan(40)
  })

  test('read as a stream, by whoever keeps all chunks', async () => {
    const chunks = await lending(await bodyOf(new Source())).toArray()
    expect(Buffer.concat(chunks).equals(pattern(0, LENGTH))).toBe(true)
  })

  test('through a pipeline that ends the response itself', async () => {
    const body = await bodyOf(new Source())
    const { bytes } = await sent((response) => void pipeline(lending(body), response))
    expect(bytes.equals(pattern(0, LENGTH))).toBe(true)
  })

  test.each([
    ['fewer', LENGTH - 1],
    ['more', LENGTH + 1],
  ])('of a source that has %s bytes than were announced: it fails, and nothing is complete', async (_, has) => {
    const source = new Source(has)
    const body = await bodyOf(source)
    const failed = once(body, 'error')
    const { complete } = await sent((response) => {
      body.on('error', () => response.destroy())
      lending(body).pipe(response)
    })
    expect(complete).toBe(false)
    expect((await failed)[0]).toMatchObject({ code: 'CORRUPT' })
    expect(source.destroyed).toBe(true)
  })

  test('of a source that fails at once: the same failure, and no unheard event', async () => {
    const source = new Source()
    source.readInto = () => Promise.reject(new Error('broken'))
    await expect(bodyOf(source)).rejects.toMatchObject({ code: 'INTERNAL' })
    expect(source.destroyed).toBe(true)
  })

  test('given up after its first bytes were read: nothing of it is lent any more', async () => {
    const body = await bodyOf(new Source())
    body.destroy()
    await expect(body.lend()).rejects.toMatchObject({ code: 'CORRUPT' })
  })

  test('to a client that takes nothing: it is given up after the timeout, and the source with it', async () => {
    const source = new Source()
    const body = await bodyOf(source, { stallTimeout: 50 })
    await body.lend()
    const [error] = await once(body, 'error')
    expect(error).toMatchObject({ code: 'ABORTED' })
    expect(source.destroyed).toBe(true)
  })
})

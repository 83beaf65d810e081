import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { blobHref } from '../../../src/http/index.js'
import { pattern } from '../../store/pattern.js'
import { adapters, type DeliveryServer, startDelivery } from '../servers.js'
import { type Backend, fsBackend } from './backends.js'
import { RawClient } from './clients.js'
import { settled, until } from './until.js'

const MIB = 1024 * 1024
const small = pattern(0, 1000)
const large = pattern(7, 32 * MIB)

describe.each(adapters)('on %s', (adapter) => {
  let backend: Backend
  let server: DeliveryServer
  let paths: { readonly small: string; readonly large: string }
  beforeAll(async () => {
    backend = await fsBackend()
    const put = async (key: string, bytes: Buffer) => blobHref('/content', (await backend.store.put(key, bytes)).path)
    paths = { small: await put('small', small), large: await put('large', large) }
    server = await startDelivery(adapter, backend.store)
  })
  afterAll(async () => {
    await server.stop()
    await backend.stop()
  })
  const get = (path: string, ...headers: string[]) => [`GET ${path} HTTP/1.1`, 'Host: localhost', ...headers]

  test('a client of HTTP/1.0 gets the bytes and the end of the connection', async () => {
    for (const [path, bytes] of [
      [paths.small, small],
      [paths.large, large],
    ] as const) {
      const client = await RawClient.open(server.port)
      client.send([`GET ${path} HTTP/1.0`, 'Host: localhost'])
      const [{ status, headers, body } = missing()] = split(await client.closed())
      expect(status).toBe(200)
      expect(headers['content-length']).toBe(String(bytes.byteLength))
      expect(headers['transfer-encoding']).toBeUndefined()
      expect(body.equals(bytes)).toBe(true)
    }
  })

  test('requests that come all at once on one connection are answered in their order', async () => {
    const client = await RawClient.open(server.port)
    client.send(
      get(paths.small),
      get(paths.large, 'Range: bytes=1000-20000000'),
      get(paths.small, 'Range: bytes=5000-'),
      ['HEAD /content/nothing HTTP/1.1', 'Host: localhost'],
      get(paths.small, 'Range: bytes=0-9', 'Connection: close'),
    )
    const answers = split(await client.closed(), [3])
    expect(answers.map(({ status }) => status)).toEqual([200, 206, 416, 404, 206])
    const [whole, range, , , last] = answers
    expect(whole?.body.equals(small)).toBe(true)
    expect(range?.body.equals(large.subarray(1000, 20_000_001))).toBe(true)
    expect(last?.body.equals(small.subarray(0, 10))).toBe(true)
    await settled(backend.held)
  })

  test('a connection that is cut releases the requests that wait on it, too', async () => {
    // Hono's server does not tell of those that wait; they are stalled.
    const impatient = await startDelivery(adapter, backend.store, { stallTimeout: adapter === 'web' ? 500 : 0 })
    backend.watch.reset()
    const client = await RawClient.open(impatient.port, false)
    client.send(get(paths.large), get(paths.large), get(paths.large))
    await until(() => backend.watch.signals.length === 3, 'get of each request')
    client.socket.destroy()
    await settled(backend.held)
    await impatient.stop()
  })
})

interface Answer {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  readonly body: Buffer
}

/** The answers in what a connection sent, each with a length; those of `heads` have no body. */
function split(bytes: Buffer, heads: readonly number[] = []): Answer[] {
  const answers: Answer[] = []
  for (let at = 0; at < bytes.byteLength; ) {
    const end = bytes.indexOf('\r\n\r\n', at)
    const [first = '', ...lines] = bytes.toString('latin1', at, end).split('\r\n')
    const headers = Object.fromEntries(
      lines.map((line) => [line.split(':', 1)[0]?.toLowerCase(), line.slice(line.indexOf(':') + 1).trim()]),
    )
    const length = heads.includes(answers.length) ? 0 : Number(headers['content-length'])
    answers.push({ status: Number(first.split(' ')[1]), headers, body: bytes.subarray(end + 4, end + 4 + length) })
    at = end + 4 + length
  }
  return answers
}

function missing(): never {
  throw new Error('no answer')
}

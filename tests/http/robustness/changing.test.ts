import { appendFile, rename, rm, truncate, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest'
import { blobHref } from '../../../src/http/index.js'
import { pattern } from '../../store/pattern.js'
import { adapters, type DeliveryServer, startDelivery } from '../servers.js'
import { type Backend, fsBackend, s3Backend } from './backends.js'
import { Exchange, type Received } from './clients.js'
import { settled } from './until.js'

const MIB = 1024 * 1024
/** More than the sockets between server and client hold. */
const SIZE = 16 * MIB
const first = pattern(0, SIZE)
const second = pattern(500_000, SIZE)

type Change = (backend: Backend, key: string) => Promise<unknown>
const byPut: Change = ({ store }, key) => store.put(key, second)
const byDelete: Change = ({ store }, key) => store.delete(`${driverOf(store)}:${key}`)
const file = ({ root }: Backend, key: string) => join(root, key)
const byTruncation: Change = (backend, key) => truncate(file(backend, key), 2 * MIB)
const byRename: Change = async (backend, key) => {
  await writeFile(`${file(backend, key)}.new`, second)
  await rename(`${file(backend, key)}.new`, file(backend, key))
}

/** What happens to the blob, and whether the version that is being sent is still there for its reader. */
const changes: Readonly<Record<'fs' | 's3', readonly (readonly [string, Change, 'whole' | 'cut'])[]>> = {
  fs: [
    ['truncated', byTruncation, 'cut'],
    ['appended to', (backend, key) => appendFile(file(backend, key), second), 'whole'],
    ['replaced by a rename', byRename, 'whole'],
    ['replaced by a put', byPut, 'whole'],
    ['removed', (backend, key) => rm(file(backend, key)), 'whole'],
    ['deleted', byDelete, 'whole'],
  ],
  s3: [
    ['replaced by a put', byPut, 'whole'],
    ['deleted', byDelete, 'whole'],
  ],
}

describe.each(['fs', 's3'] as const)('a blob on %s that changes while it is sent', (name) => {
  let backend: Backend
  let server: DeliveryServer
  let number = 0
  beforeAll(async () => {
    backend = name === 'fs' ? await fsBackend() : await s3Backend(inject('s3'))
  })
  afterAll(() => backend.stop())

  describe.each(adapters)('on %s', (adapter) => {
    beforeAll(async () => {
      server = await startDelivery(adapter, backend.store, { mount: 'middleware' })
    })
    afterAll(() => server.stop())

    /** Changes the blob when the client has read 1 MiB; answers what it got. Nobody may leave it waiting. */
    async function sent(change: Change, range?: string): Promise<Received> {
      const key = `blob-${number++}`
      const { path } = await backend.store.put(key, first)
      const headers: Record<string, string> = range === undefined ? {} : { range }
      const client = new Exchange(blobHref(`${server.url}/content`, path), { headers })
      await client.take(MIB)
      await change(backend, key)
      const received = await client.rest()
      expect(received.silence).toBeLessThan(1000)
      await settled(backend.held)
      await backend.store.delete(path)
      return received
    }

    test.each(changes[name])('%s: one version or none', async (_, change, expected) => {
      const received = await sent(change)
      expect(received.headers['content-length']).toBe(String(SIZE))
      expect(received.body.equals(first.subarray(0, received.body.byteLength))).toBe(true)
      // S3 may cut the connection of whoever reads what is deleted.
      if (name === 'fs') expect(received.complete).toBe(expected === 'whole')
      if (received.complete) expect(received.body.byteLength).toBe(SIZE)
    })

    test('a range of it is one of one version', async () => {
      const [start, end] = [1000, SIZE - 1001]
      for (const change of name === 's3' ? [byPut] : [byPut, byTruncation]) {
        const received = await sent(change, `bytes=${start}-${end}`)
        expect(received).toMatchObject({ status: 206 })
        expect(received.body.equals(first.subarray(start, start + received.body.byteLength))).toBe(true)
        if (received.complete) expect(received.body.byteLength).toBe(end - start + 1)
      }
    })

    test('parts are of one version, or the connection is cut', async () => {
      const spans = [
        [0, 12 * MIB - 1],
        [14 * MIB, SIZE - 1],
      ] as const
      for (const change of name === 's3' ? [byPut] : [byPut, byRename, byDelete]) {
        const received = await sent(change, `bytes=${spans.map((span) => span.join('-')).join(',')}`)
        const boundary = /boundary=(\S+)/.exec(received.headers['content-type'] ?? '')?.[1]
        const parts = spans.map(([start, end], i) => [
          Buffer.from(`${i === 0 ? '' : '\r\n'}--${boundary}\r\nContent-Type: application/octet-stream\r\n`),
          Buffer.from(`Content-Range: bytes ${start}-${end}/${SIZE}\r\n\r\n`),
          first.subarray(start, end + 1),
        ])
        const whole = Buffer.concat([...parts.flat(), Buffer.from(`\r\n--${boundary}--\r\n`)])
        expect(received.body.equals(whole.subarray(0, received.body.byteLength))).toBe(true)
        // The second part is opened when the first one has been sent: then it is known that the version has gone.
        expect(received.complete).toBe(false)
      }
    })
  })
})

function driverOf(store: Backend['store']): string {
  return store.hasDriver('s3') ? 's3' : 'local'
}

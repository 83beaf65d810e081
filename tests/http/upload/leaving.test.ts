import { connect } from 'node:net'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import type { BlobBody, PutOptions } from '../../../src/driver/index.js'
import { MemoryDriver } from '../../../src/drivers/memory/index.js'
import type { BlobStore, FailedRequest } from '../../../src/http/index.js'
import { HybridStore, StorageError } from '../../../src/index.js'
import { diskLeaks } from '../../conformance/leaks.js'
import { onEnd } from '../../store/support.js'
import { settled, until } from '../robustness/until.js'
import { adapters } from '../servers.js'
import { backends, folders, openWorld, realS3, type World } from '../world.js'
import { BOUNDARY, file } from './case.js'
import { FORM, key, keysOf, serveUploads } from './support.js'

const MIB = 1024 * 1024
const begin = Buffer.concat([Buffer.from(`--${BOUNDARY}\r\n`), file('a.bin', '', 'application/octet-stream')])

/** A connection that sends a request as far as the test likes. */
function client(port: number, folder: string, fields: readonly string[]) {
  const socket = connect(port, '127.0.0.1')
  socket.on('error', () => {})
  onEnd(() => socket.destroy())
  const chunks: Buffer[] = []
  socket.on('data', (chunk) => chunks.push(chunk))
  const head = ['POST /upload HTTP/1.1', 'Host: localhost', `Content-Type: ${FORM}`, `X-Folder: ${folder}`, ...fields]
  socket.write(`${head.join('\r\n')}\r\n\r\n`)
  const status = () => /^HTTP\/1\.1 (\d{3}) /.exec(Buffer.concat(chunks).toString('latin1'))?.[1]
  return { socket, status }
}

/** Publishes what it takes, and answers when it is released; a caller who has given up by then hears nothing of it. */
class SlowToAnswer extends MemoryDriver {
  #tell = () => {}
  release = () => {}
  readonly published = new Promise<void>((resolve) => {
    this.#tell = resolve
  })
  readonly #released = new Promise<void>((resolve) => {
    this.release = resolve
  })

  override async put(key: string, body: BlobBody, options: PutOptions = {}) {
    const info = await super.put(key, body, { ...options, signal: undefined })
    this.#tell()
    await this.#released
    if (options.signal?.aborted) throw new StorageError('ABORTED', 'Given up.', { outcome: 'unknown' })
    return info
  }
}

describe.each(adapters)('clients that leave, on %s', (adapter) => {
  let world: World
  let running = 0
  const failures: FailedRequest[] = []
  beforeAll(async () => {
    world = await openWorld()
  })
  afterAll(() => world.close())
  afterEach(async () => {
    await settled(() => (running > 0 ? [`${running} key functions`] : []))
    await settled(() => keysOf(world.store))
    await settled(() => diskLeaks(world.root, ''))
    await world.bucket.assertNoOpenUploads()
    expect(failures.map(({ error }) => error)).toEqual([])
  })

  /** Serves; `arrived` are the bytes that the application has taken. */
  async function started(options: Parameters<typeof serveUploads>[2] = {}, store: BlobStore = world.store) {
    let arrived = 0
    const { server } = await serveUploads(adapter, store, {
      key,
      onProgress: ({ bytes }) => {
        arrived = bytes
      },
      onError: (failed) => failures.push(failed),
      ...options,
    })
    const connections = async () => {
      const count = await new Promise<number>((resolve) => server.server.getConnections((_, n) => resolve(n)))
      return count > 0 ? [`${count} connections`] : []
    }
    return { port: server.port, connections, arrived: () => arrived }
  }

  describe.each(backends)('with a file for %s', (backend) => {
    const folder = folders[backend]
    const here = test.skipIf(backend === 's3' && !realS3)

    here('in the middle of the file (119)', async () => {
      const { port, connections, arrived } = await started()
      const { socket } = client(port, folder, [`Content-Length: ${64 * MIB}`])
      socket.write(begin)
      // More than one part of a multipart upload.
      for (let i = 0; i < 20; i++) socket.write(Buffer.alloc(MIB, i))
      await until(() => arrived() > 18 * MIB, 'bytes')
      socket.destroy()
      await settled(connections)
    })

    here('while the key is looked up (120)', async () => {
      let release = () => {}
      const held = new Promise<void>((resolve) => {
        release = resolve
      })
      const slow: typeof key = (input) => key(input)
      const { port, connections } = await started({
        key: async (input) => {
          running++
          await held
          running--
          return slow(input)
        },
      })
      const { socket } = client(port, folder, ['Content-Length: 10000'])
      socket.write(Buffer.concat([begin, Buffer.alloc(5000)]))
      await until(() => running === 1, 'key function')
      socket.destroy()
      await settled(connections)
      release()
    })

    here('after less than was announced: an end in the middle (121)', async () => {
      const { port, connections, arrived } = await started()
      const { socket, status } = client(port, folder, ['Content-Length: 10000'])
      socket.write(Buffer.concat([begin, Buffer.alloc(5000)]))
      await until(() => arrived() > 5000, 'bytes')
      socket.end()
      await settled(connections)
      expect([undefined, '400']).toContain(status())
    })

    here('without the last chunk (121)', async () => {
      const { port, connections, arrived } = await started()
      const { socket, status } = client(port, folder, ['Transfer-Encoding: chunked'])
      const body = Buffer.concat([begin, Buffer.from(`content\r\n--${BOUNDARY}--\r\n`)])
      socket.write(Buffer.concat([Buffer.from(`${body.byteLength.toString(16)}\r\n`), body, Buffer.from('\r\n')]))
      await until(() => arrived() === body.byteLength, 'body')
      socket.end()
      await settled(connections)
      expect([undefined, '400']).toContain(status())
    })
  })

  test('during a put that may take effect: it may end, and is undone', async () => {
    const slow = new SlowToAnswer()
    const store = new HybridStore({ drivers: { slow }, logger: false })
    onEnd(() => store.close())
    const { port, connections } = await started({}, store)
    const { socket } = client(port, folders.local, ['Transfer-Encoding: chunked'])
    const body = Buffer.concat([begin, Buffer.from(`content\r\n--${BOUNDARY}--\r\n`)])
    socket.write(Buffer.concat([Buffer.from(`${body.byteLength.toString(16)}\r\n`), body, Buffer.from('\r\n')]))
    await slow.published
    socket.destroy()
    await settled(connections)
    expect(await keysOf(store)).not.toEqual([])
    slow.release()
    await settled(() => keysOf(store))
  })

  test('clients that fall silent are told so, and cut off', async () => {
    const { port } = await started({ limits: { idle: 50 } })
    const { socket, status } = client(port, folders.local, ['Content-Length: 10000'])
    socket.write(Buffer.concat([begin, Buffer.alloc(5000)]))
    await until(() => status() === '408', 'status 408')
  })
})

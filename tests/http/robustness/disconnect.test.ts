import { afterAll, afterEach, beforeAll, describe, expect, inject, test } from 'vitest'
import { blobHref, type FailedRequest } from '../../../src/http/index.js'
import { pattern } from '../../store/pattern.js'
import { adapters, type DeliveryServer, startDelivery } from '../servers.js'
import { type Backend, fsBackend, s3Backend } from './backends.js'
import { compresses, Exchange } from './clients.js'
import { settled, until } from './until.js'

const MIB = 1024 * 1024
const CLIENTS = 30
const backends = {
  fs: fsBackend,
  s3: () => s3Backend(inject('s3')),
}

describe.each(['fs', 's3'] as const)('clients that leave, with blobs on %s', (name) => {
  let backend: Backend
  let path: string
  const failures: FailedRequest[] = []
  let server: DeliveryServer | undefined
  beforeAll(async () => {
    backend = await backends[name]()
    const contentType = 'text/plain'
    path = (await backend.store.put('film.txt', pattern(0, 32 * MIB), { contentType })).path
  })
  afterAll(() => backend.stop())
  afterEach(async () => {
    backend.watch.release()
    await server?.stop()
    backend.watch.reset()
    failures.length = 0
  })

  /** 30 requests that have reached the driver. */
  async function clients(headers: Record<string, string> = {}): Promise<Exchange[]> {
    const url = blobHref(`${server?.url}/content`, path)
    const all = Array.from({ length: CLIENTS }, () => new Exchange(url, { headers }))
    await until(() => backend.watch.signals.length >= CLIENTS, 'get of each client')
    return all
  }

  async function everythingIsBack(): Promise<void> {
    await settled(async () => {
      const connections = await new Promise<number>((resolve) =>
        server?.server.getConnections((_, count) => resolve(count)),
      )
      return [...(await backend.held()), ...(connections > 0 ? [`${connections} connections`] : [])]
    })
    expect(backend.watch.signals.filter((signal) => !signal?.aborted)).toEqual([])
    expect(failures.map(({ error }) => error)).toEqual([])
  }

  describe.each(adapters)('on %s', (adapter) => {
    const start = async (mount: 'plain' | 'middleware', cacheControl?: string) => {
      const onError = (failed: FailedRequest) => failures.push(failed)
      server = await startDelivery(adapter, backend.store, { mount, cacheControl, onError })
    }

    test.each(['listening', 'deaf'] as const)('while a driver that is %s to the signal opens', async (how) => {
      await start('plain')
      backend.watch.hold(how)
      for (const client of await clients()) client.leave()
      await until(() => backend.watch.signals.every((signal) => signal?.aborted), 'signal for each')
      backend.watch.release()
      // What the deaf one opens in spite of that takes as long as it takes.
      await until(() => backend.watch.opening === 0, 'answer to each')
      await everythingIsBack()
    })

    test('before the first byte', async () => {
      await start('middleware')
      for (const client of await clients()) client.leave()
      await everythingIsBack()
    })

    const compressed = ['compressed', 'middleware', { 'accept-encoding': 'gzip' }] as const
    test.each([
      ['as it is', 'plain', {}],
      ['in parts', 'plain', { range: 'bytes=0-3000000,4000000-30000000' }],
      ...(compresses(adapter) ? [compressed] : []),
    ] as const)('after 1 MiB of a blob that is sent %s', async (_, mount, headers) => {
      await start(mount, 'private')
      const all = await clients(headers)
      const encoded = 'accept-encoding' in headers
      await Promise.all(all.map((client) => client.take(encoded ? 1 : MIB)))
      const { headers: answered } = await (all[0] as Exchange).answered
      expect(answered['content-encoding']).toBe(encoded ? 'gzip' : undefined)
      expect(await backend.held()).not.toEqual([])
      for (const client of all) client.leave()
      await everythingIsBack()
    })
  })
})

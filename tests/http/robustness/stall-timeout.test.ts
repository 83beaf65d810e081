import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest'
import { blobHref, type FailedRequest } from '../../../src/http/index.js'
import { pattern } from '../../store/pattern.js'
import { adapters, startDelivery } from '../servers.js'
import { type Backend, fsBackend, s3Backend } from './backends.js'
import { ask, Exchange } from './clients.js'
import { settled, until } from './until.js'

const MIB = 1024 * 1024
const SIZE = 32 * MIB

describe.each(['fs', 's3'] as const)('stallTimeout, with blobs on %s', (name) => {
  let backend: Backend
  let path: string
  beforeAll(async () => {
    backend = name === 'fs' ? await fsBackend() : await s3Backend(inject('s3'))
    path = (await backend.store.put('film.bin', pattern(0, SIZE))).path
  })
  afterAll(() => backend.stop())

  test.each(adapters)('on %s cuts off who takes nothing', async (adapter) => {
    const failures: FailedRequest[] = []
    const onError = (failed: FailedRequest) => failures.push(failed)
    const options = { mount: 'middleware', stallTimeout: 500, onError } as const
    const server = await startDelivery(adapter, backend.store, options)
    const url = blobHref(`${server.url}/content`, path)
    try {
      const client = new Exchange(url)
      await client.take(MIB)
      expect(await backend.held()).not.toEqual([])
      await settled(backend.held)
      const { complete, body } = await client.rest()
      expect(complete).toBe(false)
      expect(body.equals(pattern(0, body.byteLength))).toBe(true)
      expect(failures).toEqual([])
    } finally {
      await server.stop()
    }
  })

  test('a client that is slow is not one that takes nothing', async () => {
    const stallTimeout = 1000
    const server = await startDelivery('node', backend.store, { stallTimeout })
    const started = performance.now()
    const client = new Exchange(blobHref(`${server.url}/content`, path))
    for (let taken = 0; taken < SIZE; taken += MIB) {
      await client.take(taken)
      await sleep(100)
    }
    expect(await client.rest()).toMatchObject({ complete: true })
    expect(performance.now() - started).toBeGreaterThan(3 * stallTimeout)
    await server.stop()
  })

  test('0 and Infinity mean for ever', async () => {
    for (const stallTimeout of [0, Number.POSITIVE_INFINITY]) {
      const server = await startDelivery('node', backend.store, { stallTimeout })
      const client = new Exchange(blobHref(`${server.url}/content`, path))
      await client.take(MIB)
      await until(async () => (await backend.held()).length > 0, 'open source')
      expect(await ask(blobHref(`${server.url}/content`, path))).toMatchObject({ status: 200, complete: true })
      const { body, complete } = await client.rest()
      expect({ complete, size: body.byteLength }).toEqual({ complete: true, size: SIZE })
      await server.stop()
    }
  })
})

import { describe, expect, test } from 'vitest'
import { blobHandler, deleteBlob, sendBlob, sendView } from '../../../src/adapters/web/index.js'
import type { FailedRequest } from '../../../src/http/index.js'
import { one, two, twoBlobs } from './applications.js'
import { brokenStore } from './broken-driver.js'
import { settled } from './until.js'

const MIB = 1024 * 1024
const url = 'http://localhost/'

describe('the functions of web', () => {
  test('answer with Responses of their own', async () => {
    const { store, held, ...paths } = await twoBlobs()
    const response = await sendBlob(new Request(url, { headers: { range: 'bytes=1000-2500000' } }), store, paths.one)
    expect(response.status).toBe(206)
    expect(Buffer.from(await response.arrayBuffer()).equals(one.subarray(1000, 2_500_001))).toBe(true)
    const head = await sendBlob(new Request(url, { method: 'HEAD' }), store, paths.one)
    expect([head.headers.get('content-length'), head.body]).toEqual([String(one.byteLength), null])
    expect(await (await sendView(new Request(url), store, paths.two)).json()).toMatchObject({ size: two.byteLength })
    expect((await deleteBlob(new Request(url), store, paths.two)).status).toBe(204)
    expect((await sendBlob(new Request(url), store, paths.two)).status).toBe(404)
    await settled(held)
  })

  test('a body that is given up releases its source, at whichever part of it', async () => {
    const { store, held, watch, ...paths } = await twoBlobs()
    const failures: FailedRequest[] = []
    const onError = (failed: FailedRequest) => failures.push(failed)
    for (const range of ['bytes=0-', 'bytes=0-2000000,2500000-', 'bytes=0-9,2500000-']) {
      for (let chunks = 0; chunks <= 4; chunks++) {
        const response = await sendBlob(new Request(url, { headers: { range } }), store, paths.one, { onError })
        const reader = (response.body as ReadableStream<Uint8Array>).getReader()
        for (let i = 0; i < chunks; i++) await reader.read()
        await reader.cancel(new Error('enough'))
        await settled(held)
      }
    }
    expect(watch.open).toBe(0)
    expect(failures).toEqual([])
  })

  test('a Response that nobody reads releases its source after stallTimeout', async () => {
    const { store, held, ...paths } = await twoBlobs()
    await sendBlob(new Request(url), store, paths.one, { stallTimeout: 200 })
    expect(await held()).not.toEqual([])
    await settled(held)
  })

  test('a signal that is aborted ends the body with an error', async () => {
    const { store, held, ...paths } = await twoBlobs()
    const controller = new AbortController()
    const response = await sendBlob(new Request(url, { signal: controller.signal }), store, paths.one)
    controller.abort()
    await expect(response.arrayBuffer()).rejects.toMatchObject({ code: 'ABORTED' })
    await settled(held)
    expect((await sendBlob(new Request(url, { signal: controller.signal }), store, paths.one)).status).toBe(499)
  })

  test('a source that breaks ends the body with an error, never as if it were whole', async () => {
    for (const source of [
      { size: 4 * MIB, sends: MIB, ends: 'failing' },
      { size: 4 * MIB, sends: MIB },
      { size: 4 * MIB, sends: 5 * MIB },
    ] as const) {
      const { store, open } = brokenStore(source)
      const response = await blobHandler(store, { authorize: () => true })(new Request(`${url}content/third:a`))
      expect(response.status).toBe(200)
      await expect(response.arrayBuffer()).rejects.toMatchObject({ name: 'StorageError' })
      expect(open.size).toBe(0)
    }
  })

  test('header fields that cannot be sent are a 500, not a rejection', async () => {
    const { store, held, ...paths } = await twoBlobs()
    const response = await sendBlob(new Request(url), store, paths.one, { headers: { 'x-name': 'line\nbreak' } })
    expect(response.status).toBe(500)
    await settled(held)
  })
})

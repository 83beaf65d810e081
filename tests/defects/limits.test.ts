import { describe, expect, test, vi } from 'vitest'
import { FsDriver } from '../../src/drivers/fs/index.js'
import { MemoryDriver } from '../../src/drivers/memory/index.js'
import { StorageError } from '../../src/index.js'
import { FaultyDriver } from '../../src/testing/index.js'
import { manual, memoryStore, tempRoot } from '../store/support.js'

const circuit = { s3: 'local', grace: 0, circuit: { probeAfter: 60_000, probeAtMost: 60_000 } } as const

describe('the circuit', () => {
  test('spares the calls after the first that an outage has failed, and reconcile asks at once', async () => {
    const { store, s3 } = await memoryStore({ fallback: circuit })
    s3.outage()
    await store.put('a', 'x')
    s3.calls.length = 0
    await store.put('b', 'x')
    await expect(store.get('s3:c')).rejects.toMatchObject({ code: 'UNAVAILABLE' })
    expect(s3.calls).toEqual([])
    s3.recover()
    expect(await store.reconcile()).toEqual({ moved: 2, failed: [], remaining: 0 })
    expect((await store.status()).drivers.s3.circuit).toBe('closed')
  })

  test('is closed to nobody whom S3 tells to slow down, or has no space for', async () => {
    const { store, s3 } = await memoryStore({ fallback: circuit })
    s3.fail('put', new StorageError('UNAVAILABLE', 'Slow down.', { throttled: true }))
    expect(await store.put('a', 'x')).toMatchObject({ pendingFor: 's3' })
    s3.fail('put', 'NO_SPACE')
    expect(await store.put('b', 'x')).toMatchObject({ pendingFor: 's3' })
    expect((await store.status()).drivers.s3.circuit).toBe('closed')
    expect((await store.put('c', 'x')).pendingFor).toBeUndefined()
  })
})

describe('what may wait', () => {
  test('is so many bytes at most, and any number of deletes', async () => {
    const { store, s3 } = await memoryStore({ fallback: { ...manual, maxBytes: 10 } })
    s3.outage()
    await store.put('a', '0123456789')
    const refused = store.put('b', 'x')
    await expect(refused).rejects.toMatchObject({ code: 'UNAVAILABLE', cause: { errors: [{}, { code: 'NO_SPACE' }] } })
    await store.delete('s3:c')
    await store.delete('s3:a')
    expect(await store.put('b', 'x')).toMatchObject({ pendingFor: 's3' })
  })

  test('leaves so much space free, and any number of deletes fit all the same', async () => {
    const { store, s3 } = await memoryStore({ fallback: { ...manual, minFree: Number.MAX_SAFE_INTEGER } })
    s3.outage()
    const refused = store.put('a', 'x')
    await expect(refused).rejects.toMatchObject({ code: 'UNAVAILABLE', cause: { errors: [{}, { code: 'NO_SPACE' }] } })
    await store.delete('s3:a')
    expect(await store.pending()).toMatchObject([{ key: 'a', operation: 'delete' }])
  })

  test('is refused on a volume that is gone with the machine, where that is asked for', async () => {
    const { promises } = await import('node:fs')
    const statfs = async (path: string) => ({ ...(await promises.statfs(path)), type: 0x01021994 })
    const local = new FsDriver({ root: await tempRoot(), fs: { promises: { ...promises, statfs } } })
    for (const requireDurable of [false, true]) {
      const s3 = new FaultyDriver(new MemoryDriver())
      const { store } = await memoryStore({ drivers: { s3, local }, fallback: { ...manual, requireDurable } })
      s3.outage()
      const put = store.put(`${requireDurable}`, 'x')
      if (requireDurable)
        await expect(put).rejects.toMatchObject({ cause: { errors: [{}, { code: 'CONFIGURATION' }] } })
      else expect(await put).toMatchObject({ pendingFor: 's3' })
    }
  })
})

test('what waits goes to the storage that it was meant for, and to no other of that name', async () => {
  class Named extends MemoryDriver {
    readonly identity: string

    constructor(identity: string) {
      super()
      this.identity = identity
    }
  }
  const { store, s3, root } = await memoryStore({ s3: new FaultyDriver(new Named('one')) })
  s3.outage()
  await store.put('a', 'x')
  await store.close()
  const other = new Named('two')
  const next = await memoryStore({ root, s3: new FaultyDriver(other) })
  const failed = [{ key: 'a', driver: 's3', error: { code: 'CONFIGURATION' } }]
  expect(await next.store.reconcile()).toMatchObject({ moved: 0, failed, remaining: 1 })
  await expect(other.head('a')).rejects.toMatchObject({ code: 'NOT_FOUND' })
})

test('what waits is handed over by itself when S3 is back', async () => {
  const { store, s3 } = await memoryStore({ fallback: manual, reconcile: { interval: 20 } })
  s3.outage()
  await store.put('a', 'x')
  s3.recover()
  await vi.waitFor(async () => expect(await store.pending()).toEqual([]), { timeout: 10_000 })
  expect((await s3.head('a')).size).toBe(1)
})

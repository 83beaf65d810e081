import { promises } from 'node:fs'
import { describe, expect, test } from 'vitest'
import type { StorageError } from '../../src/index.js'
import { ALIASES, signal, texts, waitingOverLocal, world } from './overlap-world.js'

describe('a condition on what waits', () => {
  test('a delete leaves what came after it, and says so', async () => {
    const { store, waiting, remote, local } = await waitingOverLocal()
    local.steps.beforeDelete = () => store.put('a', 'newer', { ack: 'fallback' })
    await expect(store.delete('s3:a', { ifMatch: waiting.etag })).rejects.toMatchObject({ code: 'PRECONDITION_FAILED' })
    expect(await texts(store)).toEqual(['newer', 'newer', 'newer'])
    await store.reconcile()
    expect(await (await remote.get('a')).text()).toBe('newer')
  })

  for (const change of ['put', 'delete'] as const) {
    test(`a ${change} holds for what is handed over in the same moment`, async () => {
      const { store, s3, remote, open } = await world()
      const other = open()
      const judged = signal()
      let handedOver: Promise<unknown> | undefined
      const symlink = async (target: string, path: string) => {
        if (path.includes('/locks/')) {
          judged.give()
          await handedOver
        }
        return promises.symlink(target, path)
      }
      const writer = open({ promises: { ...promises, symlink } })
      s3.outage()
      const { etag } = await store.put('a', 'waits')
      s3.recover()
      let changed: Promise<unknown> | undefined
      remote.steps.beforePut = () => {
        const options = { ifMatch: etag }
        changed = change === 'put' ? writer.store.put('a', 'new', options) : writer.store.delete('s3:a', options)
        return judged.given
      }
      handedOver = other.store.reconcile()
      await handedOver
      await changed
      expect(await store.pending()).toEqual([])
      if (change === 'put') expect(await (await remote.get('a')).text()).toBe('new')
      else await expect(remote.head('a')).rejects.toMatchObject({ code: 'NOT_FOUND' })
    })
  }

  test('a put on it goes when a put to the disk, begun before, has ended', async () => {
    const { store, waiting, local } = await waitingOverLocal()
    local.steps.afterPut = () => store.put('a', 'joined', { ifMatch: waiting.etag })
    await store.put('a', 'on disk', { driver: 'local' })
    expect(await texts(store)).toEqual(['on disk', 'on disk', 'on disk'])
  })
})

describe('a delete with a condition', () => {
  test('takes nothing that came to another driver meanwhile', async () => {
    const { store, remote, s3, local } = await world()
    s3.outage()
    await store.put('a', 'old')
    await store.relocate('s3:a', { to: 'local' })
    s3.recover()
    const { etag } = await store.head('a')
    const put = () => {
      local.steps.beforeDelete = undefined
      remote.steps.beforeDelete = undefined
      return store.put('a', 'new')
    }
    local.steps.beforeDelete = put
    remote.steps.beforeDelete = put
    await expect(store.delete('s3:a', { ifMatch: etag })).rejects.toMatchObject({
      code: 'PRECONDITION_FAILED',
      outcome: 'unchanged',
    })
    expect(await (await store.get('s3:a')).text()).toBe('new')
    expect(await (await remote.get('a')).text()).toBe('new')
  })

  test('takes along what lay on the other driver', async () => {
    const { store, remote } = await world()
    await store.put('a', 'old')
    await store.put('a', 'new', { driver: 'local' })
    await store.delete('a', { ifMatch: (await store.head('a')).etag })
    for (const path of ALIASES) expect(await store.exists(path)).toBe(false)
    expect(await remote.head('a').catch(({ code }: StorageError) => code)).toBe('NOT_FOUND')
  })

  test('takes it along later where that one cannot be asked', async () => {
    const { store, remote, s3 } = await world()
    await store.put('b', 'x', { driver: 'local' })
    await store.relocate('local:b', { to: 's3' })
    await store.put('a', 'old')
    await store.put('a', 'new', { driver: 'local' })
    const { etag } = await store.head('local:a')
    s3.outage()
    await store.delete('local:a', { ifMatch: etag })
    expect(await store.exists('local:a')).toBe(false)
    s3.recover()
    await store.reconcile()
    expect(await remote.head('a').catch(({ code }: StorageError) => code)).toBe('NOT_FOUND')
  })
})

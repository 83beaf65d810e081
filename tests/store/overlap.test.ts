import { promises } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { StorageError } from '../../src/index.js'
import { type Step, signal, texts, world } from './overlap-world.js'
import { pattern } from './support.js'

describe('a change by another process meanwhile', () => {
  test('what waited is handed over while its key is put to the disk: it does not stay on S3', async () => {
    const { store, s3, local, remote, open } = await world()
    const other = open()
    s3.outage()
    await store.put('a', 'waits')
    s3.recover()
    const begun = signal()
    let handedOver: Promise<unknown> | undefined
    let put: Promise<unknown> | undefined
    local.steps.beforePut = () => {
      begun.give()
      return handedOver as Promise<unknown>
    }
    // The other process has the claim by then.
    remote.steps.beforePut = () => {
      put = store.put('a', 'on disk', { driver: 'local' })
      return begun.given
    }
    handedOver = other.store.reconcile()
    await handedOver
    await put
    expect(await texts(store)).toEqual(['on disk', 'on disk', 'on disk'])
    await expect(remote.head('a')).rejects.toMatchObject({ code: 'NOT_FOUND' })
    expect(await store.pending()).toEqual([])
  })

  test('what is put to the disk while an older version is handed over is no older copy of it', async () => {
    const { store, s3, local, remote, open } = await world()
    const other = open()
    s3.outage()
    await store.put('a', 'waits')
    s3.recover()
    const published = signal()
    let handedOver: Promise<unknown> | undefined
    let put: Promise<unknown> | undefined
    local.steps.afterPut = () => {
      published.give()
      return handedOver as Promise<unknown>
    }
    remote.steps.afterPut = () => {
      put = store.put('a', 'on disk', { driver: 'local' })
      return published.given
    }
    handedOver = other.store.reconcile()
    await handedOver
    await put
    expect(await texts(store)).toEqual(['on disk', 'on disk', 'on disk'])
    expect(await store.reconcile()).toMatchObject({ remaining: 0, failed: [] })
    expect(await texts(store)).toEqual(['on disk', 'on disk', 'on disk'])
  })

  test('nor where it was there before, put behind the claim of a third process, and has superseded it since', async () => {
    const { store, s3, local, remote, open } = await world()
    const [second, third] = [open(), open()]
    s3.outage()
    await store.put('a', 'waits')
    s3.recover()
    const [published, goOn] = [signal(), signal()]
    local.steps.afterPut = () => {
      published.give()
      return goOn.given
    }
    let put: Promise<unknown> | undefined
    remote.steps.beforePut = async () => {
      put = store.put('a', 'on disk', { driver: 'local' })
      await published.given
      throw new StorageError('UNAVAILABLE', 'Not now.', { outcome: 'unchanged' })
    }
    expect(await third.store.reconcile()).toMatchObject({ moved: 0, remaining: 1 })
    remote.steps.beforePut = () => {
      goOn.give()
      return put as Promise<unknown>
    }
    await second.store.reconcile()
    await put
    expect(await texts(store)).toEqual(['on disk', 'on disk', 'on disk'])
    expect(await store.reconcile()).toMatchObject({ remaining: 0, failed: [] })
    expect(await texts(store)).toEqual(['on disk', 'on disk', 'on disk'])
  })

  test('nor where a lost request keeps it from S3', async () => {
    const { store, s3, local, open } = await world({ grace: 60_000 })
    const other = open()
    s3.fail('put', 'TIMEOUT', 1, { after: true })
    expect((await store.put('a', 'waits')).pendingFor).toBe('s3')
    local.steps.afterPut = () => other.store.reconcile()
    await store.put('a', 'on disk', { driver: 'local' })
    await other.store.reconcile()
    expect(await texts(store)).toEqual(['on disk', 'on disk', 'on disk'])
  })

  test('what waits is deleted while it is opened: the version before it is not read', async () => {
    const { remote, open, ...one } = await world()
    let meanwhile: Step | undefined
    const opening = async (...args: Parameters<typeof promises.open>) => {
      if (String(args[0]).includes('/bodies/')) {
        const step = meanwhile
        meanwhile = undefined
        await step?.('a')
      }
      return promises.open(...args)
    }
    const other = open({ promises: { ...promises, open: opening } })
    await one.store.put('a', 'old')
    one.s3.outage()
    await one.store.put('a', pattern(0, 100_000))
    meanwhile = async () => {
      await one.store.delete('s3:a')
      await one.store.pending()
    }
    await expect(other.store.get('s3:a')).rejects.toMatchObject({ code: 'NOT_FOUND' })
    expect(await (await remote.get('a')).text()).toBe('old')
  })
})

test('a put to the disk and one that comes meanwhile, waits and is carried out: one of the two is left', async () => {
  const { s3, remote, store: other, open } = await world()
  let locks = 0
  let published = false
  let carriedOut: Promise<unknown> | undefined
  const symlink = async (target: string, path: string) => {
    // The first is to see what waits; a second would put a tombstone in its place.
    if (published && path.includes('/locks/') && ++locks === 1) {
      const arrived = signal()
      remote.steps.afterPut = async () => arrived.give()
      carriedOut = other.reconcile()
      await arrived.given
    }
    return promises.symlink(target, path)
  }
  const writer = open({ promises: { ...promises, symlink } })
  writer.local.steps.afterPut = async () => {
    s3.outage()
    await other.put('a', 'waited')
    s3.recover()
    published = true
  }
  await writer.store.put('a', 'on disk', { driver: 'local' })
  await carriedOut
  await other.reconcile()
  expect(locks).toBeGreaterThan(0)
  expect(await other.pending()).toEqual([])
  expect(await (await other.get('a')).text()).toBe('waited')
})

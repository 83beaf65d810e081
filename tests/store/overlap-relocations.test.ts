import { describe, expect, test } from 'vitest'
import { HybridStore } from '../../src/index.js'
import { texts, world } from './overlap-world.js'
import { manual } from './support.js'

test('a relocation that could not remove the source says that the blob may be on both sides', async () => {
  const { store, s3 } = await world()
  await store.put('a', 'x')
  s3.fail('delete', 'UNAVAILABLE')
  await expect(store.relocate('s3:a', { to: 'local' })).rejects.toMatchObject({
    code: 'UNAVAILABLE',
    outcome: 'unknown',
  })
  expect(await texts(store)).toEqual(['x', 'x', 'x'])
  await store.relocate('s3:a', { to: 'local' })
  expect(await texts(store)).toEqual(['x', 'x', 'x'])
})

describe('a relocation of what waits, and another process', () => {
  test('takes along what that one has put meanwhile', async () => {
    const { s3, open, store } = await world()
    s3.outage()
    await store.put('a', 'old')
    s3.recover()
    const other = open()
    other.local.steps.afterPut = () => store.put('a', 'new')
    await other.store.relocate('s3:a', { to: 'local' })
    for (const one of [store, other.store]) expect(await texts(one)).toEqual(['new', 'new', 'new'])
    await store.reconcile()
    expect(await texts(store)).toEqual(['new', 'new', 'new'])
    expect(await texts(other.store)).toEqual(['new', 'new', 'new'])
  })

  test('gives up while that one is writing it', async () => {
    const { s3, open, store, remote } = await world()
    s3.outage()
    await store.put('a', 'old')
    s3.recover()
    const other = open()
    remote.steps.beforePut = async () => {
      await expect(other.store.relocate('s3:a', { to: 'local' })).rejects.toMatchObject({
        code: 'UNAVAILABLE',
        outcome: 'unchanged',
      })
    }
    await store.put('a', 'new')
    for (const one of [store, other.store]) {
      for (const path of ['s3:a', 'a']) expect(await (await one.get(path)).text()).toBe('new')
      expect(await one.exists('local:a')).toBe(false)
    }
  })

  test('ends where the driver that it waits for is not configured any more', async () => {
    const { s3, store, local } = await world()
    s3.outage()
    await store.put('a', 'old')
    const later = new HybridStore<'s3' | 'local', string>({
      drivers: { s3: undefined, local },
      policy: () => 's3',
      fallback: manual,
      reconcile: false,
      logger: false,
    })
    await later.relocate('s3:a', { to: 'local' })
    expect(await later.pending()).toEqual([])
    expect(await (await later.get('local:a')).text()).toBe('old')
  })
})

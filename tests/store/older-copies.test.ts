import { describe, expect, test } from 'vitest'
import { type HybridStore, StorageError } from '../../src/index.js'
import { ALIASES, waitingOverLocal, world } from './overlap-world.js'

describe('the older copy on the disk goes while the version above it still waits', () => {
  const ends = {
    'a delete': (store: HybridStore<'s3' | 'local', string>) => store.delete('s3:a'),
    'a delete with a condition': async (store: HybridStore<'s3' | 'local', string>) => {
      await store.delete('s3:a', { ifMatch: (await store.head('a')).etag })
    },
    deleteMany: (store: HybridStore<'s3' | 'local', string>) => store.deleteMany(['s3:a']),
    'a move': (store: HybridStore<'s3' | 'local', string>) => store.move('s3:a', 's3:b'),
    'a put that reaches S3': (store: HybridStore<'s3' | 'local', string>) => store.put('a', 'new'),
  }
  for (const [name, end] of Object.entries(ends)) {
    for (const link of ['up', 'down']) {
      if (link === 'down' && name.startsWith('a put')) continue
      test(`${name}, with S3 ${link}`, async () => {
        const { store, s3, local } = await waitingOverLocal()
        if (link === 'down') s3.outage()
        let seen: unknown
        local.steps.beforeDelete = async () => {
          seen = await store.pending()
        }
        await end(store)
        expect(seen).toContainEqual(expect.objectContaining({ key: 'a', operation: 'put' }))
        await expect(local.head('a')).rejects.toMatchObject({ code: 'NOT_FOUND' })
      })
    }
  }
})

describe('and so it does below a version that came while the key is deleted', () => {
  for (const link of ['up', 'down']) {
    test(`with S3 ${link}`, async () => {
      const { store, s3, local, remote } = await world()
      s3.outage()
      await store.put('a', 'waits')
      await store.put('a', 'on disk', { driver: 'local' })
      s3.recover()
      if (link === 'down') await store.reconcile()
      remote.steps.beforeDelete = async () => {
        await store.put('a', 'newer', { ack: 'fallback' })
        if (link === 'down') throw new StorageError('UNAVAILABLE', 'Not now.', { outcome: 'unchanged' })
      }
      let seen: unknown
      local.steps.beforeDelete = async () => {
        seen = await store.pending()
      }
      await store.delete('a')
      expect(seen).toMatchObject([{ key: 'a', operation: 'put' }])
      for (const path of ALIASES) expect(await store.exists(path)).toBe(false)
    })
  }
})

test('below a tombstone the copy on the disk goes only when what was put to S3 can be read', async () => {
  const { store, s3, local } = await world()
  s3.outage()
  await store.put('a', 'waits')
  await store.put('a', 'on disk', { driver: 'local' })
  s3.recover()
  let seen: unknown
  local.steps.beforeDelete = async () => {
    seen = await store.pending()
  }
  await store.put('a', 'new')
  expect(seen).toEqual([])
  await expect(local.head('a')).rejects.toMatchObject({ code: 'NOT_FOUND' })
})

import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { FsDriver } from '../../src/drivers/fs/index.js'
import { MemoryDriver } from '../../src/drivers/memory/index.js'
import { HybridStore } from '../../src/index.js'
import { FaultyDriver, mockDriver } from '../../src/testing/index.js'
import { memoryStore, onEnd, storeOver, tempRoot } from './support.js'

test('a local blob is a plain file, known by where it is and by where it is below the root', async () => {
  const { store, root } = await memoryStore()
  const { path } = await store.put('local/a b/ü?.txt', 'text')
  const found = await store.localFile(path)
  const relative = 'local/a b/ü%3F.txt'
  expect(found).toEqual({ driver: 'local', key: 'local/a b/ü?.txt', file: join(root, relative), relative })
  expect(await readFile(found?.file ?? '', 'utf8')).toBe('text')
  expect(await store.localFile('local/a b/ü?.txt')).toEqual(found)
})

test('a mount outside the root has no place below it, one inside has', async () => {
  const [root, other] = [await tempRoot(), await tempRoot()]
  const mounts = { 'out/': other, 'in/': join(root, '..in') }
  const store = new HybridStore({
    drivers: { disk: new FsDriver({ root, mounts, durability: 'none' }) },
    logger: false,
  })
  onEnd(() => store.close())
  for (const key of ['out/a', 'in/a', '..a']) await store.put(key, key)
  expect(await store.localFile('out/a')).toEqual({ driver: 'disk', key: 'out/a', file: join(other, 'a') })
  expect(await store.localFile('in/a')).toMatchObject({ relative: '..in/a' })
  expect(await store.localFile('..a')).toMatchObject({ file: join(root, '..a'), relative: '..a' })
})

test('what is on S3 or waits is none; S3 is not asked, and its older copy on the disk is not taken for it', async () => {
  const { store, s3, local } = await memoryStore()
  const { path } = await store.put('a', 'new')
  await local.put('a', 'old')
  s3.calls.length = 0
  expect(await store.localFile(path)).toBeUndefined()
  expect(await store.localFile('s3:none')).toBeUndefined()
  expect(await store.localFile('local:a')).toMatchObject({ key: 'a' })
  s3.outage()
  expect(await store.localFile(path)).toBeUndefined()
  const waits = await store.put('w', 'waits')
  expect(waits.pendingFor).toBe('s3')
  for (const one of ['w', 's3:w', 'local:w']) expect(await store.localFile(one)).toBeUndefined()
  expect(s3.calls.filter(({ operation }) => operation !== 'put')).toEqual([])
})

test('it goes with the blob', async () => {
  const { store, s3 } = await memoryStore()
  const { path } = await store.put('local/a', 'x')
  await store.relocate(path, { to: 's3' })
  expect(await store.localFile(path)).toBeUndefined()
  await store.relocate(path, { to: 'local' })
  // On S3 it may be, for all that is known without a request.
  expect(await store.localFile('s3:local/a')).toBeUndefined()
  expect(await store.localFile(path)).toMatchObject({ key: 'local/a' })
  await store.relocate(path, { to: 's3' })
  s3.outage()
  await store.delete(path)
  await expect(store.localFile(path)).rejects.toMatchObject({ code: 'NOT_FOUND', operation: 'localFile' })
  await expect(store.localFile('s3:local/a')).rejects.toMatchObject({ code: 'NOT_FOUND' })
})

test('one that is not there is NOT_FOUND, a failure is told, and so is an abort', async () => {
  const disk = new FaultyDriver(new FsDriver({ root: await tempRoot(), durability: 'none' }))
  const store = new HybridStore({ drivers: { disk, ram: new MemoryDriver() }, logger: false })
  onEnd(() => store.close())
  await expect(store.localFile('disk:none')).rejects.toMatchObject({ code: 'NOT_FOUND' })
  await store.put('a', 'x')
  expect(await store.localFile('a')).toMatchObject({ driver: 'disk', relative: 'a' })
  disk.fail('localPath', 'UNAVAILABLE')
  await expect(store.localFile('disk:a')).rejects.toMatchObject({ code: 'UNAVAILABLE', driver: 'disk' })
  await expect(store.localFile('disk:a', { signal: AbortSignal.abort() })).rejects.toMatchObject({ code: 'ABORTED' })
  await expect(store.localFile('../a')).rejects.toMatchObject({ code: 'INVALID_KEY' })
  expect(await store.localFile('ram:a')).toBeUndefined()
})

test('with S3 switched off its blobs are files', async () => {
  const local = new FsDriver({ root: await tempRoot(), durability: 'none' })
  const store = new HybridStore({ drivers: { s3: undefined, local }, fallback: { s3: 'local' }, logger: false })
  onEnd(() => store.close())
  await local.put('a', 'x')
  expect(await store.localFile('s3:a')).toMatchObject({ driver: 'local', key: 'a', relative: 'a' })
})

test('a driver of your own needs no root', async () => {
  const { store } = await storeOver(mockDriver({ localPath: async (key) => `/nfs/${key}` }))
  expect(await store.localFile('s3:a/b')).toEqual({ driver: 's3', key: 'a/b', file: '/nfs/a/b' })
})

import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { FsDriver } from '../../src/drivers/fs/index.js'
import { MemoryDriver } from '../../src/drivers/memory/index.js'
import { HybridStore, prefixPaths } from '../../src/index.js'
import { FaultyDriver } from '../../src/testing/index.js'
import { manual, memoryStore, onEnd, recordingLogger, tempRoot } from './support.js'

describe('a read', () => {
  test('of an S3 path also looks locally, also while S3 is down', async () => {
    const { store, s3, local } = await memoryStore()
    await local.put('old', 'from before')
    expect(await (await store.get('s3:old')).text()).toBe('from before')
    expect(await store.head('s3:old')).toMatchObject({ driver: 'local', path: 'local:old' })
    expect(await store.locate('s3:old')).toEqual({
      key: 'old',
      driver: 'local',
      path: 'local:old',
      pendingFor: undefined,
    })
    s3.outage()
    expect(await (await store.get('s3:old')).text()).toBe('from before')
  })

  test('of a local path costs S3 no request until something was moved there', async () => {
    const { store, s3, root } = await memoryStore()
    await store.put('local/a', 'a')
    await store.put('local/b', 'b')
    s3.calls.length = 0
    await store.get('local:local/a')
    await expect(store.get('local:none')).rejects.toMatchObject({ code: 'NOT_FOUND' })
    s3.outage()
    await expect(store.get('local:none')).rejects.toMatchObject({ code: 'NOT_FOUND' })
    expect(await store.exists('local:none')).toBe(false)
    expect(s3.calls).toEqual([])
    s3.recover()
    expect(await store.relocate('local:local/a', { to: 's3' })).toEqual({
      key: 'local/a',
      from: 'local',
      to: 's3',
      oldPath: 'local:local/a',
      newPath: 's3:local/a',
    })
    expect(await (await store.get('local:local/a')).text()).toBe('a')
    // The mark is durable: another store over the same folder looks there too.
    const again = await memoryStore({ s3, root })
    expect(await (await again.store.get('local:local/a')).text()).toBe('a')
    s3.outage()
    await expect(again.store.get('local:none')).rejects.toMatchObject({ code: 'UNAVAILABLE' })
    await expect(again.store.exists('local:none')).rejects.toMatchObject({ code: 'UNAVAILABLE' })
  })

  test('says NOT_FOUND only if every place answered', async () => {
    const { store, s3 } = await memoryStore()
    await expect(store.get('s3:none')).rejects.toMatchObject({ code: 'NOT_FOUND', key: 'none' })
    for (const code of ['UNAVAILABLE', 'TIMEOUT', 'ACCESS_DENIED', 'UNAUTHENTICATED'] as const) {
      s3.fail('*', code)
      await expect(store.get('s3:none')).rejects.toMatchObject({ code, driver: 's3' })
      s3.fail('*', code)
      await expect(store.exists('none')).rejects.toMatchObject({ code })
    }
  })

  test('asks the first place once more: a blob that moves from the second to the first is not missed', async () => {
    const far = new MemoryDriver()
    const near = new MemoryDriver()
    const store = new HybridStore({
      drivers: { s3: far, local: near },
      fallback: manual,
      reconcile: false,
      logger: false,
    })
    await near.put('a', 'moves')
    const head = near.head.bind(near)
    near.head = async (key, options) => {
      await far.put('a', 'moves')
      await near.delete('a')
      return head(key, options)
    }
    expect(await store.head('s3:a')).toMatchObject({ driver: 's3' })
  })

  test('conditions, ranges and aborts are answered at once', async () => {
    const { store, s3 } = await memoryStore()
    const { etag } = await store.put('a', 'abc')
    s3.calls.length = 0
    await expect(store.get('s3:a', { ifNoneMatch: etag })).rejects.toMatchObject({ code: 'NOT_MODIFIED' })
    await expect(store.get('s3:a', { ifMatch: 'x' })).rejects.toMatchObject({ code: 'PRECONDITION_FAILED' })
    await expect(store.get('s3:a', { range: { start: 3 } })).rejects.toMatchObject({ code: 'INVALID_RANGE' })
    expect(s3.calls).toHaveLength(3)
    const controller = new AbortController()
    controller.abort(new Error('gone'))
    await expect(store.get('s3:a', { signal: controller.signal })).rejects.toMatchObject({ code: 'ABORTED' })
    expect(s3.calls).toHaveLength(3)
  })

  test('of a waiting blob ends when its signal is aborted', async () => {
    const { store, s3 } = await memoryStore()
    s3.outage()
    await store.put('a', Buffer.alloc(5_000_000))
    const controller = new AbortController()
    const reader = await store.get('s3:a', { signal: controller.signal })
    const reading = (async () => {
      for await (const _ of reader.body) controller.abort()
    })()
    await expect(reading).rejects.toMatchObject({ code: 'ABORTED' })
    const unread = await store.get('s3:a')
    await unread.cancel()
  })

  test('with readThrough off stays where the path says', async () => {
    const { store, local } = await memoryStore({ readThrough: false })
    await local.put('a', 'x')
    await expect(store.get('s3:a')).rejects.toMatchObject({ code: 'NOT_FOUND' })
    expect(await (await store.get('local:a')).text()).toBe('x')
  })
})

describe('a driver that is not configured', () => {
  async function withoutS3(fallback: boolean) {
    const root = await tempRoot()
    const { logger, lines } = recordingLogger()
    const store = new HybridStore<'s3' | 'local', string>({
      drivers: { s3: undefined, local: new FsDriver({ root }) },
      policy: () => 's3',
      fallback: fallback && manual,
      reconcile: false,
      paths: prefixPaths({ s3: ['project_'], local: ['uploads/', 'storage/'] }),
      logger,
    })
    onEnd(() => store.close())
    return { store, root, lines }
  }

  test('its fallback takes what is routed there as its own, and nothing is said but one info line', async () => {
    const { store, lines } = await withoutS3(true)
    expect(store.route({ key: 'a' })).toBe('local')
    const blob = await store.put('project_1/a', 'x')
    expect(blob).toMatchObject({ driver: 'local', path: 'storage/project_1/a' })
    expect(await (await store.get(blob.path)).text()).toBe('x')
    expect(await (await store.get('project_1/a')).text()).toBe('x')
    expect(await store.status()).toMatchObject({ drivers: { s3: { configured: false } }, pending: { count: 0 } })
    expect(lines).toEqual([
      { level: 'info', message: 'S3 is not configured, using local storage', fields: expect.anything() },
    ])
    await store.delete('project_1/a')
    expect(await store.exists('storage/project_1/a')).toBe(false)
  })

  test('without a fallback a put is CONFIGURATION', async () => {
    const { store } = await withoutS3(false)
    await expect(store.put('project_1/a', 'x')).rejects.toMatchObject({ code: 'CONFIGURATION', outcome: 'unchanged' })
  })

  test('a path that names it and is nowhere else is CONFIGURATION, not missing', async () => {
    const { store, root } = await withoutS3(true)
    for (const call of ['get', 'exists', 'delete'] as const) {
      await expect(store[call]('project_1/x')).rejects.toMatchObject({ code: 'CONFIGURATION', driver: 's3' })
    }
    await writeFile(join(root, 'project_1'), 'here all the same')
    expect(await (await store.get('s3:project_1')).text()).toBe('here all the same')
  })
})

describe('one key, one version', () => {
  test('a put to S3 evicts exactly the local copy that was there before', async () => {
    const { store, local } = await memoryStore()
    await local.put('a', 'old')
    await store.put('a', 'new')
    await expect(local.head('a')).rejects.toMatchObject({ code: 'NOT_FOUND' })
    for (const path of ['s3:a', 'a']) expect(await (await store.get(path)).text()).toBe('new')

    // One that came while the put was under way is somebody else's, and stays.
    await local.put('b', 'old')
    let fed = false
    async function* body() {
      await local.put('b', 'newer than the put')
      fed = true
      yield Buffer.from('new')
    }
    await store.put('b', body())
    expect(fed).toBe(true)
    expect(await (await local.get('b')).text()).toBe('newer than the put')
  })

  test('a put to S3 that fails evicts nothing', async () => {
    const { store, s3, local } = await memoryStore()
    await local.put('a', 'old')
    s3.fail('put', 'INTERNAL')
    await expect(store.put('a', 'new')).rejects.toMatchObject({ code: 'INTERNAL' })
    expect(await (await local.get('a')).text()).toBe('old')
  })

  test('a put to local leaves the copy on S3 unless the store is exclusive', async () => {
    const { store, s3 } = await memoryStore()
    await store.put('local/a', 'far', { driver: 's3' })
    s3.calls.length = 0
    await store.put('local/a', 'near')
    expect(s3.calls).toEqual([])
    expect(await (await store.get('s3:local/a')).text()).toBe('far')
    const exclusive = await memoryStore({ exclusive: true })
    await exclusive.store.put('local/a', 'far', { driver: 's3' })
    await exclusive.store.put('local/a', 'near')
    await expect(exclusive.s3.head('local/a')).rejects.toMatchObject({ code: 'NOT_FOUND' })
    expect(await (await exclusive.store.get('s3:local/a')).text()).toBe('near')
  })

  test('conditions are judged by the copy that a read finds', async () => {
    const { store, s3, local } = await memoryStore()
    const old = await local.put('a', 'old')
    await expect(store.put('a', 'x', { ifNoneMatch: '*' })).rejects.toMatchObject({ code: 'ALREADY_EXISTS' })
    await expect(store.put('a', 'x', { ifMatch: 'other' })).rejects.toMatchObject({ code: 'PRECONDITION_FAILED' })
    const blob = await store.put('a', 'new', { ifMatch: old.etag })
    expect(await (await s3.get('a')).text()).toBe('new')
    await expect(local.head('a')).rejects.toMatchObject({ code: 'NOT_FOUND' })
    await store.put('a', 'newer', { ifMatch: blob.etag })
    await expect(store.delete('s3:a', { ifMatch: blob.etag })).rejects.toMatchObject({ code: 'PRECONDITION_FAILED' })
    await store.delete('s3:a', { ifMatch: (await store.head('s3:a')).etag })
    expect(await store.exists('a')).toBe(false)
  })

  test('a delete removes the copies from all places', async () => {
    const { store, s3, local } = await memoryStore()
    await s3.put('a', 'far')
    await local.put('a', 'near')
    await store.delete('s3:a')
    for (const path of ['s3:a', 'local:a', 'a']) expect(await store.exists(path)).toBe(false)
    await s3.put('b', 'far')
    await local.put('b', 'near')
    await store.delete('b')
    expect(await store.exists('b')).toBe(false)
    await store.delete('s3:none')
  })

  test('deleteMany answers for each path in order', async () => {
    const { store, s3 } = await memoryStore()
    await store.put('a', 'x')
    await store.put('local/b', 'x')
    await store.put('c', 'x')
    const results = await store.deleteMany(['s3:a', 'local:local/b', '../x', 'none', 'c', 'c'])
    expect(results.map(({ path, error }) => [path, (error as { code?: string } | undefined)?.code])).toEqual([
      ['s3:a', undefined],
      ['local:local/b', undefined],
      ['../x', 'INVALID_KEY'],
      ['none', undefined],
      ['c', undefined],
      ['c', undefined],
    ])
    expect(s3.calls.filter(({ operation }) => operation === 'deleteMany')).toHaveLength(1)
    for (const path of ['s3:a', 'local/b', 'c']) expect(await store.exists(path)).toBe(false)
  })

  test('an old path that may mean two blobs deletes neither', async () => {
    const local = new MemoryDriver()
    const store = new HybridStore({
      drivers: { s3: new FaultyDriver(new MemoryDriver()), local },
      fallback: manual,
      reconcile: false,
      paths: prefixPaths({ s3: ['project_'], local: ['uploads/', 'storage/'] }),
      logger: false,
    })
    await local.put('app/uploads/x.pdf', 'one')
    await local.put('uploads/x.pdf', 'two')
    await expect(store.delete('./app/uploads/x.pdf')).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' })
    await local.delete('app/uploads/x.pdf')
    await store.delete('./app/uploads/x.pdf')
    await expect(local.head('uploads/x.pdf')).rejects.toMatchObject({ code: 'NOT_FOUND' })
  })
})

describe('before a put is accepted', () => {
  test('it is checked against every driver that may come to hold it', async () => {
    const limited = (capabilities: object) => new FaultyDriver(new MemoryDriver({ capabilities }))
    const local = new MemoryDriver({ capabilities: { maxKeyBytes: 10, maxMetadataBytes: 10, maxSize: 10 } })
    const s3 = limited({})
    const store = new HybridStore({ drivers: { s3, local }, fallback: manual, reconcile: false, logger: false })
    await expect(store.put('a-long-key-here', 'x')).rejects.toMatchObject({ code: 'INVALID_KEY', driver: 'local' })
    await expect(store.put('a', 'x', { metadata: { name: 'long value' } })).rejects.toMatchObject({
      code: 'INVALID_ARGUMENT',
      driver: 'local',
    })
    await expect(store.put('a', Buffer.alloc(11))).rejects.toMatchObject({ code: 'TOO_LARGE', driver: 'local' })
    expect(s3.calls).toEqual([])
    const bare = new HybridStore({ drivers: { s3, local }, logger: false })
    expect((await bare.put('a-long-key-here', Buffer.alloc(11))).size).toBe(11)
    const closed = new HybridStore({ drivers: { s3: limited({ visibility: false }) }, logger: false })
    await expect(closed.put('a', 'x', { visibility: 'public' })).rejects.toMatchObject({ code: 'NOT_SUPPORTED' })
  })

  test('unknown drivers and kinds are INVALID_ARGUMENT, and the body is released', async () => {
    const { store } = await memoryStore()
    const { patternStream } = await import('./support.js')
    const bodies = [patternStream(10), patternStream(10), patternStream(10)] as const
    await expect(store.put('a', bodies[0], { driver: 's4' as never })).rejects.toMatchObject({
      code: 'INVALID_ARGUMENT',
    })
    await expect(store.put('../a', bodies[1])).rejects.toMatchObject({ code: 'INVALID_KEY' })
    await store.close()
    await expect(store.put('a', bodies[2])).rejects.toMatchObject({ code: 'CONFIGURATION' })
    expect(bodies.map(({ destroyed }) => destroyed)).toEqual([true, true, true])
  })
})

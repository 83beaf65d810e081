import { promises } from 'node:fs'
import { describe, expect, test } from 'vitest'
import type { BlobBody, BlobInfo, DeleteOptions, PutOptions } from '../../src/driver/index.js'
import { FsDriver } from '../../src/drivers/fs/index.js'
import { MemoryDriver } from '../../src/drivers/memory/index.js'
import { HybridStore, StorageError } from '../../src/index.js'
import { FaultyDriver } from '../../src/testing/index.js'
import { manual, onEnd, pattern, tempRoot } from './support.js'

type Step = (key: string) => Promise<unknown>

/** A driver of which a test may do something in front of its next call, or behind it. */
interface Steps {
  beforePut?: Step | undefined
  afterPut?: Step | undefined
  beforeDelete?: Step | undefined
}

async function once(steps: Steps, name: keyof Steps, key: string): Promise<void> {
  const step = steps[name]
  steps[name] = undefined
  await step?.(key)
}

class SteppedS3 extends MemoryDriver {
  readonly steps: Steps = {}

  override async put(key: string, body: BlobBody, options?: PutOptions): Promise<BlobInfo> {
    await once(this.steps, 'beforePut', key)
    const info = await super.put(key, body, options)
    await once(this.steps, 'afterPut', key)
    return info
  }

  override async delete(key: string, options?: DeleteOptions): Promise<void> {
    await once(this.steps, 'beforeDelete', key)
    return super.delete(key, options)
  }

  override async close(): Promise<void> {}
}

class SteppedFs extends FsDriver {
  readonly steps: Steps = {}

  override async put(key: string, body: BlobBody, options?: PutOptions): Promise<BlobInfo> {
    await once(this.steps, 'beforePut', key)
    const info = await super.put(key, body, options)
    await once(this.steps, 'afterPut', key)
    return info
  }

  override async delete(key: string, options?: DeleteOptions): Promise<void> {
    await once(this.steps, 'beforeDelete', key)
    return super.delete(key, options)
  }
}

/** An S3 and a disk, and processes on it. */
async function world({ grace = 0 } = {}) {
  const root = await tempRoot()
  const remote = new SteppedS3()
  const open = (fs?: { readonly promises: unknown }) => {
    const local = new SteppedFs({ root, durability: 'none', ...(fs ? { fs } : {}) })
    const s3 = new FaultyDriver(remote)
    const store = new HybridStore<'s3' | 'local', string>({
      drivers: { s3, local },
      policy: () => 's3',
      fallback: { ...manual, grace },
      reconcile: false,
      logger: false,
    })
    onEnd(() => store.close())
    return { store, s3, local }
  }
  return { remote, open, ...open() }
}

function signal() {
  let give = () => {}
  const given = new Promise<void>((resolve) => {
    give = resolve
  })
  return { given, give: () => give() }
}

const ALIASES = ['s3:a', 'local:a', 'a']

async function texts(store: HybridStore<'s3' | 'local', string>): Promise<string[]> {
  return Promise.all(ALIASES.map(async (path) => (await store.get(path)).text().catch(String)))
}

/** An old version on the disk, and above it one that waits for S3. */
async function waitingOverLocal() {
  const all = await world()
  const { store, s3 } = all
  await store.put('a', 'old', { driver: 'local' })
  s3.outage()
  const waiting = await store.put('a', 'waits')
  s3.recover()
  return { ...all, waiting }
}

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

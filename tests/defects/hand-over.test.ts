import { promises } from 'node:fs'
import { Readable } from 'node:stream'
import { describe, expect, test } from 'vitest'
import { FsDriver } from '../../src/drivers/fs/index.js'
import { FaultyDriver } from '../../src/testing/index.js'
import { collect, manual, memoryStore, tempRoot } from '../store/support.js'
import { BusyS3, busyStore, namesIn, outboxOf } from './support.js'

/** The number of that file system (Linux, `statfs(2)`). */
const TMPFS = 0x01021994

const done = (moved: number) => ({ moved, failed: [], remaining: 0 })

describe('a hand-over', () => {
  test('creates a key only where there is none', async () => {
    const { store, s3, theirs, text } = await busyStore()
    s3.outage()
    await store.put('a.txt', 'mine')
    await theirs('a.txt', 'theirs')
    s3.recover()
    expect(await store.reconcile()).toEqual(done(1))
    expect(await text('a.txt')).toBe('theirs')
    const [conflict, ...more] = await store.conflicts()
    expect(more).toEqual([])
    expect(await text(conflict?.keptAs?.key ?? '')).toBe('mine')
  })

  test('replaces no other version than the one that it looked at', async () => {
    const { store, s3, remote, clock, theirs, text } = await busyStore()
    await theirs('a', 'old')
    clock.pass(5_000)
    await store.exists('s3:other')
    s3.outage()
    await store.put('a', 'mine')
    s3.recover()
    clock.pass(5_000)
    remote.meanwhile = () => theirs('a', 'newer')
    expect(await store.reconcile()).toEqual(done(1))
    expect(await text('a')).toBe('newer')
    expect(await store.conflicts()).toMatchObject([{ key: 'a', winner: 'remote' }])
  })

  test('deletes no other version than the one that it looked at', async () => {
    const { store, s3, remote, clock, theirs, text } = await busyStore()
    await theirs('a', 'old')
    clock.pass(5_000)
    await store.exists('s3:other')
    s3.outage()
    await store.delete('s3:a')
    s3.recover()
    clock.pass(5_000)
    remote.meanwhile = () => theirs('a', 'newer')
    expect(await store.reconcile()).toEqual(done(1))
    expect(await text('a')).toBe('newer')
    expect(await store.conflicts()).toMatchObject([{ key: 'a', operation: 'delete', winner: 'remote' }])
  })

  test('knows the versions that this host put itself, directly or from the outbox', async () => {
    const { store, s3, text } = await busyStore()
    await store.put('direct', 'one')
    s3.outage()
    await store.put('direct', 'two')
    await store.put('waited', 'one')
    s3.recover()
    // Handed over, and nobody here is told.
    s3.fail('put', 'UNAVAILABLE', Number.POSITIVE_INFINITY, { after: true })
    expect(await store.reconcile()).toMatchObject({ moved: 0, remaining: 2 })
    s3.outage()
    await store.put('waited', 'two')
    s3.recover()
    expect(await store.reconcile()).toEqual(done(2))
    expect([await text('direct'), await text('waited')]).toEqual(['two', 'two'])
    expect(await store.conflicts()).toEqual([])
  })

  test('counts as settled once its conflict is noted, and that once both versions are kept', async () => {
    const { store, s3, remote, theirs, text } = await busyStore()
    s3.outage()
    await store.put('a', 'mine')
    await theirs('a', 'theirs')
    s3.recover()
    remote.meanwhile = async () => s3.fail('put', 'ACCESS_DENIED')
    expect(await store.reconcile()).toMatchObject({ moved: 0, remaining: 1 })
    expect(await store.conflicts()).toEqual([])
    expect(await (await store.get('s3:a')).text()).toBe('mine')
    expect(await store.reconcile()).toEqual(done(1))
    const [conflict] = await store.conflicts()
    expect(await text(conflict?.keptAs?.key ?? '')).toBe('mine')
  })

  test('is given up where another process has changed the key meanwhile', async () => {
    const { store, s3, remote, theirs, another } = await busyStore()
    const other = await another()
    s3.outage()
    other.s3.outage()
    await store.put('a', 'one')
    await theirs('a', 'theirs')
    s3.recover()
    remote.meanwhile = () => other.store.put('a', 'two')
    expect(await store.reconcile()).toMatchObject({ failed: [], remaining: 1 })
    expect(await store.conflicts()).toEqual([])
    expect(await collect(remote.list())).toMatchObject([{ key: 'a' }])
    expect(await (await store.get('s3:a')).text()).toBe('two')
  })

  test('gives the record back, whatever became of it', async () => {
    const { store, s3, root, another } = await busyStore()
    const other = await another()
    s3.outage()
    await store.put('a', 'x')
    s3.recover()
    s3.fail('put', 'ACCESS_DENIED')
    expect(await store.reconcile()).toMatchObject({ moved: 0, remaining: 1 })
    expect(namesIn(`${outboxOf(root)}/claims`)).toEqual([])
    expect(await other.store.reconcile()).toEqual(done(1))
  })

  test('does not take the same bytes with another type for its own', async () => {
    const { store, s3, theirs } = await busyStore()
    s3.outage()
    await store.put('a', 'x', { contentType: 'text/x-mine' })
    await theirs('a', 'x')
    s3.recover()
    expect(await store.reconcile()).toEqual(done(1))
    expect(await store.conflicts()).toMatchObject([{ key: 'a', winner: 'remote' }])
  })

  test('of a delete in a move comes after that of the copy', async () => {
    const { store, s3, remote, text } = await busyStore()
    await store.put('a', 'old')
    s3.outage()
    await store.put('a', 'new')
    await store.move('s3:a', 'b')
    expect(await store.exists('s3:a')).toBe(false)
    s3.recover()
    s3.fail('put', 'ACCESS_DENIED', Number.POSITIVE_INFINITY)
    expect(await store.reconcile()).toMatchObject({ moved: 0, remaining: 2 })
    expect(await text('a')).toBe('old')
    s3.recover()
    expect(await store.reconcile()).toEqual(done(2))
    expect(await collect(remote.list())).toMatchObject([{ key: 'b' }])
  })
})

test('a hand-over happens by itself', async () => {
  const { store, s3 } = await busyStore({ reconcile: { interval: 20 } })
  s3.outage()
  await store.put('a', 'x')
  s3.recover()
  await expect.poll(() => store.pending(), { timeout: 5_000 }).toEqual([])
})

describe('a change in an outage', () => {
  test('that depends on the version that waits is refused where another one has come meanwhile', async () => {
    const { store, s3, another } = await busyStore()
    const other = await another()
    s3.outage()
    other.s3.outage()
    const { etag } = await store.put('a', 'one')
    // The condition holds when the body begins, and not when it ends.
    async function* body() {
      yield 'tw'
      await other.store.put('a', 'theirs')
      yield 'o'
    }
    const put = store.put('a', Readable.from(body(), { objectMode: false }), { ifMatch: etag })
    await expect(put).rejects.toMatchObject({ code: 'PRECONDITION_FAILED' })
    expect(await (await store.get('s3:a')).text()).toBe('theirs')
  })

  test('gives the record that it supersedes back', async () => {
    const { store, s3, root } = await busyStore()
    s3.outage()
    await store.put('a', 'one')
    await store.put('a', 'two')
    await store.delete('s3:a')
    expect(namesIn(`${outboxOf(root)}/claims`)).toEqual([])
  })

  test('is refused on a volume that is gone with the machine, where that is asked for', async () => {
    const statfs = async (path: string) => ({ ...(await promises.statfs(path)), type: TMPFS })
    const local = new FsDriver({ root: await tempRoot(), fs: { promises: { ...promises, statfs } } })
    for (const requireDurable of [false, true]) {
      const s3 = new FaultyDriver(new BusyS3())
      const { store } = await memoryStore({ drivers: { s3, local }, fallback: { ...manual, requireDurable } })
      s3.outage()
      const put = store.put(`${requireDurable}`, 'x')
      if (requireDurable) await expect(put).rejects.toMatchObject({ hint: expect.stringContaining('requireDurable') })
      else expect(await put).toMatchObject({ pendingFor: 's3' })
    }
  })

  test('to the disk of an exclusive store outdates what S3 has when it is back', async () => {
    const { store, s3, remote } = await busyStore({ exclusive: true })
    await store.put('a', 'old')
    s3.outage()
    await store.put('a', 'new', { driver: 'local' })
    s3.recover()
    expect(await store.reconcile()).toEqual(done(1))
    expect(await collect(remote.list())).toEqual([])
    expect(await (await store.get('s3:a')).text()).toBe('new')
  })

  test('waits no longer after a direct delete', async () => {
    const { store, s3, remote } = await busyStore()
    await store.put('a', 'old')
    s3.outage()
    await store.put('a', 'new')
    s3.recover()
    await store.delete('s3:a')
    expect(await store.pending()).toEqual([])
    expect(await store.reconcile()).toEqual(done(0))
    expect(await collect(remote.list())).toEqual([])
  })

  test('has one winner where two depend on the same version', async () => {
    const { store } = await busyStore()
    const { etag } = await store.put('a', 'near', { driver: 'local' })
    const changes = [store.put('a', 'far', { driver: 's3', ifMatch: etag }), store.delete('s3:a', { ifMatch: etag })]
    const refused = (await Promise.allSettled(changes)).filter(({ status }) => status === 'rejected')
    expect(refused).toMatchObject([{ reason: { code: 'PRECONDITION_FAILED' } }])
  })
})

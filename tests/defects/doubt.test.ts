import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { hashOfKey } from '../../src/outbox/record-name.js'
import { FaultyDriver } from '../../src/testing/index.js'
import { LateS3 } from '../model/late-s3.js'
import { manual, memoryStore } from '../store/support.js'
import { lockAsDead, outboxOf } from './support.js'

const GRACE = 60_000

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['Date'], now: Date.UTC(2026, 0, 1) })
})
afterEach(() => {
  vi.useRealTimers()
})

async function lateStore() {
  const remote = new LateS3()
  const { store, s3, root } = await memoryStore({
    s3: new FaultyDriver(remote),
    fallback: { ...manual, grace: GRACE },
  })
  const read = async () => (await store.get('s3:a')).text()
  /** Until nothing that S3 still has to do can come any more. */
  const settle = async () => {
    await remote.landAll()
    vi.setSystemTime(Date.now() + GRACE + 1000)
    expect(await store.reconcile()).toMatchObject({ failed: [], remaining: 0 })
    return (await remote.get('a')).text()
  }
  return { store, s3, root, remote, read, settle }
}

describe('a request that nobody answered', () => {
  test('undoes nothing when S3 carries it out at last: a put', async () => {
    const { store, remote, read, settle } = await lateStore()
    remote.armed = true
    expect(await store.put('a', 'one')).toMatchObject({ pendingFor: 's3' })
    expect(await store.reconcile()).toEqual({ moved: 0, failed: [], remaining: 1 })
    expect(await store.put('a', 'two')).toMatchObject({ pendingFor: 's3' })
    expect(await store.reconcile()).toEqual({ moved: 0, failed: [], remaining: 1 })
    await remote.land()
    expect(await read()).toBe('two')
    expect(await settle()).toBe('two')
  })

  test('undoes nothing when S3 carries it out at last: the put of a hand-over', async () => {
    const { store, s3, remote, read, settle } = await lateStore()
    s3.outage()
    await store.put('a', 'one')
    s3.recover()
    remote.armed = true
    expect(await store.reconcile()).toMatchObject({ moved: 0, remaining: 1 })
    expect(await store.reconcile()).toEqual({ moved: 0, failed: [], remaining: 1 })
    expect(await store.put('a', 'two')).toMatchObject({ pendingFor: 's3' })
    await remote.land()
    expect(await read()).toBe('two')
    expect(await settle()).toBe('two')
  })

  test('undoes nothing when S3 carries it out at last: a delete', async () => {
    const { store, remote, read, settle } = await lateStore()
    await store.put('a', 'zero')
    remote.armed = true
    await store.delete('s3:a')
    expect(await store.reconcile()).toEqual({ moved: 0, failed: [], remaining: 1 })
    await store.put('a', 'one')
    expect(await store.reconcile()).toEqual({ moved: 0, failed: [], remaining: 1 })
    await remote.land()
    expect(await read()).toBe('one')
    expect(await settle()).toBe('one')
  })
})

describe('a process that died while it carried a record out', () => {
  test('may have sent what is still to come: the record is looked at again later', async () => {
    const { store, s3, root, settle } = await lateStore()
    s3.outage()
    await store.put('a', 'one')
    lockAsDead(join(outboxOf(root), 'claims'), hashOfKey('a'))
    s3.recover()
    expect(await store.reconcile()).toEqual({ moved: 0, failed: [], remaining: 1 })
    expect(await settle()).toBe('one')
  })

  test('may have sent what is still to come: another put goes through the outbox', async () => {
    const { store, s3, root, settle } = await lateStore()
    s3.outage()
    await store.put('a', 'one')
    lockAsDead(join(outboxOf(root), 'claims'), hashOfKey('a'))
    s3.recover()
    expect(await store.put('a', 'two')).toMatchObject({ pendingFor: 's3' })
    expect(await settle()).toBe('two')
  })
})

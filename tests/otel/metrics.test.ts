import { channel } from 'node:diagnostics_channel'
import { Readable } from 'node:stream'
import type { Histogram } from '@opentelemetry/sdk-metrics'
import { describe, expect, test } from 'vitest'
import { MemoryDriver } from '../../src/drivers/memory/index.js'
import { FaultyDriver } from '../../src/testing/index.js'
import { manual, memoryStore } from '../store/support.js'
import { instrumented } from './support.js'

const on = (driver: string, operation: string) => {
  return { 'hybrid_store.operation': operation, 'hybrid_store.driver': driver }
}

describe('metrics', () => {
  test('of operations: how long, how many bytes, and what failed', async () => {
    const { points, metrics } = instrumented()
    const { store, s3 } = await memoryStore({ fallback: false })
    await store.put('a', 'abc')
    await store.put('b', 'abcd')
    await (await store.get('s3:a', { range: { start: 0, end: 0 } })).cancel()
    await store.delete('s3:a')
    s3.fail('get', 'UNAVAILABLE')
    await expect(store.get('s3:b')).rejects.toThrow()
    const stored = { 'hybrid_store.pending': false }
    expect(await points('operation.duration')).toEqual([
      { attributes: { ...on('s3', 'put'), ...stored }, value: 2 },
      { attributes: { ...on('s3', 'get'), ...stored }, value: 1 },
      { attributes: on('s3', 'delete'), value: 1 },
      { attributes: { ...on('s3', 'get'), 'error.type': 'UNAVAILABLE' }, value: 1 },
    ])
    expect(await points('operation.io')).toEqual([
      { attributes: on('s3', 'put'), value: 7 },
      { attributes: on('s3', 'get'), value: 3 },
    ])
    const told = (await metrics()).filter(({ dataPoints }) => dataPoints.length > 0)
    expect(told.map(({ descriptor: { name, unit } }) => ({ name, unit }))).toEqual([
      { name: 'hybrid_store.operation.duration', unit: 's' },
      { name: 'hybrid_store.operation.io', unit: 'By' },
    ])
    const put = told[0]?.dataPoints[0]?.value as Histogram
    expect(put.sum).toBeLessThan(10)
  })

  test('of the fallback: what began to wait and why, what was carried out, what went elsewhere', async () => {
    const { points } = instrumented()
    const { store, s3 } = await memoryStore()
    await store.put('b', 'abcd')
    s3.fail('put', 'TIMEOUT')
    await store.put('a', 'abc')
    s3.fail('delete', 'ACCESS_DENIED')
    await store.delete('s3:b')
    expect(await points('fallbacks')).toEqual([
      { attributes: { ...on('s3', 'put'), 'error.type': 'TIMEOUT' }, value: 1 },
      { attributes: { ...on('s3', 'delete'), 'error.type': 'ACCESS_DENIED' }, value: 1 },
    ])
    expect(await points('reconciliations')).toEqual([])
    await store.reconcile()
    const carriedOut = await points('reconciliations')
    expect(carriedOut).toHaveLength(2)
    for (const operation of ['put', 'delete']) {
      expect(carriedOut).toContainEqual({ attributes: on('s3', operation), value: 1 })
    }
    await store.relocate('s3:a', { to: 'local' })
    expect(await points('relocations')).toEqual([
      { attributes: { 'hybrid_store.driver': 'local', 'hybrid_store.relocation.from': 's3' }, value: 1 },
    ])
  })

  test('of conflicts, of streams without a copy, and of records that cannot be trusted', async () => {
    const { points } = instrumented()
    const inner = new MemoryDriver()
    const { store, s3 } = await memoryStore({ s3: new FaultyDriver(inner), spool: false })
    await store.put('c', Readable.from(['abc']))
    expect(await points('spool.skips')).toEqual([
      { attributes: { 'hybrid_store.driver': 's3', 'hybrid_store.spool.reason': 'off' }, value: 1 },
    ])
    s3.outage()
    await store.put('a', 'ours')
    await inner.put('a', 'theirs')
    s3.recover()
    await store.reconcile()
    expect(await points('conflicts')).toEqual([
      { attributes: { ...on('s3', 'put'), 'hybrid_store.conflict.winner': 'remote' }, value: 1 },
    ])
    channel('hybrid-store:rejected').publish({ name: 'x', problem: 'torn' })
    expect(await points('outbox.rejections')).toEqual([{ attributes: {}, value: 1 }])
  })

  test('of the circuit: the state that it is in, whenever it is asked for', async () => {
    const { points, instrumentation } = instrumented()
    const { store, s3 } = await memoryStore({ fallback: { ...manual, circuit: { probeAfter: 60_000 } } })
    const state = async () => {
      const found = (await points('circuit.state')).filter(({ value }) => value === 1)
      return found.map(({ attributes }) => attributes)
    }
    const is = (name: string) => [{ 'hybrid_store.driver': 's3', 'hybrid_store.circuit.state': name }]
    expect(await state()).toEqual([])
    s3.outage()
    await store.put('a', 'abc')
    expect(await state()).toEqual(is('open'))
    expect(await state()).toEqual(is('open'))
    expect(await points('circuit.state')).toHaveLength(3)
    s3.recover()
    await store.reconcile()
    expect(await state()).toEqual(is('closed'))
    instrumentation.disable()
    s3.outage()
    await store.put('a', 'abc')
    // The SDK goes on telling what it heard last.
    expect(await state()).toEqual(is('closed'))
  })
})

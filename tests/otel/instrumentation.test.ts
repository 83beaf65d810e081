import { channel } from 'node:diagnostics_channel'
import { readFileSync } from 'node:fs'
import { type MeterProvider, metrics, type TracerProvider, trace } from '@opentelemetry/api'
import { describe, expect, test } from 'vitest'
import { HybridStoreInstrumentation } from '../../src/otel/index.js'
import { memoryStore, onEnd } from '../store/support.js'
import { instrumented, sdk } from './support.js'

/** What `registerInstrumentations` and the Node SDK ask of an instrumentation. */
interface Instrumentation<Config extends { enabled?: boolean } = { enabled?: boolean }> {
  instrumentationName: string
  instrumentationVersion: string
  disable(): void
  enable(): void
  setTracerProvider(provider: TracerProvider): void
  setMeterProvider(provider: MeterProvider): void
  setConfig(config: Config): void
  getConfig(): Config
}

const heard = () => channel('hybrid-store:put').hasSubscribers

describe('the instrumentation', () => {
  test('is one to whoever registers it', async () => {
    const { tracerProvider, meterProvider, spans, points } = sdk()
    const instrumentation: Instrumentation = new HybridStoreInstrumentation({ enabled: false })
    onEnd(() => instrumentation.disable())
    expect(heard()).toBe(false)
    instrumentation.setTracerProvider(tracerProvider)
    instrumentation.setMeterProvider(meterProvider)
    expect(instrumentation.getConfig().enabled).toBe(false)
    instrumentation.enable()
    const { store } = await memoryStore()
    await store.put('a', 'abc')
    const { version } = JSON.parse(readFileSync('package.json', 'utf8')) as { version: string }
    expect(spans().map(({ instrumentationScope }) => instrumentationScope)).toMatchObject([
      { name: 'hybrid-store', version },
    ])
    expect(await points('operation.io')).toHaveLength(1)
    expect(instrumentation).toMatchObject({ instrumentationName: 'hybrid-store', instrumentationVersion: version })
  })

  test('begins by itself, once, and ends when it is told to', async () => {
    const { instrumentation, spans, points } = instrumented()
    expect(instrumentation.getConfig().enabled).toBe(true)
    const { store } = await memoryStore()
    instrumentation.enable()
    await store.put('a', 'abc')
    expect(spans()).toHaveLength(1)
    instrumentation.disable()
    instrumentation.disable()
    expect(heard()).toBe(false)
    await store.put('a', 'abc')
    expect(spans()).toHaveLength(1)
    instrumentation.enable()
    await store.put('a', 'abc')
    expect(spans()).toHaveLength(2)
    expect((await points('operation.io')).map(({ value }) => value)).toEqual([6])
  })

  test('uses the global providers, whenever they come', async () => {
    const { tracerProvider, meterProvider, spans, points } = sdk()
    const instrumentation = new HybridStoreInstrumentation()
    onEnd(() => instrumentation.disable())
    const { store } = await memoryStore()
    await store.put('a', 'to nobody')
    trace.setGlobalTracerProvider(tracerProvider)
    metrics.setGlobalMeterProvider(meterProvider)
    onEnd(() => {
      trace.disable()
      metrics.disable()
    })
    await store.put('a', 'abc')
    expect(spans()).toHaveLength(1)
    expect((await points('operation.io')).map(({ value }) => value)).toEqual([3])
  })

  test('names keys from when it is told to', async () => {
    const { instrumentation, spans } = instrumented()
    const { store } = await memoryStore()
    await store.put('a', 'abc')
    instrumentation.setConfig({ recordKeys: true })
    await store.put('a', 'abc')
    expect(spans().map(({ attributes }) => attributes['hybrid_store.key'])).toEqual([undefined, 'a'])
  })
})

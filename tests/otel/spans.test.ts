import {
  context,
  DiagLogLevel,
  diag,
  type HrTime,
  type Span,
  SpanKind,
  SpanStatusCode,
  trace,
} from '@opentelemetry/api'
import { BasicTracerProvider } from '@opentelemetry/sdk-trace-base'
import { describe, expect, test } from 'vitest'
import { memoryStore, onEnd } from '../store/support.js'
import { instrumented } from './support.js'

/** Runs within a span of its own, and answers its id. */
async function within(telemetry: ReturnType<typeof instrumented>, run: () => Promise<unknown>): Promise<string> {
  const span: Span = telemetry.tracer.startSpan('request')
  await context.with(trace.setSpan(context.active(), span), run)
  span.end()
  return span.spanContext().spanId
}

const millisecondsOf = ([seconds, nanoseconds]: HrTime) => seconds * 1000 + nanoseconds / 1e6

describe('spans', () => {
  test('tell what was done, below the span in which it was asked for', async () => {
    const telemetry = instrumented()
    const { store } = await memoryStore()
    const before = Date.now()
    const parent = await within(telemetry, async () => {
      await store.put('a', 'abc')
      await (await store.get('s3:a')).cancel()
      await store.delete('s3:a')
    })
    const spans = telemetry.spans()
    expect(spans.map(({ name, attributes }) => ({ name, attributes }))).toEqual([
      {
        name: 'blob.put',
        attributes: {
          'hybrid_store.operation': 'put',
          'hybrid_store.driver': 's3',
          'hybrid_store.pending': false,
          'hybrid_store.size': 3,
        },
      },
      {
        name: 'blob.get',
        attributes: {
          'hybrid_store.operation': 'get',
          'hybrid_store.driver': 's3',
          'hybrid_store.pending': false,
          'hybrid_store.size': 3,
        },
      },
      { name: 'blob.delete', attributes: { 'hybrid_store.operation': 'delete', 'hybrid_store.driver': 's3' } },
    ])
    let last = before
    for (const { kind, parentSpanContext, status, startTime, endTime } of spans) {
      expect(kind).toBe(SpanKind.INTERNAL)
      expect(parentSpanContext?.spanId).toBe(parent)
      expect(status).toEqual({ code: SpanStatusCode.UNSET })
      const [start, end] = [millisecondsOf(startTime), millisecondsOf(endTime)]
      // The end is a whole millisecond, rounded down.
      expect(start).toBeGreaterThanOrEqual(last - 1)
      expect(end).toBeGreaterThanOrEqual(start)
      expect(end).toBeLessThanOrEqual(Date.now())
      last = end
    }
  })

  test('calls at the same time have each its own parent, and one without has none', async () => {
    const telemetry = instrumented({ recordKeys: true })
    const { store } = await memoryStore()
    const keys = ['a', 'b', 'c', 'd']
    const parents = await Promise.all(keys.map((key) => within(telemetry, () => store.put(key, key))))
    await store.put('e', 'e')
    const found = telemetry.spans().map(({ attributes, parentSpanContext }) => {
      return [attributes['hybrid_store.key'], parentSpanContext?.spanId] as const
    })
    expect(new Map(found)).toEqual(new Map([...keys.map((key, i) => [key, parents[i]] as const), ['e', undefined]]))
  })

  test('of a put that fell back say where it is and what it waits for', async () => {
    const telemetry = instrumented()
    const { store, s3 } = await memoryStore()
    s3.outage()
    await store.put('a', 'abc')
    const [put, ...others] = telemetry.spans()
    expect(others).toEqual([])
    expect(put?.status.code).toBe(SpanStatusCode.UNSET)
    expect(put?.attributes).toEqual({
      'hybrid_store.operation': 'put',
      'hybrid_store.driver': 'local',
      'hybrid_store.pending': true,
      'hybrid_store.pending_for': 's3',
      'hybrid_store.size': 3,
    })
  })

  test('of calls that failed have the code; what hides a key hides the message too', async () => {
    for (const recordKeys of [false, true]) {
      const telemetry = instrumented({ recordKeys })
      const { store, s3 } = await memoryStore({ fallback: false })
      s3.fail('put', 'TIMEOUT')
      await expect(store.put('jane-doe', 'x')).rejects.toThrow()
      await expect(store.get('s3:jane-doe')).rejects.toThrow()
      s3.fail('delete', 'ACCESS_DENIED')
      await expect(store.delete('s3:jane-doe')).rejects.toThrow()
      const message = recordKeys ? { message: expect.any(String) } : {}
      const key = recordKeys ? { 'hybrid_store.key': 'jane-doe' } : {}
      expect(telemetry.spans().map(({ name, status, attributes }) => ({ name, status, attributes }))).toEqual(
        [
          { operation: 'put', code: 'TIMEOUT', driver: { 'hybrid_store.driver': 's3' } },
          { operation: 'get', code: 'NOT_FOUND', driver: {} },
          { operation: 'delete', code: 'ACCESS_DENIED', driver: { 'hybrid_store.driver': 's3' } },
        ].map(({ operation, code, driver }) => ({
          name: `blob.${operation}`,
          status: { code: SpanStatusCode.ERROR, ...message },
          attributes: { 'hybrid_store.operation': operation, ...driver, 'error.type': code, ...key },
        })),
      )
      const all = telemetry
        .spans()
        .map(({ name, attributes, events, status }) => ({ name, attributes, events, status }))
      expect(JSON.stringify(all).includes('jane-doe')).toBe(recordKeys)
      telemetry.instrumentation.disable()
    }
  })

  test('an exporter that fails harms no call', async () => {
    const told: unknown[][] = []
    const error = (...args: unknown[]) => void told.push(args)
    const ignore = () => {}
    diag.setLogger({ error, warn: ignore, info: ignore, debug: ignore, verbose: ignore }, DiagLogLevel.ERROR)
    onEnd(() => diag.disable())
    const failure = new Error('no room')
    const processor = {
      onStart: () => {},
      onEnd: () => {
        throw failure
      },
      forceFlush: async () => {},
      shutdown: async () => {},
    }
    instrumented({ tracerProvider: new BasicTracerProvider({ spanProcessors: [processor] }) })
    const { store } = await memoryStore()
    expect((await store.put('a', 'abc')).size).toBe(3)
    expect(told).toEqual([['hybrid-store: an event could not be recorded', failure]])
  })
})

import { AsyncLocalStorage } from 'node:async_hooks'
import { type Attributes, type Context, type ContextManager, context, ROOT_CONTEXT } from '@opentelemetry/api'
import { type Histogram, MeterProvider, MetricReader } from '@opentelemetry/sdk-metrics'
import { BasicTracerProvider, InMemorySpanExporter, SimpleSpanProcessor } from '@opentelemetry/sdk-trace-base'
import { HybridStoreInstrumentation, type HybridStoreInstrumentationConfig } from '../../src/otel/index.js'
import { onEnd } from '../store/support.js'

/** The active context follows the asynchronous call, as every SDK for Node sets it up. */
class AsyncContexts implements ContextManager {
  readonly #storage = new AsyncLocalStorage<Context>()

  active(): Context {
    return this.#storage.getStore() ?? ROOT_CONTEXT
  }

  with<A extends unknown[], F extends (...args: A) => ReturnType<F>>(
    active: Context,
    run: F,
    self?: ThisParameterType<F>,
    ...args: A
  ): ReturnType<F> {
    return this.#storage.run(active, () => run.apply(self as ThisParameterType<F>, args))
  }

  bind<T>(_: Context, target: T): T {
    return target
  }

  enable(): this {
    return this
  }

  disable(): this {
    this.#storage.disable()
    return this
  }
}

class OnDemandReader extends MetricReader {
  protected async onForceFlush(): Promise<void> {}
  protected async onShutdown(): Promise<void> {}
}

/** What a metric says, as `{ attributes, value }`; of a histogram `value` is how many it counted. */
export interface Point {
  readonly attributes: Attributes
  readonly value: number
}

/** The real SDK, in memory. */
export function sdk() {
  context.setGlobalContextManager(new AsyncContexts())
  onEnd(() => context.disable())
  const exporter = new InMemorySpanExporter()
  const tracerProvider = new BasicTracerProvider({ spanProcessors: [new SimpleSpanProcessor(exporter)] })
  const reader = new OnDemandReader()
  const meterProvider = new MeterProvider({ readers: [reader] })
  onEnd(() => Promise.all([tracerProvider.shutdown(), meterProvider.shutdown()]))

  async function metrics() {
    const { resourceMetrics, errors } = await reader.collect()
    if (errors.length > 0) throw errors[0]
    return resourceMetrics.scopeMetrics.flatMap((scope) => scope.metrics)
  }
  /** The points of a metric, without the prefix of all our names. */
  async function points(name: string): Promise<Point[]> {
    const found = (await metrics()).find(({ descriptor }) => descriptor.name === `hybrid_store.${name}`)
    return (found?.dataPoints ?? []).map(({ attributes, value }) => {
      return { attributes, value: typeof value === 'number' ? value : (value as Histogram).count }
    })
  }
  return {
    tracerProvider,
    meterProvider,
    tracer: tracerProvider.getTracer('test'),
    /** Those that have ended, of the library alone. */
    spans: () => exporter.getFinishedSpans().filter(({ instrumentationScope }) => instrumentationScope.name !== 'test'),
    metrics,
    points,
  }
}

/** The same with the instrumentation of the stores on it. */
export function instrumented(config: HybridStoreInstrumentationConfig = {}) {
  const made = sdk()
  const { tracerProvider, meterProvider } = made
  const instrumentation = new HybridStoreInstrumentation({ tracerProvider, meterProvider, ...config })
  onEnd(() => instrumentation.disable())
  return { ...made, instrumentation }
}

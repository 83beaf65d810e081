import { type MeterProvider, metrics, type TracerProvider, trace } from '@opentelemetry/api'
import type { CircuitStateName } from '../store/index.js'
import { Instruments } from './instruments.js'
import { listen } from './listen.js'
import { type Operation, operationOf } from './operation.js'
import { recordSpan } from './spans.js'

const NAME = 'hybrid-store'
const VERSION = '0.1.0'

/** What {@link HybridStoreInstrumentation} is made with. */
export interface HybridStoreInstrumentationConfig {
  /** Whether it begins when it is made; true by default. */
  // Not `| undefined`: an InstrumentationConfig under exactOptionalPropertyTypes has it like this.
  readonly enabled?: boolean
  /**
   * Whether spans name the blob's key, and the messages of errors, which do so too. False by default: keys may hold
   * personal data. Metrics never name a key.
   */
  readonly recordKeys?: boolean | undefined
  /** By default the global one, also if that is registered later. */
  readonly tracerProvider?: TracerProvider | undefined
  /** By default the global one, also if that is registered later. */
  readonly meterProvider?: MeterProvider | undefined
}

/**
 * Makes OpenTelemetry spans and metrics of what all stores of the process do. It fits wherever an instrumentation does:
 * `new NodeSDK({ instrumentations: [new HybridStoreInstrumentation()] })`; by itself it uses the global providers. One
 * for a process is enough, and a second one counts everything twice.
 */
export class HybridStoreInstrumentation {
  /** Of the tracer and the meter. */
  readonly instrumentationName = NAME
  /** Of the tracer and the meter. */
  readonly instrumentationVersion = VERSION
  /** By name of the driver. */
  readonly #circuits = new Map<string, CircuitStateName>()
  #config: HybridStoreInstrumentationConfig
  #tracerProvider: TracerProvider | undefined
  #meterProvider: MeterProvider | undefined
  #metrics: { readonly provider: MeterProvider; readonly instruments: Instruments } | undefined
  #stop: (() => void) | undefined

  constructor(config: HybridStoreInstrumentationConfig = {}) {
    this.#config = { enabled: true, ...config }
    this.#tracerProvider = config.tracerProvider
    this.#meterProvider = config.meterProvider
    if (this.#config.enabled) this.enable()
  }

  /** Begins to listen; does nothing where it does so already. */
  enable(): void {
    this.#stop ??= listen({
      put: (event) => this.#record(operationOf.put(event)),
      kept: (event) => this.#record(operationOf.kept(event)),
      get: (event) => this.#record(operationOf.get(event)),
      delete: (event) => this.#record(operationOf.delete(event)),
      failed: (event) => this.#record(operationOf.failed(event)),
      fallback: (event) => this.#instruments().fallback(event),
      reconciled: (event) => this.#instruments().reconciled(event),
      conflict: (event) => this.#instruments().conflict(event),
      relocated: (event) => this.#instruments().relocated(event),
      spool: (event) => this.#instruments().spool(event),
      rejected: () => this.#instruments().rejected(),
      circuit: ({ driver, state }) => {
        this.#circuits.set(driver, state)
        // They look at it when metrics are collected, so they must be there by then.
        this.#instruments()
      },
    })
  }

  /** Stops listening. */
  disable(): void {
    this.#stop?.()
    this.#stop = undefined
    this.#metrics?.instruments.release()
    this.#metrics = undefined
    this.#circuits.clear()
  }

  /** Where spans go from now on. */
  setTracerProvider(provider: TracerProvider): void {
    this.#tracerProvider = provider
  }

  /** Where metrics go from now on. */
  setMeterProvider(provider: MeterProvider): void {
    this.#meterProvider = provider
  }

  /** Changes `recordKeys`. `enabled` is for `enable()` and `disable()` to change, the providers for their setters. */
  setConfig(config: HybridStoreInstrumentationConfig): void {
    this.#config = { enabled: true, ...config }
  }

  getConfig(): HybridStoreInstrumentationConfig {
    return this.#config
  }

  #record(operation: Operation): void {
    this.#instruments().operation(operation)
    const tracer = (this.#tracerProvider ?? trace).getTracer(NAME, VERSION)
    recordSpan(tracer, operation, this.#config.recordKeys === true)
  }

  /** Unlike a tracer, a meter of the global API stays without effect if the SDK is started after it was asked for. */
  #instruments(): Instruments {
    const provider = this.#meterProvider ?? metrics.getMeterProvider()
    if (this.#metrics?.provider !== provider) {
      this.#metrics?.instruments.release()
      this.#metrics = { provider, instruments: new Instruments(provider.getMeter(NAME, VERSION), this.#circuits) }
    }
    return this.#metrics.instruments
  }
}

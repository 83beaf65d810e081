import type {
  Attributes,
  Counter,
  Histogram,
  Meter,
  ObservableResult,
  ObservableUpDownCounter,
} from '@opentelemetry/api'
import type { CircuitStateName, StoreEvents } from '../store/index.js'
import { commonAttributes, type Operation } from './operation.js'

/** Those of the conventions for database calls, and more above: a large upload takes its time. */
const DURATION_BOUNDARIES = [0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 10, 60, 300]
const CIRCUIT_STATES: readonly CircuitStateName[] = ['closed', 'open', 'half-open']

/** The instruments of one meter. */
export class Instruments {
  readonly #duration: Histogram
  readonly #bytes: Counter
  readonly #fallbacks: Counter
  readonly #reconciliations: Counter
  readonly #conflicts: Counter
  readonly #relocations: Counter
  readonly #unspooled: Counter
  readonly #rejections: Counter
  readonly #circuit: ObservableUpDownCounter
  readonly #circuits: ReadonlyMap<string, CircuitStateName>

  /** `circuits`: by driver, the state that was told last; it is looked at whenever metrics are collected. */
  constructor(meter: Meter, circuits: ReadonlyMap<string, CircuitStateName>) {
    const counter = (name: string, unit: string, description: string) => {
      return meter.createCounter(`hybrid_store.${name}`, { unit, description })
    }
    this.#duration = meter.createHistogram('hybrid_store.operation.duration', {
      unit: 's',
      description: 'Duration of puts, of deletes, and of gets until the blob is open.',
      advice: { explicitBucketBoundaries: DURATION_BOUNDARIES },
    })
    this.#bytes = counter('operation.io', 'By', 'Size of the blobs that were put and opened.')
    this.#fallbacks = counter('fallbacks', '{change}', 'Changes that wait because their driver failed.')
    this.#reconciliations = counter('reconciliations', '{change}', 'Changes that waited and were carried out.')
    this.#conflicts = counter('conflicts', '{conflict}', 'Keys that were changed on both sides.')
    this.#relocations = counter('relocations', '{blob}', 'Blobs that were moved to another driver.')
    this.#unspooled = counter('spool.skips', '{stream}', 'Streams of which no copy was kept: they cannot fall back.')
    this.#rejections = counter('outbox.rejections', '{record}', 'Records on disk that cannot be trusted.')
    this.#circuits = circuits
    this.#circuit = meter.createObservableUpDownCounter('hybrid_store.circuit.state', {
      unit: '{circuit}',
      description: '1 for the state that the circuit of a driver is in, 0 for the others.',
    })
    this.#circuit.addCallback(this.#observeCircuits)
  }

  /** No circuit is observed any more. */
  release(): void {
    this.#circuit.removeCallback(this.#observeCircuits)
  }

  operation(operation: Operation): void {
    const { ms, name, driver, size } = operation
    this.#duration.record(ms / 1000, commonAttributes(operation))
    if (size !== undefined && driver !== undefined) this.#bytes.add(size, operationOn(driver, name))
  }

  fallback({ operation, from, code }: StoreEvents['fallback']): void {
    this.#fallbacks.add(1, { ...operationOn(from, operation), 'error.type': code })
  }

  reconciled({ operation, driver }: StoreEvents['reconciled']): void {
    this.#reconciliations.add(1, operationOn(driver, operation))
  }

  conflict({ operation, driver, winner }: StoreEvents['conflict']): void {
    this.#conflicts.add(1, { ...operationOn(driver, operation), 'hybrid_store.conflict.winner': winner })
  }

  relocated({ from, to }: StoreEvents['relocated']): void {
    this.#relocations.add(1, { 'hybrid_store.driver': to, 'hybrid_store.relocation.from': from })
  }

  spool({ driver, reason }: StoreEvents['spool']): void {
    this.#unspooled.add(1, { 'hybrid_store.driver': driver, 'hybrid_store.spool.reason': reason })
  }

  rejected(): void {
    this.#rejections.add(1)
  }

  readonly #observeCircuits = (result: ObservableResult): void => {
    for (const [driver, current] of this.#circuits) {
      for (const state of CIRCUIT_STATES) {
        const attributes = { 'hybrid_store.driver': driver, 'hybrid_store.circuit.state': state }
        result.observe(state === current ? 1 : 0, attributes)
      }
    }
  }
}

function operationOn(driver: string, operation: Operation['name']): Attributes {
  return { 'hybrid_store.operation': operation, 'hybrid_store.driver': driver }
}

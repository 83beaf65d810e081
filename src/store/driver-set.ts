import type { BlobDriver } from '../driver/index.js'
import { isStorageError, StorageError } from '../errors/index.js'
import { quoteKey } from '../keys/index.js'
import type { Circuit, CircuitStateName } from './circuit.js'
import { failureKind, namedFailure } from './failures.js'

/** How a driver did lately. */
export interface DriverHealth {
  /** Whether the store has a driver behind this name. */
  readonly configured: boolean
  /** Whether calls are made to it; `open` while it cannot be reached. Always `closed` for a driver without fallback. */
  readonly circuit: CircuitStateName
  /** When it last answered a call that had to reach it. */
  readonly lastSuccess?: Date | undefined
  /** The last outage or refusal, even if it answered since. */
  readonly lastError?: { readonly code: string; readonly message: string; readonly at: Date } | undefined
}

/** What a probe asks for: any answer will do, that there is no such blob above all. */
const PROBE_KEY = 'hybrid-store-probe'

/** The drivers of a store by name, and how they do. */
export class DriverSet {
  /** All names, those without a driver included, in the order given. */
  readonly names: readonly string[]
  readonly #drivers = new Map<string, BlobDriver>()
  readonly #health = new Map<string, Health>()
  readonly #circuits = new Map<string, Circuit>()
  /** Called after each call that a driver has answered. */
  onAnswer: (name: string, driver: BlobDriver) => void = () => {}

  constructor(drivers: Readonly<Record<string, BlobDriver | undefined>>) {
    this.names = Object.keys(drivers)
    for (const [name, driver] of Object.entries(drivers)) {
      if (driver !== undefined) this.#drivers.set(name, driver)
      this.#health.set(name, { configured: driver !== undefined, lastSuccess: 0, lastError: undefined })
    }
  }

  get(name: string): BlobDriver | undefined {
    return this.#drivers.get(name)
  }

  /** The driver, or CONFIGURATION. */
  need(name: string, operation: string): BlobDriver {
    const driver = this.#drivers.get(name)
    if (driver !== undefined) return driver
    throw new StorageError('CONFIGURATION', `The driver ${quoteKey(name)} is not configured.`, {
      operation,
      driver: name,
      hint: `Configure it, or choose one of: ${[...this.#drivers.keys()].join(', ') || '(there is none)'}.`,
      outcome: 'unchanged',
    })
  }

  configured(): IterableIterator<[string, BlobDriver]> {
    return this.#drivers.entries()
  }

  health(name: string): DriverHealth {
    const { configured = false, lastSuccess = 0, lastError } = this.#health.get(name) ?? {}
    return {
      configured,
      circuit: this.#circuits.get(name)?.state ?? 'closed',
      ...(lastSuccess > 0 ? { lastSuccess: new Date(lastSuccess) } : {}),
      ...(lastError ? { lastError } : {}),
    }
  }

  /** From now on calls to this driver go through the circuit. */
  setCircuit(name: string, circuit: Circuit): void {
    this.#circuits.set(name, circuit)
  }

  /** Whether calls to this driver are made at all now. */
  isReachable(name: string): boolean {
    return (this.#circuits.get(name)?.state ?? 'closed') === 'closed'
  }

  /** The drivers to which no calls are made now. */
  unreachable(): string[] {
    return [...this.#circuits].filter(([, circuit]) => circuit.state !== 'closed').map(([name]) => name)
  }

  /** Calls a driver: failures get the store's name for it, and its health is noted. */
  ask<T>(
    name: string,
    operation: string,
    key: string | undefined,
    call: (driver: BlobDriver) => Promise<T>,
  ): Promise<T> {
    const circuit = this.#circuits.get(name)
    const made = () => this.#ask(name, operation, key, call)
    return circuit ? circuit.run(operation, key, made) : made()
  }

  /**
   * Calls a driver for what it works out by itself, such as a signature. No circuit is in the way, and that it succeeds
   * does not say that the driver can be reached.
   */
  async derive<T>(name: string, operation: string, key: string, call: (driver: BlobDriver) => Promise<T>): Promise<T> {
    const driver = this.need(name, operation)
    try {
      return await call(driver)
    } catch (error) {
      const failure = namedFailure(error, name, operation, key)
      this.#noteFailure(name, failure)
      throw failure
    }
  }

  /** Sees whether a driver that could not be reached is back, if it is time for that. Never rejects. */
  async probe(name: string, within: number): Promise<boolean> {
    return (await this.#circuits.get(name)?.probe(() => this.#probe(name, AbortSignal.timeout(within)))) ?? true
  }

  /** The same at once; rejects where the driver is still not there. */
  async probeNow(name: string, within: number, signal: AbortSignal | undefined): Promise<void> {
    const either = [AbortSignal.timeout(within), ...(signal ? [signal] : [])]
    await this.#circuits.get(name)?.force(() => this.#probe(name, AbortSignal.any(either)))
  }

  async #ask<T>(
    name: string,
    operation: string,
    key: string | undefined,
    call: (driver: BlobDriver) => Promise<T>,
  ): Promise<T> {
    const driver = this.need(name, operation)
    try {
      const answer = await call(driver)
      this.onAnswer(name, driver)
      this.#noteSuccess(name)
      return answer
    } catch (error) {
      const failure = namedFailure(error, name, operation, key)
      this.#noteFailure(name, failure)
      throw failure
    }
  }

  async #probe(name: string, signal: AbortSignal): Promise<void> {
    try {
      await this.#ask(name, 'head', undefined, (driver) => driver.head(PROBE_KEY, { signal }))
    } catch (error) {
      // Its time is up: to the circuit that is an outage like any other.
      if (isStorageError(error, 'ABORTED')) {
        throw new StorageError('TIMEOUT', `The driver ${name} gave no answer.`, { driver: name, cause: error })
      }
      if (failureKind(error) === 'outage') throw error
    }
  }

  #noteSuccess(name: string): void {
    const health = this.#health.get(name)
    if (health) health.lastSuccess = Date.now()
  }

  /** An outage or refusal is kept. That a blob is missing is an answer. */
  #noteFailure(name: string, failure: StorageError): void {
    const health = this.#health.get(name)
    if (health && failureKind(failure)) {
      const { code, message } = failure
      health.lastError = { code, message, at: new Date() }
    } else if (isStorageError(failure, 'NOT_FOUND') || isStorageError(failure, 'NOT_MODIFIED')) {
      this.#noteSuccess(name)
    }
  }
}

interface Health {
  readonly configured: boolean
  /** Milliseconds since 1970; 0 for never. */
  lastSuccess: number
  lastError: DriverHealth['lastError']
}

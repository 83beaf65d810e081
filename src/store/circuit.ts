import {
  CircuitState,
  ConsecutiveBreaker,
  circuitBreaker,
  ExponentialBackoff,
  handleWhen,
  isBrokenCircuitError,
} from 'cockatiel'
import { isStorageError, StorageError } from '../errors/index.js'
import { failureKind } from './failures.js'

/** `closed`: calls are made. `open`: they are refused. `half-open`: one is under way, to see. */
export type CircuitStateName = 'closed' | 'open' | 'half-open'

export interface CircuitRules {
  /** Milliseconds. */
  readonly probeAfter: number
  /** Milliseconds. */
  readonly probeAtMost: number
  /** Whether the first call after that time is made, to see; else only `probe` is. */
  readonly probedByCalls: boolean
}

const names: Readonly<Record<CircuitState, CircuitStateName>> = {
  [CircuitState.Closed]: 'closed',
  [CircuitState.Open]: 'open',
  [CircuitState.HalfOpen]: 'half-open',
  [CircuitState.Isolated]: 'open',
}

/** Keeps calls from a driver that cannot be reached, so that an outage costs one timeout and not one for each call. */
export class Circuit {
  readonly #driver: string
  readonly #probedByCalls: boolean
  readonly #policy: ReturnType<typeof circuitBreaker>

  constructor(driver: string, rules: CircuitRules, onChange: (state: CircuitStateName) => void) {
    this.#driver = driver
    this.#probedByCalls = rules.probedByCalls
    this.#policy = circuitBreaker(handleWhen(isUnreachable), {
      halfOpenAfter: new ExponentialBackoff({ initialDelay: rules.probeAfter, maxDelay: rules.probeAtMost }),
      breaker: new ConsecutiveBreaker(1),
    })
    this.#policy.onStateChange((state) => onChange(names[state]))
  }

  get state(): CircuitStateName {
    return names[this.#policy.state]
  }

  /** Makes the call; UNAVAILABLE at once while the circuit is not closed. */
  async run<T>(operation: string, key: string | undefined, call: () => Promise<T>): Promise<T> {
    const { state } = this.#policy
    const made = state === CircuitState.Closed || (state === CircuitState.Open && this.#probedByCalls)
    if (!made) throw this.#refusal(operation, key)
    try {
      return await this.#policy.execute(call)
    } catch (error) {
      throw isBrokenCircuitError(error) ? this.#refusal(operation, key) : error
    }
  }

  /** Makes the call if it is time for one, to see whether the driver is back. Answers whether it is. */
  async probe(call: () => Promise<unknown>): Promise<boolean> {
    if (this.#policy.state === CircuitState.Open) await this.#policy.execute(call).catch(() => {})
    return this.#policy.state === CircuitState.Closed
  }

  /** Makes the call whatever the time; a driver that answers is reachable from then on. Rejects as the call does. */
  async force(call: () => Promise<unknown>): Promise<void> {
    await call()
    if (this.#policy.state !== CircuitState.Closed) this.#policy.isolate().dispose()
  }

  #refusal(operation: string, key: string | undefined): StorageError {
    return new StorageError('UNAVAILABLE', `The driver ${this.#driver} could not be reached just now.`, {
      operation,
      driver: this.#driver,
      key,
      outcome: 'unchanged',
      hint: 'It is tried again in the background. Until then calls are refused at once and not after a timeout each.',
    })
  }
}

/** Full or throttling, a driver is there; what it refuses, it has answered. */
function isUnreachable(error: unknown): boolean {
  return isStorageError(error) && failureKind(error) === 'outage' && error.code !== 'NO_SPACE' && !error.throttled
}

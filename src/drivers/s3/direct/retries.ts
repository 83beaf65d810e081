import { setTimeout as delay } from 'node:timers/promises'
import { AttemptFailure } from './failure.js'

/** Milliseconds; doubled with each attempt, of which a random share is waited ("full jitter"). */
const BASE = 100
const BASE_THROTTLED = 500
const LONGEST = 20_000

/** As the SDK's standard mode has them: what retries may cost before they stop, so that an outage is not made worse. */
const QUOTA = 500
const COST = 5
const COST_TIMEOUT = 10

const THROTTLED = new Set([
  'BandwidthLimitExceeded',
  'RequestLimitExceeded',
  'RequestThrottled',
  'RequestThrottledException',
  'SlowDown',
  'Throttling',
  'ThrottlingException',
  'TooManyRequestsException',
])
const TRANSIENT = new Set(['TimeoutError', 'RequestTimeout', 'RequestTimeoutException', 'InternalError'])
const STATUSES = new Set([429, 500, 502, 503, 504])
const BROKEN = new Set([
  'ECONNREFUSED',
  'ECONNRESET',
  'EPIPE',
  'ETIMEDOUT',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'ENOTFOUND',
  'EAI_AGAIN',
])

/** Whether and when a failed attempt is repeated; one for all calls of a driver. */
export class Retries {
  #quota = QUOTA

  /** Waits for the time of the next attempt. False where there is to be none. */
  async again(failure: unknown, attempt: number, signal: AbortSignal | undefined): Promise<boolean> {
    if (!(failure instanceof AttemptFailure) || !isTransient(failure)) return false
    const cost = failure.name === 'TimeoutError' ? COST_TIMEOUT : COST
    if (this.#quota < cost) return false
    this.#quota -= cost
    const base = THROTTLED.has(failure.name) || failure.$metadata?.httpStatusCode === 429 ? BASE_THROTTLED : BASE
    await delay(Math.random() * Math.min(LONGEST, base * 2 ** (attempt - 1)), undefined, { signal })
    return true
  }

  /** An answer came: the endpoint is there. `attempts` is how many it took. */
  succeeded(attempts: number): void {
    if (this.#quota < QUOTA) this.#quota = Math.min(QUOTA, this.#quota + (attempts > 1 ? COST : 1))
  }
}

function isTransient({ name, code, $metadata }: AttemptFailure): boolean {
  if (code !== undefined && BROKEN.has(code)) return true
  return TRANSIENT.has(name) || THROTTLED.has(name) || STATUSES.has($metadata?.httpStatusCode ?? 0)
}

import { MAX_TIMEOUT } from '../driver/index.js'

/** Calls back when a client that was given something takes nothing for too long. Keeps no process alive. */
export class StallTimer {
  readonly #timeout: number
  readonly #onStalled: () => void
  #timer: NodeJS.Timeout | undefined

  /** `timeout` in milliseconds, 0 for ever. */
  constructor(timeout: number, onStalled: () => void) {
    this.#timeout = Math.min(timeout, MAX_TIMEOUT)
    this.#onStalled = onStalled
  }

  /** From now on the client is waited for. */
  start(): void {
    if (!(this.#timeout > 0)) return
    clearTimeout(this.#timer)
    this.#timer = setTimeout(this.#onStalled, this.#timeout)
    this.#timer.unref()
  }

  /** The client has taken what it was given. */
  stop(): void {
    clearTimeout(this.#timer)
  }
}

import { isStorageError } from '../errors/index.js'
import type { StoreContext } from './context.js'
import { reconcile } from './reconcile.js'

/** Milliseconds from a change that began to wait to the first look at it, so that those after it share one look. */
const SOON = 100

/**
 * Carries out what waits without being asked: soon after the start, after something began to wait, when a driver that
 * could not be reached is back, and from time to time, since other processes leave things too. Its timers keep no
 * process alive.
 */
export class Reconciler {
  readonly #context: StoreContext
  readonly #stopped = new AbortController()
  #timer: NodeJS.Timeout | undefined
  #at = Number.POSITIVE_INFINITY
  #running: Promise<void> | undefined
  /** Milliseconds after which to look again once the look under way has ended. */
  #next = Number.POSITIVE_INFINITY

  constructor(context: StoreContext) {
    this.#context = context
    if (!context.reconcile.automatic || context.fallback.targets.size === 0) return
    context.wake.now = () => this.#schedule(SOON)
    context.wake.later = () => this.#schedule(this.#pause())
    this.#schedule(SOON)
  }

  /** Ends what is under way, and gives back what it claimed. */
  async stop(): Promise<void> {
    this.#stopped.abort()
    clearTimeout(this.#timer)
    await this.#running
  }

  /** Goes on for so many milliseconds at most, and logs what is left. */
  async drain(milliseconds: number): Promise<void> {
    const { logger } = this.#context
    const signal = AbortSignal.timeout(milliseconds)
    try {
      const { remaining } = await reconcile(this.#context, { signal })
      if (remaining > 0) logger.warn({ remaining }, 'The store closes while changes wait, they stay for the next start')
    } catch (error) {
      const remaining = (await this.#context.outbox?.box.summary().catch(() => undefined))?.count
      const reason = error instanceof Error ? error.message : String(error)
      logger.warn({ remaining, reason }, 'The store closes while changes wait, they stay for the next start')
    }
  }

  #schedule(milliseconds: number): void {
    if (this.#stopped.signal.aborted) return
    if (this.#running) {
      this.#next = Math.min(this.#next, milliseconds)
      return
    }
    const at = Date.now() + milliseconds
    if (at >= this.#at) return
    clearTimeout(this.#timer)
    this.#at = at
    this.#timer = setTimeout(() => {
      this.#at = Number.POSITIVE_INFINITY
      this.#running = this.#look().finally(() => {
        this.#running = undefined
        const next = Math.min(this.#next, this.#pause())
        this.#next = Number.POSITIVE_INFINITY
        this.#schedule(next)
      })
    }, milliseconds).unref()
  }

  /** With some chance in it, so that many processes do not come at once. */
  #pause(): number {
    const { drivers, fallback, reconcile: rules } = this.#context
    const probing = fallback.circuit && drivers.unreachable().length > 0
    const pause = probing ? Math.min(fallback.circuit.probeAfter, rules.interval) : rules.interval
    return pause * (0.75 + Math.random() / 2)
  }

  async #look(): Promise<void> {
    const { drivers, fallback, outbox, logger } = this.#context
    const { signal } = this.#stopped
    try {
      for (const name of drivers.unreachable()) await drivers.probe(name, fallback.within)
      const unreachable = new Set(drivers.unreachable())
      const reachable = [...fallback.targets.keys()].some((name) => !unreachable.has(name))
      if (signal.aborted || outbox === undefined || !reachable) return
      if ((await outbox.box.summary()).count > 0) await reconcile(this.#context, { automatic: true, signal })
    } catch (error) {
      if (signal.aborted) return
      const { code = 'INTERNAL', message = String(error) } = isStorageError(error)
        ? error
        : (error as Error & { code?: string })
      logger.error({ code, reason: message }, 'What waits could not be looked at')
    }
  }
}

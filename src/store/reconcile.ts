import { setMaxListeners } from 'node:events'
import { isStorageError, type StorageError } from '../errors/index.js'
import type { Outbox, OutboxRecord } from '../outbox/index.js'
import { carryOut, olderCopies } from './carry-out.js'
import type { StoreContext } from './context.js'
import { noteDoubt } from './doubt.js'
import { failureKind, namedFailure } from './failures.js'
import type { ReconcileOptions } from './options.js'
import { Pace, paced } from './pace.js'
import { aborted } from './read.js'

/** What one run of `reconcile` did. */
export interface ReconcileResult {
  /** How many records wait no longer: blobs handed over, deletes carried out, conflicts noted. */
  readonly moved: number
  /** Those that could not be carried out; they stay, and are tried again the next time. */
  readonly failed: readonly { readonly key: string; readonly driver: string; readonly error: StorageError }[]
  /**
   * How many records still wait, for whatever reason. One may have been carried out, and be looked at again when a lost
   * request before it cannot take effect any more: see `fallback.grace`.
   */
  readonly remaining: number
}

/** Refusals in a row after which a driver is left alone for the rest of a run. */
const REFUSALS = 3

export interface RunOptions extends ReconcileOptions {
  /** Nobody asked for this run: what failed lately is left for later, and an unreachable driver is not tried. */
  readonly automatic?: boolean | undefined
}

/**
 * Carries out all that waits. What fails does not keep the others from their turn; but a driver that cannot be reached,
 * or refuses one thing after the other, is not asked again in the same run.
 */
export async function reconcile(context: StoreContext, options: RunOptions): Promise<ReconcileResult> {
  const box = context.outbox?.box
  if (box === undefined) return { moved: 0, failed: [], remaining: 0 }
  const signal = options.signal && AbortSignal.any([options.signal])
  // All that is under way listens to it.
  if (signal) setMaxListeners(0, signal)
  const run = new Run(context, box, { ...options, signal })
  await run.records(await box.list({ limit: options.limit }))
  return { moved: run.moved, failed: run.failed, remaining: (await box.summary()).count }
}

class Run {
  readonly #context: StoreContext
  readonly #box: Outbox
  readonly #options: RunOptions
  readonly #pace: Pace
  /** Drivers that are not asked any more. */
  readonly #down = new Set<string>()
  readonly #refusals = new Map<string, number>()
  /** By driver, whether the last key was new to it; the next one probably is too. */
  readonly #newKeys = new Map<string, boolean>()
  readonly #waiting: OutboxRecord[] = []
  readonly failed: { key: string; driver: string; error: StorageError }[] = []
  moved = 0
  #bytes = 0
  #total = 0

  constructor(context: StoreContext, box: Outbox, options: RunOptions) {
    this.#context = context
    this.#box = box
    this.#options = options
    this.#pace = new Pace(context.reconcile.parallel)
  }

  async records(records: readonly OutboxRecord[]): Promise<void> {
    this.#total = records.length
    await this.#reach(records)
    await paced(records, this.#pace, (record) => this.#try(record))
    // What waited for something else in this very run has its turn now.
    for (let left = this.#waiting.splice(0); left.length > 0; ) {
      const before = this.moved
      await paced(left, this.#pace, (record) => this.#try(record))
      left = this.moved > before ? this.#waiting.splice(0) : []
    }
  }

  /** Whoever asks for a run wants to know now whether a driver is back. */
  async #reach(records: readonly OutboxRecord[]): Promise<void> {
    const { drivers, fallback } = this.#context
    for (const name of drivers.unreachable()) {
      const first = records.find(({ driver }) => driver === name)
      if (this.#options.automatic || first === undefined) {
        this.#down.add(name)
        continue
      }
      try {
        await drivers.probeNow(name, fallback.within, this.#options.signal)
      } catch (error) {
        this.#fail(first, error)
      }
    }
  }

  async #try(record: OutboxRecord): Promise<void> {
    const { signal, automatic, onProgress } = this.#options
    if (signal?.aborted) throw aborted('reconcile', undefined, signal)
    const attempts = automatic ? this.#context.notes.attempts(record) : undefined
    if (this.#down.has(record.driver) || (attempts && attempts.retryAt > Date.now())) return
    try {
      const done = await this.#alone(record)
      this.#refusals.delete(record.driver)
      this.#pace.faster()
      if (done === 'waits') this.#waiting.push(record)
      if (done === 'settled') {
        this.moved++
        this.#bytes += record.size
      }
    } catch (error) {
      if (isStorageError(error, 'ABORTED') && signal?.aborted) throw error
      this.#fail(record, error)
    }
    onProgress?.({ moved: this.moved, failed: this.failed.length, total: this.#total, bytes: this.#bytes })
  }

  /** Undefined where there is nothing to do any more, or somebody else is at it: a writer of the key, or a process. */
  async #alone(record: OutboxRecord) {
    const done = await this.#context.gate.exclusive(record.key, async () => {
      const { signal } = this.#options
      const current = await this.#box.find(record.key)
      if (current === undefined) return undefined
      const older = await olderCopies(this.#context, current, signal)
      const claim = await this.#box.claim(current)
      if (claim === undefined) return undefined
      if (claim.died) noteDoubt(this.#context, current, claim)
      try {
        return await carryOut(this.#context, this.#box, current, claim, {
          older,
          signal,
          createFirst: this.#newKeys.get(record.driver) ?? true,
          onExisting: () => this.#newKeys.set(record.driver, false),
          onAbsent: () => this.#newKeys.set(record.driver, true),
        })
      } finally {
        await claim.release()
      }
    })
    return done?.value
  }

  #fail(record: OutboxRecord, error: unknown): void {
    const { key, driver } = record
    const failure = isStorageError(error) ? error : namedFailure(error, driver, 'reconcile', key)
    this.failed.push({ key, driver, error: failure })
    if (failure.throttled) {
      this.#pace.slower()
      return
    }
    // Whatever went wrong on this side says nothing of the driver.
    const kind = failure.driver === driver ? failureKind(failure) : undefined
    if (kind === 'outage') this.#down.add(driver)
    else this.#context.notes.failed(record, failure)
    if (kind !== 'refusal') return
    const refusals = (this.#refusals.get(driver) ?? 0) + 1
    this.#refusals.set(driver, refusals)
    if (refusals >= REFUSALS) this.#down.add(driver)
  }
}

import { isStorageError, type StorageError } from '../errors/index.js'
import type { Outbox, OutboxRecord } from '../outbox/index.js'
import type { StoreContext } from './context.js'
import { failureKind, namedFailure } from './failures.js'
import { handOver } from './hand-over.js'
import type { ReconcileOptions } from './options.js'
import { aborted } from './read.js'

/** What one run of `reconcile` did. */
export interface ReconcileResult {
  /** How many blobs were handed over to their driver. */
  readonly moved: number
  /** Those that could not be; they stay, and are tried again the next time. */
  readonly failed: readonly { readonly key: string; readonly driver: string; readonly error: StorageError }[]
  /** How many still wait, for whatever reason. */
  readonly remaining: number
}

const PARALLEL = 4

/**
 * Hands all waiting blobs over to the drivers that they are meant for. One that fails does not keep the others from
 * theirs; but a driver that cannot be reached is not asked again in the same run.
 */
export async function reconcile(context: StoreContext, { signal, limit }: ReconcileOptions): Promise<ReconcileResult> {
  const box = context.outbox?.box
  if (box === undefined) return { moved: 0, failed: [], remaining: 0 }
  const failed: { key: string; driver: string; error: StorageError }[] = []
  const down = new Set<string>()
  let moved = 0
  const records = (await box.list({ limit })).values()
  const work = async () => {
    for (const record of records) {
      if (signal?.aborted) throw aborted('reconcile', undefined, signal)
      if (down.has(record.driver)) continue
      try {
        if (await handOverAlone(context, box, record, signal)) moved++
      } catch (error) {
        if (isStorageError(error, 'ABORTED') && signal?.aborted) throw error
        const failure = isStorageError(error) ? error : namedFailure(error, record.driver, 'reconcile', record.key)
        if (failureKind(failure) === 'outage' && failure.driver === record.driver) down.add(record.driver)
        failed.push({ key: record.key, driver: record.driver, error: failure })
      }
    }
  }
  const ends = await Promise.allSettled(Array.from({ length: PARALLEL }, work))
  const stopped = ends.find((end) => end.status === 'rejected')
  if (stopped) throw stopped.reason
  return { moved, failed, remaining: (await box.summary()).count }
}

/** False where there is nothing to do any more, or the key is just being written. */
async function handOverAlone(
  context: StoreContext,
  box: Outbox,
  record: OutboxRecord,
  signal: AbortSignal | undefined,
): Promise<boolean> {
  const done = await context.gate.exclusive(record.key, async () => {
    const current = await box.find(record.key)
    if (current === undefined) return false
    await handOver(context, box, current, signal)
    return true
  })
  return done?.value ?? false
}

import type { OutboxClaim, OutboxRecord } from '../outbox/index.js'
import type { StoreContext } from './context.js'
import { isInDoubt, noteDoubt } from './doubt.js'

/** Why a driver is not asked although it may be there. */
export type Busy = 'doubt' | 'claimed'

/** The key's record, and the right to supersede it on its driver. */
export interface HeldRecord {
  readonly record: OutboxRecord | undefined
  readonly claim: OutboxClaim | undefined
  /** Set where the change has to wait in the outbox behind the record. */
  readonly busy: Busy | undefined
  release(): Promise<void>
}

/** A key of which nothing waits. */
export const nothingHeld: HeldRecord = { record: undefined, claim: undefined, busy: undefined, release: async () => {} }

/**
 * Keeps other processes from carrying out what waits while it is superseded. Where one does so already, or a lost
 * request may still take effect, the change goes through the outbox too, which is where such things are sorted out.
 */
async function holdRecord(context: StoreContext, key: string): Promise<HeldRecord> {
  const box = context.outbox?.box
  for (;;) {
    const record = await box?.find(key)
    if (box === undefined || record === undefined) return nothingHeld
    // In doubt too: whoever carries it out is not to take what this change writes elsewhere for an older copy.
    const claim: OutboxClaim | undefined = await box.claim(record)
    if (claim?.died) noteDoubt(context, record, claim)
    const doubt = isInDoubt(context, record) ? 'doubt' : undefined
    if (claim) return { record, claim, busy: doubt, release: () => claim.release() }
    if ((await box.find(key))?.token === record.token)
      return { record, claim: undefined, busy: doubt ?? 'claimed', release: async () => {} }
  }
}

/** Holds the key's record while `work` runs. */
export async function holding<T>(
  context: StoreContext,
  key: string,
  work: (held: HeldRecord) => Promise<T>,
): Promise<T> {
  const held = await holdRecord(context, key)
  try {
    return await work(held)
  } finally {
    await held.release()
  }
}

import type { OutboxClaim, OutboxRecord } from '../outbox/index.js'
import type { StoreContext } from './context.js'

/** Whether a request of the key that nobody answered may still take effect. */
export function isInDoubt({ notes }: StoreContext, record: OutboxRecord): boolean {
  return notes.doubtUntil(record) > Date.now()
}

/** Notes that a request for the record was sent and never answered. Other processes keep away from it meanwhile. */
export function noteDoubt({ notes, fallback }: StoreContext, record: OutboxRecord, claim: OutboxClaim): void {
  if (fallback.grace === 0) return
  notes.doubt(record, Date.now() + fallback.grace)
  claim.keep(fallback.grace)
}

import type { StorageError } from '../errors/index.js'
import type { OutboxRecord } from '../outbox/index.js'

/** How the attempts to carry out a record went. */
export interface RecordAttempts {
  readonly count: number
  readonly lastError: StorageError
  /** When it is tried again without being asked for, in milliseconds since 1970. */
  readonly retryAt: number
}

const FIRST_PAUSE = 1_000
const LONGEST_PAUSE = 60 * 60 * 1000

/**
 * What this process knows of the records that it tried to carry out. Forgotten when it ends: another one finds out for
 * itself.
 */
export class RecordNotes {
  readonly #attempts = new Map<string, RecordAttempts>()
  readonly #arrived = new Set<string>()
  readonly #doubts = new Map<string, number>()

  /** Notes a failure. Each one doubles the pause, so that what is refused time and again blocks nobody. */
  failed({ token }: OutboxRecord, lastError: StorageError): void {
    const count = (this.#attempts.get(token)?.count ?? 0) + 1
    const pause = Math.min(FIRST_PAUSE * 2 ** (count - 1), LONGEST_PAUSE)
    this.#attempts.set(token, { count, lastError, retryAt: Date.now() + pause })
  }

  attempts({ token }: OutboxRecord): RecordAttempts | undefined {
    return this.#attempts.get(token)
  }

  /** Notes that a record was carried out, and waits only because a request before it may still take effect. */
  arrived({ token }: OutboxRecord): void {
    this.#attempts.delete(token)
    this.#arrived.add(token)
  }

  hasArrived(token: string): boolean {
    return this.#arrived.has(token)
  }

  /** Notes that a request for this record was sent and never answered: until then it may take effect. */
  doubt({ token }: OutboxRecord, until: number): void {
    this.#doubts.set(token, Math.max(until, this.#doubts.get(token) ?? 0))
  }

  /** Until when a request that nobody answered may still take effect, in milliseconds since 1970; 0 for never. */
  doubtUntil({ token, doubtUntil }: OutboxRecord): number {
    return Math.max(doubtUntil?.getTime() ?? 0, this.#doubts.get(token) ?? 0)
  }

  forget({ token }: OutboxRecord): void {
    this.#attempts.delete(token)
    this.#arrived.delete(token)
    this.#doubts.delete(token)
  }
}

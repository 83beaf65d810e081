import { createHash } from 'node:crypto'
import { Readable } from 'node:stream'
import { StorageError } from '../errors/index.js'
import { quoteKey } from '../keys/index.js'
import { PendingIndex } from './pending-index.js'
import { parseRecordName, type RecordName, recordName } from './record-name.js'
import { isToken, makeToken, newId, outboxOf } from './token.js'
import type {
  CommitOptions,
  DeleteRecord,
  Outbox,
  OutboxClaim,
  OutboxConflict,
  OutboxDelete,
  OutboxListOptions,
  OutboxMark,
  OutboxPut,
  OutboxRange,
  OutboxRecord,
  OutboxStage,
  OutboxSummary,
  OutboxVolume,
  PutRecord,
  RejectedRecord,
} from './types.js'

/** An outbox in the memory of this process, for tests. What waits in it is lost when the process ends. */
export class MemoryOutbox implements Outbox {
  readonly #index = new PendingIndex()
  readonly #bodies = new Map<string, Uint8Array>()
  readonly #conflicts = new Map<string, OutboxConflict>()
  readonly #marks = new Set<OutboxMark>()
  readonly #times = new Map<string, Date>()
  readonly #id = newId()
  readonly #owner = newId()
  #tokens = 0

  async open(): Promise<void> {}

  onRejected(_listener: (rejected: RejectedRecord) => void): void {
    // Nothing is read from anywhere, so there is nothing to reject.
  }

  async newToken(): Promise<string> {
    return makeToken(this.#id, this.#owner, ++this.#tokens)
  }

  isOurs(token: string): boolean {
    return isToken(token) && outboxOf(token) === this.#id
  }

  async stage(token?: string): Promise<OutboxStage> {
    return new MemoryStage(token ?? (await this.newToken()), (entry, bytes, given, options) => {
      const sha256 = createHash('sha256').update(bytes).digest('hex')
      const md5 = createHash('md5').update(bytes).digest('hex')
      this.#bodies.set(given, bytes)
      return this.#commit(entry.key, options, (generation) => {
        return { ...entry, generation, token: given, size: bytes.byteLength, sha256, md5, createdAt: new Date() }
      })
    })
  }

  async commitDelete(entry: OutboxDelete, options: CommitOptions = {}): Promise<DeleteRecord> {
    const token = await this.newToken()
    return this.#commit(entry.key, options, (generation) => {
      return { ...entry, generation, token, size: 0, createdAt: new Date() }
    })
  }

  async find(key: string): Promise<OutboxRecord | undefined> {
    return this.#index.top(key)?.loaded?.record
  }

  async list(options?: OutboxListOptions): Promise<readonly OutboxRecord[]> {
    return this.#index.list(options)
  }

  async read(record: PutRecord, range?: OutboxRange): Promise<Readable> {
    const body = this.#bodies.get(record.token)
    if (body === undefined) {
      throw new StorageError('NOT_FOUND', `${quoteKey(record.key)} waits no longer.`, { key: record.key })
    }
    const bytes = range ? body.subarray(range.start, range.end + 1) : body
    return Readable.from(bytes.byteLength > 0 ? [bytes] : [], { objectMode: false })
  }

  async remove(record: OutboxRecord): Promise<void> {
    for (const { name } of this.#index.upTo(record)) {
      this.#index.remove(name.name)
      this.#bodies.delete(name.token)
    }
  }

  async end(key: string, mayGo: (current: OutboxRecord) => boolean): Promise<OutboxRecord | undefined> {
    const current = this.#index.top(key)?.loaded?.record
    if (current === undefined || !mayGo(current)) return current
    await this.remove(current)
    return undefined
  }

  async claim(record: OutboxRecord): Promise<OutboxClaim | undefined> {
    return this.#index.has(recordName(record)) ? { died: false, release: async () => {}, keep: () => {} } : undefined
  }

  async noteTime(driver: string, time: Date): Promise<void> {
    this.#times.set(driver, time)
  }

  async lastTime(driver: string): Promise<Date | undefined> {
    return this.#times.get(driver)
  }

  async summary(): Promise<OutboxSummary> {
    return this.#index.summary()
  }

  async noteConflict(conflict: OutboxConflict): Promise<void> {
    this.#conflicts.set(conflict.id, conflict)
  }

  async conflicts(): Promise<readonly OutboxConflict[]> {
    return [...this.#conflicts.values()]
  }

  async dismissConflict(id: string): Promise<void> {
    this.#conflicts.delete(id)
  }

  async mark(mark: OutboxMark): Promise<void> {
    this.#marks.add(mark)
  }

  async marked(mark: OutboxMark): Promise<boolean> {
    return this.#marks.has(mark)
  }

  async volume(): Promise<OutboxVolume> {
    return { ephemeral: 'memory' }
  }

  async close(): Promise<void> {}

  async #commit<R extends OutboxRecord>(
    key: string,
    { onto }: CommitOptions,
    make: (generation: number) => R,
  ): Promise<R> {
    const before = this.#index.top(key)?.loaded?.record
    const inherited = onto?.(before)
    const record: R = { ...make((before?.generation ?? 0) + 1), ...inherited }
    this.#index.add(parseRecordName(recordName(record)) as RecordName, { record, body: undefined })
    if (before) await this.remove(before)
    return record
  }
}

type Commit = (entry: OutboxPut, bytes: Uint8Array, token: string, options: CommitOptions) => Promise<PutRecord>

class MemoryStage implements OutboxStage {
  readonly token: string
  readonly #commit: Commit
  #chunks: Uint8Array[] = []
  #size = 0

  constructor(token: string, commit: Commit) {
    this.token = token
    this.#commit = commit
  }

  get size(): number {
    return this.#size
  }

  async write(chunk: Uint8Array): Promise<void> {
    this.#chunks.push(Uint8Array.from(chunk))
    this.#size += chunk.byteLength
  }

  commit(entry: OutboxPut, options: CommitOptions = {}): Promise<PutRecord> {
    return this.#commit(entry, Buffer.concat(this.#chunks), this.token, options)
  }

  async discard(): Promise<void> {
    this.#chunks = []
  }
}

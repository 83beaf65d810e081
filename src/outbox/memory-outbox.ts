import { createHash, randomBytes } from 'node:crypto'
import { Readable } from 'node:stream'
import { StorageError } from '../errors/index.js'
import { quoteKey } from '../keys/index.js'
import { PendingIndex } from './pending-index.js'
import type {
  Outbox,
  OutboxEntry,
  OutboxListOptions,
  OutboxMark,
  OutboxRange,
  OutboxRecord,
  OutboxStage,
  OutboxSummary,
  RejectedRecord,
} from './types.js'

/** An outbox in the memory of this process, for tests. What waits in it is lost when the process ends. */
export class MemoryOutbox implements Outbox {
  readonly #index = new PendingIndex()
  readonly #bodies = new Map<string, Uint8Array>()
  readonly #owner = randomBytes(8).toString('hex')
  readonly #marks = new Set<OutboxMark>()
  #tokens = 0

  async open(): Promise<void> {}

  onRejected(_listener: (rejected: RejectedRecord) => void): void {
    // Nothing is read from anywhere, so there is nothing to reject.
  }

  async stage(): Promise<OutboxStage> {
    const token = `${this.#owner}-${(++this.#tokens).toString(36)}`
    return new MemoryStage(token, (entry, bytes) => this.#commit(token, entry, bytes))
  }

  async find(key: string): Promise<OutboxRecord | undefined> {
    return this.#index.find(key)
  }

  async list(options?: OutboxListOptions): Promise<readonly OutboxRecord[]> {
    return this.#index.list(options)
  }

  async read(record: OutboxRecord, range?: OutboxRange): Promise<Readable> {
    const body = this.#bodies.get(record.token)
    if (body === undefined) {
      throw new StorageError('NOT_FOUND', `${quoteKey(record.key)} waits no longer.`, { key: record.key })
    }
    const bytes = range ? body.subarray(range.start, range.end + 1) : body
    return Readable.from(bytes.byteLength > 0 ? [bytes] : [], { objectMode: false })
  }

  async remove(record: OutboxRecord): Promise<void> {
    for (const old of this.#index.upTo(record)) {
      this.#index.remove(old)
      this.#bodies.delete(old.token)
    }
  }

  async summary(): Promise<OutboxSummary> {
    return this.#index.summary()
  }

  async mark(mark: OutboxMark): Promise<void> {
    this.#marks.add(mark)
  }

  async marked(mark: OutboxMark): Promise<boolean> {
    return this.#marks.has(mark)
  }

  async freeSpace(): Promise<undefined> {
    return undefined
  }

  async close(): Promise<void> {}

  async #commit(token: string, entry: OutboxEntry, bytes: Uint8Array): Promise<OutboxRecord> {
    const before = this.#index.find(entry.key)
    const record: OutboxRecord = {
      ...entry,
      generation: (before?.generation ?? 0) + 1,
      token,
      size: bytes.byteLength,
      sha256: createHash('sha256').update(bytes).digest('hex'),
      md5: createHash('md5').update(bytes).digest('hex'),
      createdAt: new Date(),
    }
    this.#bodies.set(token, bytes)
    this.#index.add(record)
    if (before) await this.remove(before)
    return record
  }
}

class MemoryStage implements OutboxStage {
  readonly token: string
  readonly #commit: (entry: OutboxEntry, bytes: Uint8Array) => Promise<OutboxRecord>
  #chunks: Uint8Array[] = []
  #size = 0

  constructor(token: string, commit: (entry: OutboxEntry, bytes: Uint8Array) => Promise<OutboxRecord>) {
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

  commit(entry: OutboxEntry): Promise<OutboxRecord> {
    return this.#commit(entry, Buffer.concat(this.#chunks))
  }

  async discard(): Promise<void> {
    this.#chunks = []
  }
}

import { join } from 'node:path'
import type { Readable } from 'node:stream'
import { makeDirectories, syncDirectory, systemCode, writeFully } from '../disk/index.js'
import { StorageError } from '../errors/index.js'
import { quoteKey } from '../keys/index.js'
import { bodyStream } from './body-stream.js'
import { type FsOutboxOptions, OutboxFolder, outboxError, unlinkIfThere } from './folder.js'
import { FsStage, type StagedBody } from './fs-stage.js'
import { KeyLock } from './key-lock.js'
import { type BodyPlace, loadOutbox } from './load.js'
import { PendingIndex } from './pending-index.js'
import { encodeRecord, recordName } from './record.js'
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

/**
 * An outbox on the local disk. Bodies of up to 64 KiB live in their record, larger ones in a file of their own that is
 * durable before its record is. The rename of the record is the one commit.
 */
export class FsOutbox implements Outbox {
  readonly #folder: OutboxFolder
  readonly #index = new PendingIndex()
  readonly #places = new Map<string, BodyPlace>()
  readonly #stages = new Set<FsStage>()
  readonly #lock = new KeyLock()
  readonly #listeners: ((rejected: RejectedRecord) => void)[] = []
  #rejected: RejectedRecord[] = []
  #opening: Promise<void> | undefined
  #marks: ReadonlySet<string> = new Set()
  #tokens = 0

  constructor(options: FsOutboxOptions) {
    this.#folder = new OutboxFolder(options)
  }

  open(): Promise<void> {
    this.#opening ??= this.#load().catch((error) => {
      this.#opening = undefined
      throw outboxError(error, 'Opening the outbox')
    })
    return this.#opening
  }

  onRejected(listener: (rejected: RejectedRecord) => void): void {
    this.#listeners.push(listener)
    for (const rejected of this.#rejected) listener(rejected)
  }

  async stage(): Promise<OutboxStage> {
    await this.open()
    const token = `${this.#folder.owner}-${(++this.#tokens).toString(36)}`
    const stage: FsStage = new FsStage(this.#folder, token, {
      publish: (entry, body) => this.#publish(entry, body),
      over: () => this.#stages.delete(stage),
    })
    this.#stages.add(stage)
    return stage
  }

  async find(key: string): Promise<OutboxRecord | undefined> {
    await this.open()
    return this.#index.find(key)
  }

  async list(options?: OutboxListOptions): Promise<readonly OutboxRecord[]> {
    await this.open()
    return this.#index.list(options)
  }

  async read(record: OutboxRecord, range?: OutboxRange): Promise<Readable> {
    await this.open()
    const facts = { operation: 'get', key: record.key }
    const gone = (cause?: unknown) =>
      new StorageError('NOT_FOUND', `${quoteKey(record.key)} waits no longer.`, { ...facts, cause })
    const place = this.#places.get(record.token)
    if (place === undefined) throw gone()
    try {
      const handle = await this.#folder.disk.open(place.path, 'r')
      const { start, end } = range ?? { start: 0, end: record.size - 1 }
      return bodyStream(handle, place.offset + start, end - start + 1, record.key)
    } catch (error) {
      if (systemCode(error) !== 'ENOENT') throw outboxError(error, 'Reading from the outbox', facts)
      if (!(await this.#isThere(record))) throw gone(error)
      throw new StorageError('CORRUPT', 'A body that waits in the outbox is missing.', { ...facts, cause: error })
    }
  }

  async remove(record: OutboxRecord): Promise<void> {
    await this.open()
    for (const old of this.#index.upTo(record)) {
      const facts = { operation: 'remove', key: record.key }
      try {
        await this.#removeOne(old)
      } catch (error) {
        throw outboxError(error, 'Removing from the outbox', facts)
      }
    }
  }

  async summary(): Promise<OutboxSummary> {
    await this.open()
    return this.#index.summary()
  }

  async mark(mark: OutboxMark): Promise<void> {
    await this.open()
    if (this.#marks.has(mark)) return
    const { disk, durability, marks } = this.#folder
    try {
      await this.#folder.make()
      await makeDirectories(disk, marks, durability, 0o700)
      await (await disk.open(join(marks, mark), 'w', 0o600)).close()
      await syncDirectory(disk, marks, durability)
    } catch (error) {
      throw outboxError(error, 'Writing to the outbox')
    }
    this.#marks = new Set([...this.#marks, mark])
  }

  async marked(mark: OutboxMark): Promise<boolean> {
    await this.open()
    return this.#marks.has(mark)
  }

  async freeSpace(): Promise<number | undefined> {
    try {
      await this.#folder.make()
      return (await this.#folder.disk.statfs(this.#folder.directory)).free
    } catch (error) {
      throw outboxError(error, 'Asking for the free space of the outbox')
    }
  }

  async close(): Promise<void> {
    await this.#opening?.catch(() => {
      // The caller of open() was told.
    })
    await Promise.all([...this.#stages].map((stage) => stage.discard()))
    this.#index.clear()
    this.#places.clear()
    this.#rejected = []
    this.#opening = undefined
    try {
      await this.#folder.leave()
    } catch (error) {
      throw outboxError(error, 'Closing the outbox')
    }
  }

  async #load(): Promise<void> {
    const { records, rejected, marks } = await loadOutbox(this.#folder)
    this.#marks = new Set(marks)
    for (const { record, body } of records) {
      this.#index.add(record)
      this.#places.set(record.token, body)
    }
    this.#rejected = [...rejected]
    for (const one of rejected) for (const listener of this.#listeners) listener(one)
  }

  #publish(entry: OutboxEntry, { inline, ...body }: StagedBody): Promise<OutboxRecord> {
    return this.#lock.run(entry.key, async () => {
      const before = this.#index.find(entry.key)
      const generation = (before?.generation ?? 0) + 1
      const { key, operation, driver, attributes } = entry
      const record = { key, operation, driver, attributes, ...body, generation, createdAt: new Date() }
      const header = encodeRecord(record, inline !== undefined)
      await this.#writeRecord(record, inline ? Buffer.concat([header, inline]) : header)
      this.#index.add(record)
      this.#places.set(record.token, this.#placeOf(record, inline ? header.byteLength : undefined))
      if (before) {
        // The new record stands, and the old one below it is never read again: it goes with the next removal.
        await this.remove(before).catch(() => {})
      }
      return record
    })
  }

  /** Whether the record still stands; another process may have removed it. */
  async #isThere(record: OutboxRecord): Promise<boolean> {
    if (!this.#places.has(record.token)) return false
    try {
      await this.#folder.disk.lstat(join(this.#folder.records, recordName(record)))
      return true
    } catch (error) {
      if (systemCode(error) !== 'ENOENT') throw outboxError(error, 'Reading from the outbox', { key: record.key })
      this.#index.remove(record)
      this.#places.delete(record.token)
      return false
    }
  }

  #placeOf(record: OutboxRecord, offset: number | undefined): BodyPlace {
    const { records, bodies } = this.#folder
    return offset === undefined
      ? { path: join(bodies, record.token), offset: 0 }
      : { path: join(records, recordName(record)), offset }
  }

  async #writeRecord(record: OutboxRecord, bytes: Uint8Array): Promise<void> {
    const { disk, durability, records } = this.#folder
    await this.#folder.make()
    const temporary = join(records, `.${record.token}.tmp`)
    const final = join(records, recordName(record))
    try {
      const handle = await disk.open(temporary, 'wx', 0o600)
      try {
        await writeFully(handle, bytes)
        if (durability === 'fsync') await handle.sync()
      } finally {
        await handle.close()
      }
      await disk.rename(temporary, final)
      await syncDirectory(disk, records, durability)
    } catch (error) {
      // Whichever of the two is there: what was refused must not come back with the next start.
      await Promise.allSettled([unlinkIfThere(disk, temporary), unlinkIfThere(disk, final)])
      throw error
    }
  }

  /** The record goes first and durably: a body without a record is garbage, a record without its body a loss. */
  async #removeOne(record: OutboxRecord): Promise<void> {
    const { disk, durability, records, bodies } = this.#folder
    const inRecord = this.#places.get(record.token)?.path.startsWith(records)
    await unlinkIfThere(disk, join(records, recordName(record)))
    await syncDirectory(disk, records, durability)
    this.#index.remove(record)
    this.#places.delete(record.token)
    if (inRecord) return
    try {
      await unlinkIfThere(disk, join(bodies, record.token))
    } catch {
      // Unreferenced from here on: it goes with the sweep after this process has ended.
    }
  }
}

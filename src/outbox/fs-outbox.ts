import { join } from 'node:path'
import type { Readable } from 'node:stream'
import { KeyQueue, makeDirectories, syncDirectory, systemCode } from '../disk/index.js'
import { StorageError } from '../errors/index.js'
import { quoteKey } from '../keys/index.js'
import { bodyStream } from './body-stream.js'
import { Claims } from './claims.js'
import { ConflictFiles } from './conflict-files.js'
import { DriverTimes } from './driver-times.js'
import { type FsOutboxOptions, OutboxFolder, outboxError } from './folder.js'
import { FsStage, type StagedBody } from './fs-stage.js'
import { PendingRecords } from './pending-records.js'
import { hashOfKey, recordName } from './record-name.js'
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
  StageOptions,
} from './types.js'
import { volumeOf } from './volume.js'

/** Milliseconds for which the free space is taken to be what it was: a limit with a margin need not be exact. */
const VOLUME_MS = 200

/**
 * An outbox on the local disk. Bodies of up to 64 KiB live in their record, larger ones in a file of their own that is
 * durable before its record is. The rename of the record is the one commit. Opening reads names only; a record is read
 * when it is first asked for.
 */
export class FsOutbox implements Outbox {
  readonly #folder: OutboxFolder
  readonly #records: PendingRecords
  readonly #conflicts: ConflictFiles
  readonly #claims: Claims
  readonly #times: DriverTimes
  readonly #stages = new Set<FsStage>()
  readonly #queue = new KeyQueue()
  /** Names a token's outbox where it could not be made: nothing waits there, so nobody will ask whose it is. */
  readonly #stray = newId()
  #volume: { readonly at: number; readonly answer: OutboxVolume } | undefined
  #opening: Promise<void> | undefined
  #open = false
  #tokens = 0

  constructor(options: FsOutboxOptions) {
    const { disk } = options
    this.#folder = new OutboxFolder(options)
    this.#records = new PendingRecords(this.#folder, disk)
    this.#conflicts = new ConflictFiles(this.#folder)
    this.#claims = new Claims(disk, this.#folder.claims)
    this.#times = new DriverTimes(this.#folder)
  }

  open(): Promise<void> {
    this.#opening ??= this.#load().catch((error) => {
      this.#opening = undefined
      throw outboxError(error, 'Opening the outbox')
    })
    return this.#opening
  }

  onRejected(listener: (rejected: RejectedRecord) => void): void {
    this.#records.onRejected(listener)
  }

  async newToken(): Promise<string> {
    if (this.#folder.id === undefined) {
      await this.open()
      // A put that goes well needs no outbox: it does not fail because the disk beside it does.
      await this.#folder.make().catch(() => {})
    }
    return makeToken(this.#folder.id ?? this.#stray, this.#folder.owner, ++this.#tokens)
  }

  isOurs(token: string): boolean {
    return isToken(token) && (outboxOf(token) === this.#folder.id || outboxOf(token) === this.#stray)
  }

  async stage(token?: string, { mayBeDiscarded = false }: StageOptions = {}): Promise<OutboxStage> {
    await this.open()
    const stage: FsStage = new FsStage(this.#folder, token ?? (await this.newToken()), mayBeDiscarded, {
      publish: (entry, body, options) => this.#publish(entry, body, options),
      over: () => this.#stages.delete(stage),
    })
    this.#stages.add(stage)
    return stage
  }

  async commitDelete(entry: OutboxDelete, options: CommitOptions = {}): Promise<DeleteRecord> {
    const token = await this.newToken()
    const facts = { operation: 'delete', key: entry.key, outcome: 'unchanged' } as const
    return this.#try('Writing to the outbox', facts, () =>
      this.#commit(entry.key, options, undefined, (generation) => {
        return { ...entry, token, size: 0, generation, createdAt: new Date() }
      }),
    )
  }

  async find(key: string): Promise<OutboxRecord | undefined> {
    await this.#ready()
    return (await this.#records.current(key))?.record
  }

  async list(options?: OutboxListOptions): Promise<readonly OutboxRecord[]> {
    await this.#ready()
    return this.#records.list(options)
  }

  async read(record: PutRecord, range?: OutboxRange): Promise<Readable> {
    await this.open()
    const facts = { operation: 'get', key: record.key }
    const name = recordName(record)
    const gone = (cause?: unknown) =>
      new StorageError('NOT_FOUND', `${quoteKey(record.key)} waits no longer.`, { ...facts, cause })
    return this.#try('Reading from the outbox', facts, async () => {
      const body = (await this.#records.loaded(name))?.body
      if (body === undefined) throw gone()
      try {
        const handle = await this.#folder.disk.open(body.path, 'r')
        const { start, end } = range ?? { start: 0, end: record.size - 1 }
        return bodyStream(handle, body.offset + start, end - start + 1, record.key)
      } catch (error) {
        if (systemCode(error) !== 'ENOENT') throw error
        if (!(await this.#records.isThere(name))) throw gone(error)
        throw new StorageError('CORRUPT', 'A body that waits in the outbox is missing.', { ...facts, cause: error })
      }
    })
  }

  async remove(record: OutboxRecord): Promise<void> {
    await this.#ready()
    const facts = { operation: 'remove', key: record.key }
    await this.#try('Removing from the outbox', facts, () => this.#records.removeUpTo(record))
  }

  async end(key: string, mayGo: (current: OutboxRecord) => boolean): Promise<OutboxRecord | undefined> {
    // Nearly every change asks, and nearly never does anything wait.
    if ((await this.find(key)) === undefined) return undefined
    return this.#try('Removing from the outbox', { operation: 'remove', key }, () =>
      this.#locked(key, async (current) => {
        if (current === undefined || !mayGo(current)) return current
        await this.#records.removeUpTo(current)
        return undefined
      }),
    )
  }

  async claim(record: OutboxRecord): Promise<OutboxClaim | undefined> {
    await this.#ready()
    return this.#try('Claiming a record of the outbox', { key: record.key }, async () => {
      const claim = await this.#claims.take(hashOfKey(record.key))
      if (claim === undefined) return undefined
      if (await this.#records.isThere(recordName(record))) return claim
      // Whoever had it before has carried it out.
      await claim.release()
      return undefined
    })
  }

  async noteTime(driver: string, time: Date): Promise<void> {
    // It is worth no folder of its own, nor an fsync: an earlier time is only more careful.
    if (!this.#open || this.#folder.id === undefined) return
    await this.#times.note(driver, time)
  }

  async lastTime(driver: string): Promise<Date | undefined> {
    return this.#try('Reading the outbox', {}, () => this.#times.read(driver))
  }

  async summary(): Promise<OutboxSummary> {
    await this.#ready()
    return this.#records.summary()
  }

  async noteConflict(conflict: OutboxConflict): Promise<void> {
    await this.open()
    await this.#try('Noting a conflict', { key: conflict.key }, () => this.#conflicts.note(conflict))
  }

  conflicts(): Promise<readonly OutboxConflict[]> {
    return this.#try('Reading the conflicts', {}, () => this.#conflicts.list())
  }

  dismissConflict(id: string): Promise<void> {
    return this.#try('Forgetting a conflict', {}, () => this.#conflicts.dismiss(id))
  }

  async mark(mark: OutboxMark): Promise<void> {
    await this.open()
    if (this.#records.marked(mark)) return
    const { disk, durability, marks } = this.#folder
    await this.#try('Writing to the outbox', {}, async () => {
      await this.#folder.make()
      await makeDirectories(disk, marks, durability, 0o700)
      await (await disk.open(join(marks, mark), 'w', 0o600)).close()
      await syncDirectory(disk, marks, durability)
    })
    await this.#records.noteMark(mark)
  }

  async marked(mark: OutboxMark): Promise<boolean> {
    await this.#ready()
    return this.#records.marked(mark)
  }

  async volume(): Promise<OutboxVolume> {
    const now = performance.now()
    if (this.#volume && now - this.#volume.at < VOLUME_MS) return this.#volume.answer
    const { disk, directory } = this.#folder
    const answer = await this.#try('Asking for the volume of the outbox', {}, () => volumeOf(disk, directory))
    this.#volume = { at: now, answer }
    return answer
  }

  async close(): Promise<void> {
    await this.#opening?.catch(() => {
      // The caller of open() was told.
    })
    await Promise.all([...this.#stages].map((stage) => stage.discard()))
    this.#opening = undefined
    this.#open = false
    await this.#try('Closing the outbox', {}, async () => {
      await this.#claims.end()
      await this.#times.settled()
      await this.#records.close()
      await this.#folder.leave()
    })
  }

  async #load(): Promise<void> {
    await this.#records.load()
    this.#open = true
  }

  /** Opened, and knowing what other processes have done. Waits for nothing where nothing happened. */
  async #ready(): Promise<void> {
    if (!this.#open) await this.open()
    await this.#records.refresh()
  }

  #publish(entry: OutboxPut, { inline, ...body }: StagedBody, options: CommitOptions): Promise<PutRecord> {
    return this.#commit(entry.key, options, inline, (generation) => {
      return { ...entry, ...body, generation, createdAt: new Date() }
    })
  }

  /** The next generation of a key, whatever other processes do: its number is given under the lock of the key. */
  async #commit<R extends OutboxRecord>(
    key: string,
    { onto }: CommitOptions,
    inline: Uint8Array | undefined,
    make: (generation: number) => R,
  ): Promise<R> {
    const { before, record } = await this.#locked(key, async (before) => {
      const inherited = onto?.(before)
      const record = { ...make((before?.generation ?? 0) + 1), ...inherited }
      await this.#records.add(record, inline)
      return { before, record }
    })
    // The new record stands, and the one below it is never read again.
    if (before) this.#records.retire(before)
    return record
  }

  /** Runs `work` on the key's current record under the lock of the key, which other processes respect too. */
  #locked<T>(key: string, work: (current: OutboxRecord | undefined) => Promise<T>): Promise<T> {
    return this.#queue.run(key, async () => {
      await this.#folder.make()
      await this.#ready()
      const lock = join(this.#folder.locks, hashOfKey(key))
      const taken = await this.#folder.signatures.take(lock)
      try {
        // Who died here may have died between its record and its news of it.
        if (taken === 'broken') await this.#records.rescan()
        else await this.#records.refresh()
        return await work((await this.#records.current(key))?.record)
      } finally {
        await this.#folder.signatures.release(lock)
      }
    })
  }

  async #try<T>(doing: string, facts: Parameters<typeof outboxError>[2], work: () => Promise<T>): Promise<T> {
    try {
      return await work()
    } catch (error) {
      throw outboxError(error, doing, facts)
    }
  }
}

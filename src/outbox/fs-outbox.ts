import { join } from 'node:path'
import type { Readable } from 'node:stream'
import { KeyQueue, makeDirectories, syncDirectory, systemCode } from '../disk/index.js'
import { StorageError } from '../errors/index.js'
import { quoteKey } from '../keys/index.js'
import { bodyStream } from './body-stream.js'
import { ChangeLog, type Changes } from './change-log.js'
import { Claims } from './claims.js'
import { ConflictFiles } from './conflict-files.js'
import { DriverTimes } from './driver-times.js'
import { type FsOutboxOptions, namesIn, OutboxFolder, outboxError } from './folder.js'
import { FsStage, type StagedBody } from './fs-stage.js'
import { type LoadedRecord, type PendingEntry, PendingIndex } from './pending-index.js'
import type { RecordProblem } from './record.js'
import { RecordFiles } from './record-files.js'
import { hashOfKey, parseRecordName, type RecordName, recordName } from './record-name.js'
import { scan, scanAndSweep } from './sweep.js'
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
import { volumeOf } from './volume.js'

/** Bytes from which an empty outbox that nobody else has open begins its change log anew. */
const LONG_LOG = 4 * 1024 * 1024
const READERS = 16
/** What a mark is called in the change log. */
const MARK = 'mark:'

/**
 * An outbox on the local disk. Bodies of up to 64 KiB live in their record, larger ones in a file of their own that is
 * durable before its record is. The rename of the record is the one commit. Opening reads names only; a record is read
 * when it is first asked for.
 */
export class FsOutbox implements Outbox {
  readonly #folder: OutboxFolder
  readonly #files: RecordFiles
  readonly #conflicts: ConflictFiles
  readonly #log: ChangeLog
  readonly #claims: Claims
  readonly #times: DriverTimes
  readonly #index = new PendingIndex()
  readonly #stages = new Set<FsStage>()
  readonly #queue = new KeyQueue()
  readonly #listeners: ((rejected: RejectedRecord) => void)[] = []
  readonly #rejected = new Map<string, RejectedRecord>()
  /** Names a token's outbox where it could not be made: nothing waits there, so nobody will ask whose it is. */
  readonly #stray = newId()
  #opening: Promise<void> | undefined
  #open = false
  #refreshing: Promise<void> | undefined
  #marks: ReadonlySet<string> = new Set()
  #tokens = 0

  constructor(options: FsOutboxOptions) {
    const { disk } = options
    this.#folder = new OutboxFolder(options)
    this.#files = new RecordFiles(this.#folder)
    this.#conflicts = new ConflictFiles(this.#folder)
    this.#log = new ChangeLog(disk, this.#folder.changes)
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
    this.#listeners.push(listener)
    for (const rejected of this.#rejected.values()) listener(rejected)
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

  async stage(token?: string): Promise<OutboxStage> {
    await this.open()
    const stage: FsStage = new FsStage(this.#folder, token ?? (await this.newToken()), {
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
    return (await this.#current(key))?.record
  }

  async list(options?: OutboxListOptions): Promise<readonly OutboxRecord[]> {
    await this.#ready()
    await this.#try('Reading the outbox', {}, () => this.#readAll())
    return this.#index.list(options)
  }

  async read(record: PutRecord, range?: OutboxRange): Promise<Readable> {
    await this.open()
    const facts = { operation: 'get', key: record.key }
    const name = recordName(record)
    const gone = (cause?: unknown) =>
      new StorageError('NOT_FOUND', `${quoteKey(record.key)} waits no longer.`, { ...facts, cause })
    return this.#try('Reading from the outbox', facts, async () => {
      const body = (await this.#loaded(name))?.body
      if (body === undefined) throw gone()
      try {
        const handle = await this.#folder.disk.open(body.path, 'r')
        const { start, end } = range ?? { start: 0, end: record.size - 1 }
        return bodyStream(handle, body.offset + start, end - start + 1, record.key)
      } catch (error) {
        if (systemCode(error) !== 'ENOENT') throw error
        if (!(await this.#files.isThere(name))) {
          this.#index.remove(name)
          throw gone(error)
        }
        throw new StorageError('CORRUPT', 'A body that waits in the outbox is missing.', { ...facts, cause: error })
      }
    })
  }

  async remove(record: OutboxRecord): Promise<void> {
    await this.#ready()
    const facts = { operation: 'remove', key: record.key }
    await this.#try('Removing from the outbox', facts, () => this.#removeUpTo(record))
  }

  async claim(record: OutboxRecord): Promise<OutboxClaim | undefined> {
    await this.#ready()
    return this.#try('Claiming a record of the outbox', { key: record.key }, async () => {
      const claim = await this.#claims.take(record.token)
      if (claim === undefined) return undefined
      if (await this.#files.isThere(recordName(record))) return claim
      // Whoever had it before has carried it out.
      this.#index.remove(recordName(record))
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
    return this.#index.summary()
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
    if (this.#marks.has(mark)) return
    const { disk, durability, marks } = this.#folder
    await this.#try('Writing to the outbox', {}, async () => {
      await this.#folder.make()
      await makeDirectories(disk, marks, durability, 0o700)
      await (await disk.open(join(marks, mark), 'w', 0o600)).close()
      await syncDirectory(disk, marks, durability)
    })
    this.#marks = new Set([...this.#marks, mark])
    await this.#tell('added', [MARK + mark])
  }

  async marked(mark: OutboxMark): Promise<boolean> {
    await this.#ready()
    return this.#marks.has(mark)
  }

  volume(): Promise<OutboxVolume> {
    const { disk, directory } = this.#folder
    return this.#try('Asking for the volume of the outbox', {}, () => volumeOf(disk, directory))
  }

  async close(): Promise<void> {
    await this.#opening?.catch(() => {
      // The caller of open() was told.
    })
    await Promise.all([...this.#stages].map((stage) => stage.discard()))
    await this.#refreshing?.catch(() => {})
    this.#index.clear()
    this.#rejected.clear()
    this.#opening = undefined
    this.#open = false
    await this.#try('Closing the outbox', {}, async () => {
      await this.#claims.releaseAll()
      await this.#times.settled()
      await this.#log.close()
      await this.#folder.leave()
    })
  }

  async #load(): Promise<void> {
    const { disk, marks } = this.#folder
    await this.#folder.readId()
    await this.#log.start()
    const { records, strange, alone } = await scanAndSweep(this.#folder)
    if (alone && records.length === 0 && this.#log.size > LONG_LOG) await this.#log.clear()
    this.#index.reset(records)
    this.#marks = new Set(await namesIn(disk, marks))
    for (const name of strange) await this.#reject(name, { problem: 'its name is none of a record', newer: false })
    this.#open = true
  }

  /** Opened, and knowing what other processes have done. Waits for nothing where nothing happened. */
  async #ready(): Promise<void> {
    if (!this.#open) await this.open()
    await this.#refresh()
  }

  async #refresh(): Promise<void> {
    while (this.#refreshing) await this.#refreshing
    const news = this.#log.look()
    if (news === undefined) return
    this.#refreshing = this.#try('Reading the outbox', {}, async () => this.#apply(await news)).finally(() => {
      this.#refreshing = undefined
    })
    await this.#refreshing
  }

  async #apply(changes: Changes): Promise<void> {
    if (changes === 'unknown') return this.#rescan()
    for (const { type, name } of changes) {
      if (type === 'removed') {
        this.#index.remove(name)
        continue
      }
      const parsed = parseRecordName(name)
      if (parsed) this.#index.add(parsed)
      else if (name.startsWith(MARK)) this.#marks = new Set([...this.#marks, name.slice(MARK.length)])
    }
  }

  async #rescan(): Promise<void> {
    this.#index.reset(await scan(this.#folder))
    const { disk, marks } = this.#folder
    this.#marks = new Set(await namesIn(disk, marks))
  }

  /** The highest generation that can be trusted. */
  async #current(key: string): Promise<LoadedRecord | undefined> {
    for (;;) {
      const entry = this.#index.top(key)
      if (entry === undefined) return undefined
      const loaded = entry.loaded ?? (await this.#try('Reading the outbox', { key }, () => this.#read(entry)))
      if (loaded) return loaded
    }
  }

  async #loaded(name: string): Promise<LoadedRecord | undefined> {
    const parsed = this.#index.has(name) ? parseRecordName(name) : undefined
    if (parsed === undefined) return undefined
    const entry = this.#index.add(parsed)
    return entry.loaded ?? (await this.#read(entry))
  }

  async #readAll(): Promise<void> {
    const entries = this.#index.unread.values()
    const work = async () => {
      for (const entry of entries) await this.#read(entry)
    }
    await Promise.all(Array.from({ length: READERS }, work))
  }

  /** Learns what a record says; one that is gone or cannot be trusted is forgotten. */
  async #read(entry: PendingEntry): Promise<LoadedRecord | undefined> {
    const { name } = entry.name
    const found = await this.#files.read(name)
    if (found === undefined) {
      this.#index.remove(name)
      return undefined
    }
    if ('record' in found) {
      this.#index.setLoaded(entry, found)
      return found
    }
    this.#index.remove(name)
    await this.#reject(name, found)
    return undefined
  }

  async #reject(name: string, { problem, newer }: RecordProblem): Promise<void> {
    if (this.#rejected.has(name)) return
    const rejected = { name, problem }
    this.#rejected.set(name, rejected)
    if (!newer) await this.#files.setAside(name)
    for (const listener of this.#listeners) listener(rejected)
  }

  #publish(entry: OutboxPut, { inline, ...body }: StagedBody, options: CommitOptions): Promise<PutRecord> {
    return this.#commit(entry.key, options, inline, (generation) => {
      return { ...entry, ...body, generation, createdAt: new Date() }
    })
  }

  /** The next generation of a key, whatever other processes do: its number is given under the lock of the key. */
  #commit<R extends OutboxRecord>(
    key: string,
    { onto }: CommitOptions,
    inline: Uint8Array | undefined,
    make: (generation: number) => R,
  ): Promise<R> {
    return this.#queue.run(key, async () => {
      await this.#folder.make()
      await this.#ready()
      const lock = join(this.#folder.locks, hashOfKey(key))
      const taken = await this.#folder.signatures.take(lock)
      let before: OutboxRecord | undefined
      let record: R
      try {
        // Who died here may have died between its record and its news of it.
        if (taken === 'broken') await this.#rescan()
        else await this.#refresh()
        before = (await this.#current(key))?.record
        const inherited = onto?.(before)
        record = { ...make((before?.generation ?? 0) + 1), ...inherited }
        const loaded = await this.#files.write(record, inline)
        const name = parseRecordName(recordName(record)) as RecordName
        this.#index.add(name, loaded)
        await this.#tell('added', [name.name])
      } finally {
        await this.#folder.signatures.release(lock)
      }
      if (before) {
        // The new record stands, and the old one below it is never read again: it goes with the next removal.
        await this.#removeUpTo(before).catch(() => {})
      }
      return record
    })
  }

  async #removeUpTo(record: OutboxRecord): Promise<void> {
    const all = this.#index.upTo(record)
    // No disk promises to keep removals in order: the highest goes last, or after a crash an older one would count.
    for (const entries of [all.slice(0, -1), all.slice(-1)]) await this.#removeAll(entries)
  }

  async #removeAll(entries: readonly PendingEntry[]): Promise<void> {
    if (entries.length === 0) return
    const names = entries.map(({ name }) => name.name)
    const bodies = entries.filter(({ loaded }) => loaded === undefined || !isInRecord(loaded))
    const puts = bodies.filter(({ name }) => name.operation === 'put').map(({ name }) => name.token)
    await this.#files.remove(names, puts)
    for (const name of names) this.#index.remove(name)
    await this.#tell('removed', names)
  }

  /** A change is made when its record is: that the news of it cannot be written does not undo it. */
  async #tell(type: 'added' | 'removed', names: readonly string[]): Promise<void> {
    await this.#log.append(names.map((name) => ({ type, name }))).catch(() => {})
  }

  async #try<T>(doing: string, facts: Parameters<typeof outboxError>[2], work: () => Promise<T>): Promise<T> {
    try {
      return await work()
    } catch (error) {
      throw outboxError(error, doing, facts)
    }
  }
}

function isInRecord({ record, body }: LoadedRecord): boolean {
  return body?.path.endsWith(record.token) !== true
}

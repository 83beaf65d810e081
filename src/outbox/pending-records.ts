import type { Disk } from '../disk/index.js'
import { ChangeLog, type Changes } from './change-log.js'
import { namesIn, type OutboxFolder, outboxError } from './folder.js'
import { type LoadedRecord, type PendingEntry, PendingIndex } from './pending-index.js'
import type { RecordProblem } from './record.js'
import { RecordFiles } from './record-files.js'
import { parseRecordName, type RecordName, recordName } from './record-name.js'
import { scan, scanAndSweep } from './sweep.js'
import type { OutboxListOptions, OutboxRecord, OutboxSummary, RejectedRecord } from './types.js'

/** Bytes from which an empty outbox that nobody else has open begins its change log anew. */
const LONG_LOG = 4 * 1024 * 1024
const READERS = 16
/** What a mark is called in the change log. */
const MARK = 'mark:'

/**
 * The records of a folder as this process knows them: kept up to date with what other processes do, read when they are
 * first asked for, and set aside where they cannot be trusted.
 */
export class PendingRecords {
  readonly #folder: OutboxFolder
  readonly #files: RecordFiles
  readonly #log: ChangeLog
  readonly #index = new PendingIndex()
  readonly #rejected = new Map<string, RejectedRecord>()
  readonly #listeners: ((rejected: RejectedRecord) => void)[] = []
  readonly #retired: OutboxRecord[] = []
  #retiring: Promise<void> | undefined
  #refreshing: Promise<void> | undefined
  #marks: ReadonlySet<string> = new Set()

  constructor(folder: OutboxFolder, disk: Disk) {
    this.#folder = folder
    this.#files = new RecordFiles(folder)
    this.#log = new ChangeLog(disk, folder.changes)
  }

  onRejected(listener: (rejected: RejectedRecord) => void): void {
    this.#listeners.push(listener)
    for (const rejected of this.#rejected.values()) listener(rejected)
  }

  /** Looks which records there are, without reading one, and removes what dead processes left unfinished. */
  async load(): Promise<void> {
    const { disk, marks } = this.#folder
    await this.#folder.readId()
    await this.#log.start()
    const { records, strange, alone } = await scanAndSweep(this.#folder)
    if (alone && records.length === 0 && this.#log.size > LONG_LOG) await this.#log.clear()
    this.#index.reset(records)
    this.#marks = new Set(await namesIn(disk, marks))
    for (const name of strange) await this.#reject(name, { problem: 'its name is none of a record', newer: false })
  }

  /** Learns what other processes have done. Waits for nothing where nothing happened. */
  async refresh(): Promise<void> {
    while (this.#refreshing) await this.#refreshing
    const news = this.#look()
    if (news === undefined) return
    this.#refreshing = reading({}, async () => this.#apply(await news)).finally(() => {
      this.#refreshing = undefined
    })
    await this.#refreshing
  }

  #look(): ReturnType<ChangeLog['look']> {
    try {
      return this.#log.look()
    } catch (error) {
      throw outboxError(error, 'Reading the outbox')
    }
  }

  async #apply(changes: Changes): Promise<void> {
    if (changes === 'unknown') return this.rescan()
    for (const { type, name } of changes) {
      if (type === 'removed') {
        this.#index.forget(name)
        continue
      }
      const parsed = parseRecordName(name)
      if (parsed) this.#index.add(parsed)
      else if (name.startsWith(MARK)) this.#marks = new Set([...this.#marks, name.slice(MARK.length)])
    }
  }

  /** Looks at everything again. */
  async rescan(): Promise<void> {
    const { disk, marks } = this.#folder
    // Another process may have made the outbox since it was looked for.
    if (this.#folder.id === undefined) await this.#folder.readId()
    this.#index.reset(await scan(this.#folder))
    this.#marks = new Set(await namesIn(disk, marks))
  }

  /** The highest generation that can be trusted. */
  async current(key: string): Promise<LoadedRecord | undefined> {
    for (;;) {
      const entry = this.#index.top(key)
      if (entry === undefined) return undefined
      const loaded = entry.loaded ?? (await reading({ key }, () => this.#read(entry)))
      if (typeof loaded === 'object') return loaded
      // What took its place is told of by now.
      if (loaded === 'gone') await this.refresh()
    }
  }

  /** One record by the name of its file; undefined where it is gone. */
  async loaded(name: string): Promise<LoadedRecord | undefined> {
    const parsed = this.#index.has(name) ? parseRecordName(name) : undefined
    if (parsed === undefined) return undefined
    const entry = this.#index.add(parsed)
    const loaded = entry.loaded ?? (await this.#read(entry))
    return typeof loaded === 'object' ? loaded : undefined
  }

  /** The current records, in byte order of their keys. */
  async list(options?: OutboxListOptions): Promise<readonly OutboxRecord[]> {
    await this.#retiring
    while (await this.#readAll()) await this.refresh()
    return this.#index.list(options)
  }

  /** Learns what all records say. Answers whether one was gone, and another one may have taken its place. */
  async #readAll(): Promise<boolean> {
    let gone = false
    const entries = this.#index.unread.values()
    const work = async () => {
      for (const entry of entries) if ((await this.#read(entry)) === 'gone') gone = true
    }
    await reading({}, () => Promise.all(Array.from({ length: READERS }, work)))
    return gone
  }

  summary(): OutboxSummary {
    return this.#index.summary()
  }

  /** Makes a record durable, and tells the other processes. */
  async add(record: OutboxRecord, inline: Uint8Array | undefined): Promise<void> {
    const loaded = await this.#files.write(record, inline)
    const name = parseRecordName(recordName(record)) as RecordName
    this.#index.add(name, loaded)
    await this.#tell('added', [name.name])
  }

  /** Whether the record still stands on disk; one that does not is forgotten. */
  async isThere(name: string): Promise<boolean> {
    if (await this.#files.isThere(name)) return true
    this.#index.forget(name)
    return false
  }

  marked(mark: string): boolean {
    return this.#marks.has(mark)
  }

  /** Notes a mark that is durable by now, and tells the other processes. */
  async noteMark(mark: string): Promise<void> {
    this.#marks = new Set([...this.#marks, mark])
    await this.#tell('added', [MARK + mark])
  }

  /** Learns what a record says; one that is gone or cannot be trusted (undefined) is forgotten. */
  async #read(entry: PendingEntry): Promise<LoadedRecord | 'gone' | undefined> {
    const { name } = entry.name
    const found = await this.#files.read(name)
    if (found === undefined) {
      this.#index.forget(name)
      return 'gone'
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

  /** Removes this generation of a key and all older ones. */
  async removeUpTo(record: OutboxRecord): Promise<void> {
    await this.#retiring
    const all = this.#index.upTo(record)
    // No disk promises to keep removals in order: the highest goes last, or after a crash an older one would count.
    for (const entries of [all.slice(0, -1), all.slice(-1)]) await this.#removeAll(entries)
  }

  /** Has a superseded record removed soon, together with others. One that stays goes with the next of its key. */
  retire(record: OutboxRecord): void {
    this.#retired.push(record)
    this.#retiring ??= this.#removeRetired().finally(() => {
      this.#retiring = undefined
    })
  }

  async #removeRetired(): Promise<void> {
    while (this.#retired.length > 0) {
      // Those that come in this turn share one fsync.
      await new Promise(setImmediate)
      const entries = this.#retired.splice(0).flatMap((record) => this.#index.upTo(record))
      await this.#removeAll([...new Set(entries)]).catch(() => {})
    }
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

  /** Forgets everything, and releases what is open. */
  async close(): Promise<void> {
    await this.#retiring
    await this.#refreshing?.catch(() => {})
    this.#index.clear()
    this.#rejected.clear()
    await this.#log.close()
  }
}

async function reading<T>(facts: { readonly key?: string }, work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    throw outboxError(error, 'Reading the outbox', facts)
  }
}

function isInRecord({ record, body }: LoadedRecord): boolean {
  return body?.path.endsWith(record.token) !== true
}

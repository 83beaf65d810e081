import { compareKeys } from '../keys/index.js'
import { hashOfKey, type RecordName } from './record-name.js'
import type { OutboxListOptions, OutboxRecord, OutboxSummary } from './types.js'

/** Where the body of a record lies. */
export interface BodyPlace {
  readonly path: string
  readonly offset: number
}

/** A record that was read, and where its body lies; undefined for a tombstone, which has none. */
export interface LoadedRecord {
  readonly record: OutboxRecord
  readonly body: BodyPlace | undefined
}

/** A record as far as it is known: by its name, or by what it says too. */
export interface PendingEntry {
  readonly name: RecordName
  /** Grows with each time that records were learnt of. */
  readonly since: number
  loaded?: LoadedRecord | undefined
}

/** The records in memory: by the hash of their key, and, once they were read, in byte order of the keys. */
export class PendingIndex {
  /** The lowest generation first. */
  readonly #byHash = new Map<string, PendingEntry[]>()
  readonly #byName = new Map<string, PendingEntry>()
  readonly #unread = new Set<PendingEntry>()
  /** The keys of which a record was read, in order, and those that are not in it yet. */
  #keys: string[] = []
  #fresh: string[] = []
  #bytes = 0
  #now = 0

  /** How many keys wait. */
  get size(): number {
    return this.#byHash.size
  }

  /** Bytes of the current records. */
  get bytes(): number {
    return this.#bytes
  }

  /** The records that are known by name only. */
  get unread(): readonly PendingEntry[] {
    return [...this.#unread]
  }

  /** Takes a record in; one that is there already only learns what it says. */
  add(name: RecordName, loaded?: LoadedRecord | undefined): PendingEntry {
    const known = this.#byName.get(name.name)
    if (known) {
      if (loaded) this.setLoaded(known, loaded)
      return known
    }
    const entry: PendingEntry = { name, since: this.#now++ }
    this.#byName.set(name.name, entry)
    this.#unread.add(entry)
    this.#change(name.hash, (entries) =>
      entries.length === 0 ? [entry] : [...entries, entry].sort(compareGenerations),
    )
    if (loaded) this.setLoaded(entry, loaded)
    return entry
  }

  setLoaded(entry: PendingEntry, loaded: LoadedRecord): void {
    if (!this.#unread.delete(entry)) return
    entry.loaded = loaded
    this.#fresh.push(loaded.record.key)
  }

  /** Forgets one record, by its file name. */
  remove(name: string): void {
    const entry = this.#byName.get(name)
    if (entry === undefined) return
    this.#byName.delete(name)
    this.#unread.delete(entry)
    const left = this.#change(entry.name.hash, (entries) => entries.filter((other) => other !== entry))
    const key = entry.loaded?.record.key
    if (key === undefined || left.some(({ loaded }) => loaded)) return
    this.#order()
    const at = this.#position(key)
    if (this.#keys[at] === key) this.#keys.splice(at, 1)
  }

  /**
   * Forgets a record of which the file is gone, and those of its key below it: whoever removes one has removed them first.
   */
  forget(name: string): void {
    const gone = this.#byName.get(name)
    if (gone === undefined) return
    for (const other of this.#byHash.get(gone.name.hash) ?? []) {
      if (other === gone || isBelow(other, gone)) this.remove(other.name.name)
    }
  }

  /** Takes this for all there is; what was read of it before stays known. */
  reset(names: readonly RecordName[]): void {
    if (this.#byName.size > 0) {
      const there = new Set(names.map(({ name }) => name))
      for (const name of [...this.#byName.keys()]) if (!there.has(name)) this.remove(name)
    }
    // What is found together says nothing of which came first.
    const now = this.#now
    for (const name of names) {
      this.#now = now
      this.add(name)
    }
    this.#now = now + 1
  }

  has(name: string): boolean {
    return this.#byName.has(name)
  }

  /** The highest generation. */
  top(key: string): PendingEntry | undefined {
    return this.#byHash.size === 0 ? undefined : this.#byHash.get(hashOfKey(key))?.at(-1)
  }

  /** This record and those of its key below it, the lowest first; none where it is gone, for they went before it. */
  upTo({ key, token }: OutboxRecord): readonly PendingEntry[] {
    const entries = this.#byHash.get(hashOfKey(key)) ?? []
    const record = entries.find(({ name }) => name.token === token)
    return record ? entries.filter((other) => other === record || isBelow(other, record)) : []
  }

  clear(): void {
    this.#byHash.clear()
    this.#byName.clear()
    this.#unread.clear()
    this.#keys = []
    this.#fresh = []
    this.#bytes = 0
  }

  /** The current records of those that were read. */
  list({ prefix = '', startAfter, limit = Number.POSITIVE_INFINITY }: OutboxListOptions = {}): OutboxRecord[] {
    const found: OutboxRecord[] = []
    this.#order()
    const behind = startAfter !== undefined && compareKeys(startAfter, prefix) >= 0
    for (let i = this.#position(behind ? startAfter : prefix); i < this.#keys.length && found.length < limit; i++) {
      const key = this.#keys[i] as string
      if (behind && key === startAfter) continue
      if (!key.startsWith(prefix)) break
      const record = this.top(key)?.loaded?.record
      if (record) found.push(record)
    }
    return found
  }

  summary(): OutboxSummary {
    let oldest = Number.POSITIVE_INFINITY
    for (const entries of this.#byHash.values()) oldest = Math.min(oldest, entries.at(-1)?.name.time ?? oldest)
    const { size: count, bytes } = this
    return count === 0 ? { count, bytes } : { count, bytes, oldest: new Date(oldest) }
  }

  #change(hash: string, change: (entries: readonly PendingEntry[]) => PendingEntry[]): readonly PendingEntry[] {
    const before = this.#byHash.get(hash) ?? []
    const after = change(before)
    this.#bytes += (after.at(-1)?.name.size ?? 0) - (before.at(-1)?.name.size ?? 0)
    if (after.length > 0) this.#byHash.set(hash, after)
    else this.#byHash.delete(hash)
    return after
  }

  /** A few keys are put in their place; of many it is quicker to sort them all. */
  #order(): void {
    const fresh = this.#fresh
    if (fresh.length === 0) return
    this.#fresh = []
    if (fresh.length > 32) {
      this.#keys = [...new Set([...this.#keys, ...fresh])].sort(compareKeys)
      return
    }
    for (const key of fresh) {
      const at = this.#position(key)
      if (this.#keys[at] !== key) this.#keys.splice(at, 0, key)
    }
  }

  /** Where the key is, or would be. */
  #position(key: string): number {
    let low = 0
    let high = this.#keys.length
    while (low < high) {
      const middle = (low + high) >> 1
      if (compareKeys(this.#keys[middle] as string, key) < 0) low = middle + 1
      else high = middle
    }
    return low
  }
}

/** By generation. After a crash there may be two of the same; then the token decides, the same way for everybody. */
function compareGenerations({ name: a }: PendingEntry, { name: b }: PendingEntry): number {
  return a.generation - b.generation || (a.token < b.token ? -1 : a.token > b.token ? 1 : 0)
}

/**
 * Whether the one was superseded by the other. When nothing of a key waits any more its generations begin anew: a lower one that
 * was learnt of later has come later, and is of no concern to a removal that took its time or was told late. Of those found
 * together the names say which came first.
 */
function isBelow(one: PendingEntry, other: PendingEntry): boolean {
  if (one.name.generation >= other.name.generation) return false
  return one.since < other.since || (one.since === other.since && one.name.time <= other.name.time)
}

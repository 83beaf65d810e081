import { checkListOptions, type ListEntry } from '../driver/index.js'
import { StorageError } from '../errors/index.js'
import { compareKeys } from '../keys/index.js'
import type { PutRecord } from '../outbox/index.js'
import { pendingBlob, type StoreContext } from './context.js'
import { failureKind } from './failures.js'
import type { ListPageOptions, StoreListOptions } from './options.js'
import { aborted } from './read.js'
import { nameOfEntry, SortedEntries } from './sorted-entries.js'
import type { StoredEntry } from './stored.js'

/** One page of a list. */
export interface ListPage<E extends StoredEntry = StoredEntry> {
  readonly entries: readonly E[]
  /** For the next page; undefined where there is none. It stays valid across outages, moves and restarts. */
  readonly cursor?: string | undefined
}

/** Entries of a near driver that are looked at before the far ones are asked for the same span of keys. */
const NEAR_WINDOW = 5000
/** Entries of a far driver that are merged at once. */
const FAR_BATCH = 1000

/**
 * All drivers and the outbox as one list, in byte order, each key once: the waiting version before the far one before
 * the near one. A blob that moves meanwhile is not missed: each span of keys is read near, then far, then near again, so
 * that wherever the blob comes from, it is seen there or where it went.
 */
export async function* listBlobs(
  context: StoreContext,
  options: StoreListOptions,
): AsyncGenerator<StoredEntry, void, undefined> {
  checkListOptions(options)
  const { limit = Number.POSITIVE_INFINITY } = options
  let count = 0
  if (limit === 0) return
  for await (const entry of new MergedList(context, options).entries()) {
    if (options.signal?.aborted) throw aborted('list', undefined, options.signal)
    yield entry
    if (++count >= limit) return
  }
}

/** One page; INVALID_ARGUMENT for a cursor that this store did not make. */
export async function listPage(context: StoreContext, options: ListPageOptions): Promise<ListPage> {
  const { cursor, limit = 1000, ...rest } = options
  checkListOptions({ ...rest, limit })
  if (limit === 0)
    throw new StorageError('INVALID_ARGUMENT', 'list: a page has at least one entry.', { operation: 'list' })
  const entries: StoredEntry[] = []
  const startAfter = cursor === undefined ? undefined : readCursor(cursor)
  for await (const entry of listBlobs(context, { ...rest, startAfter, limit: limit + 1 })) entries.push(entry)
  if (entries.length <= limit) return { entries }
  entries.length = limit
  return { entries, cursor: writeCursor(nameOfEntry(entries.at(-1) as StoredEntry)) }
}

function writeCursor(after: string): string {
  return Buffer.from(JSON.stringify({ v: 1, after })).toString('base64url')
}

function readCursor(cursor: string): string {
  try {
    const { v, after } = JSON.parse(Buffer.from(cursor, 'base64url').toString())
    if (v === 1 && typeof after === 'string') return after
  } catch {
    // Falls through: whatever is wrong with it, it is not ours.
  }
  throw new StorageError('INVALID_ARGUMENT', 'The cursor is none of this store.', {
    operation: 'list',
    hint: 'Pass the cursor of the page before unchanged, or none for the first page.',
  })
}

interface NamedList {
  readonly name: string
  readonly list: SortedEntries
}

class MergedList {
  readonly #context: StoreContext
  readonly #options: StoreListOptions
  readonly #near: readonly string[]
  /** What was read and not yet emitted. */
  readonly #span: Span
  #far: readonly string[]
  #cursor: string | undefined

  constructor(context: StoreContext, options: StoreListOptions) {
    const names = [...context.drivers.configured()].map(([name]) => name)
    this.#context = context
    this.#options = options
    this.#near = names.filter((name) => context.near.has(name))
    this.#far = names.filter((name) => !context.near.has(name))
    this.#span = new Span(context)
    this.#cursor = options.startAfter
  }

  async *entries(): AsyncGenerator<StoredEntry, void, undefined> {
    const near = this.#lists(this.#near)
    try {
      for (let bound: string | undefined = ''; bound !== undefined; this.#cursor = bound) {
        bound = await this.#take(near, NEAR_WINDOW)
        yield* this.#window(bound)
      }
    } finally {
      await Promise.all(near.map(({ list }) => list.close()))
    }
  }

  /** Everything from the cursor to the bound, of which the near drivers' part was read just before. */
  async *#window(bound: string | undefined): AsyncGenerator<StoredEntry, void, undefined> {
    await this.#addPending(bound)
    const far = this.#lists(this.#far)
    try {
      let reached: string | undefined
      do {
        reached = await this.#takeFar(far, bound)
        const end = reached ?? bound
        if (this.#far.length > 0) await this.#addNear(end)
        yield* this.#span.takeUpTo(end)
        this.#cursor = end
      } while (reached !== undefined)
    } finally {
      await Promise.all(far.map(({ list }) => list.close()))
    }
  }

  #lists(names: readonly string[]): NamedList[] {
    return names.map((name) => ({ name, list: this.#open(name) }))
  }

  #open(name: string): SortedEntries {
    const { prefix, delimiter, signal } = this.#options
    const driver = this.#context.drivers.need(name, 'list')
    const startAfter = this.#cursor
    return new SortedEntries(name, driver.list({ prefix, delimiter, signal, startAfter }))
  }

  /** Takes up to `count` entries of each list; answers the key up to which all of them were read, if not to their end. */
  async #take(lists: readonly NamedList[], count: number, bound?: string | undefined): Promise<string | undefined> {
    // Whoever wants ten entries does not want a thousand looked up; one more tells whether that is all.
    const wanted = Math.min(count, (this.#options.limit ?? count) + 1)
    let reached: string | undefined
    for (const { name, list } of lists) {
      const entries = await this.#ask(name, () => list.take(wanted, bound))
      this.#span.addListed(name, await this.#withoutEmpty(name, entries), this.#cursor)
      const last = entries.at(-1)
      if (entries.length < wanted || last === undefined) continue
      const at = nameOfEntry(last)
      if (reached === undefined || compareKeys(at, reached) < 0) reached = at
    }
    return reached
  }

  async #takeFar(lists: readonly NamedList[], bound: string | undefined): Promise<string | undefined> {
    try {
      const asked = lists.filter(({ name }) => this.#far.includes(name))
      return await this.#take(asked, FAR_BATCH, bound)
    } catch (error) {
      const failed = (error as StorageError).driver
      if (!this.#options.partial || failureKind(error) === undefined || failed === undefined) throw error
      this.#far = this.#far.filter((name) => name !== failed)
      return this.#takeFar(lists, bound)
    }
  }

  /** Without the prefixes below which everything is deleted, where that is still to be carried out. */
  async #withoutEmpty(name: string, entries: readonly ListEntry[]): Promise<readonly ListEntry[]> {
    const kept: ListEntry[] = []
    for (const entry of entries) {
      const hidden = entry.type === 'prefix' ? this.#span.hiddenBelow(name, entry.prefix) : 0
      if (hidden === 0 || (await this.#hasMoreThanHidden(name, entry, hidden))) kept.push(entry)
    }
    return kept
  }

  async #hasMoreThanHidden(name: string, entry: ListEntry, hidden: number): Promise<boolean> {
    const { signal } = this.#options
    const prefix = nameOfEntry(entry)
    return this.#ask(name, async () => {
      const driver = this.#context.drivers.need(name, 'list')
      for await (const below of driver.list({ prefix, signal, limit: hidden + 1 })) {
        if (below.type === 'blob' && !this.#span.isHidden(name, below.key)) return true
      }
      return false
    })
  }

  /** What the near drivers and the outbox have now: a blob that left the far driver before it was read has come here. */
  async #addNear(end: string | undefined): Promise<void> {
    await this.#addPending(end)
    for (const { name, list } of this.#lists(this.#near)) {
      try {
        const entries = await this.#ask(name, () => list.take(Number.POSITIVE_INFINITY, end))
        this.#span.addListed(name, entries, this.#cursor)
      } finally {
        await list.close()
      }
    }
  }

  async #addPending(end: string | undefined): Promise<void> {
    const { prefix = '', delimiter = '' } = this.#options
    const records = (await this.#context.outbox?.box.list({ prefix, startAfter: this.#cursor })) ?? []
    for (const record of records) {
      if (record.operation === 'delete') {
        this.#span.hide(record.driver, record.key)
        continue
      }
      const entry = this.#rolledUp(record, prefix, delimiter)
      const name = nameOfEntry(entry)
      if (end !== undefined && compareKeys(name, end) > 0) break
      if (this.#cursor === undefined || compareKeys(name, this.#cursor) > 0) this.#span.add(entry)
    }
  }

  #rolledUp(record: PutRecord, prefix: string, delimiter: string): StoredEntry {
    const at = delimiter === '' ? -1 : record.key.indexOf(delimiter, prefix.length)
    if (at >= 0) return { type: 'prefix', prefix: record.key.slice(0, at + delimiter.length) }
    const { key, size, etag, lastModified, driver, path, pendingFor } = pendingBlob(this.#context, record)
    return { type: 'blob', key, size, etag, lastModified, driver, path, pendingFor }
  }

  #ask<T>(name: string, call: () => Promise<T>): Promise<T> {
    return this.#context.drivers.ask(name, 'list', undefined, call)
  }
}

/** Entries by name; of two with the same one that is kept which a read finds first. */
class Span {
  readonly #context: StoreContext
  #entries = new Map<string, StoredEntry>()
  /** By driver the keys that are to be deleted on it. */
  readonly #hidden = new Map<string, Set<string>>()

  constructor(context: StoreContext) {
    this.#context = context
  }

  addListed(driver: string, entries: readonly ListEntry[], cursor: string | undefined): void {
    for (const entry of entries) {
      if (cursor !== undefined && compareKeys(nameOfEntry(entry), cursor) <= 0) continue
      if (entry.type === 'blob' && this.isHidden(driver, entry.key)) continue
      if (entry.type === 'prefix') this.add(entry)
      else this.add({ ...entry, driver, path: this.#context.scheme.format({ driver, key: entry.key }) })
    }
  }

  /** From now on the driver counts as having no such key. */
  hide(driver: string, key: string): void {
    const keys = this.#hidden.get(driver) ?? new Set()
    this.#hidden.set(driver, keys.add(key))
    const entry = this.#entries.get(key)
    if (entry?.type === 'blob' && entry.driver === driver && entry.pendingFor === undefined) this.#entries.delete(key)
  }

  isHidden(driver: string, key: string): boolean {
    return this.#hidden.get(driver)?.has(key) ?? false
  }

  /** How many hidden keys begin with the prefix. */
  hiddenBelow(driver: string, prefix: string): number {
    let count = 0
    for (const key of this.#hidden.get(driver) ?? []) if (key.startsWith(prefix)) count++
    return count
  }

  /** Removes and answers what is not behind `end`, in order. */
  takeUpTo(end: string | undefined): StoredEntry[] {
    const taken = [...this.#entries].filter(([name]) => end === undefined || compareKeys(name, end) <= 0)
    for (const [name] of taken) this.#entries.delete(name)
    return taken.sort(([a], [b]) => compareKeys(a, b)).map(([, entry]) => entry)
  }

  add(entry: StoredEntry): void {
    const name = nameOfEntry(entry)
    const other = this.#entries.get(name)
    if (other === undefined || this.#rank(entry) < this.#rank(other)) this.#entries.set(name, entry)
  }

  #rank(entry: StoredEntry): number {
    if (entry.type === 'prefix') return 0
    if (entry.pendingFor !== undefined) return 1
    return this.#context.near.has(entry.driver) ? 3 : 2
  }
}

import type { ListEntry } from '../driver/index.js'
import { StorageError } from '../errors/index.js'
import { compareKeys } from '../keys/index.js'

/** What an entry is sorted by. */
export function nameOfEntry(entry: ListEntry): string {
  return entry.type === 'blob' ? entry.key : entry.prefix
}

/** A driver's list, read in pieces, with its order checked. */
export class SortedEntries {
  readonly #driver: string
  readonly #iterator: AsyncIterator<ListEntry>
  #ahead: ListEntry | undefined
  #last: string | undefined
  #ended = false

  constructor(driver: string, entries: AsyncIterable<ListEntry>) {
    this.#driver = driver
    this.#iterator = entries[Symbol.asyncIterator]()
  }

  /** Whether all entries were taken. Known only after a `take` came back short. */
  get ended(): boolean {
    return this.#ended && this.#ahead === undefined
  }

  /** At most `count` entries whose names are not behind `bound`. */
  async take(count: number, bound?: string | undefined): Promise<ListEntry[]> {
    const taken: ListEntry[] = []
    while (taken.length < count) {
      this.#ahead ??= await this.#next()
      if (this.#ahead === undefined) break
      if (bound !== undefined && compareKeys(nameOfEntry(this.#ahead), bound) > 0) break
      taken.push(this.#ahead)
      this.#ahead = undefined
    }
    return taken
  }

  async close(): Promise<void> {
    if (!this.#ended) await this.#iterator.return?.()
    this.#ended = true
    this.#ahead = undefined
  }

  async #next(): Promise<ListEntry | undefined> {
    if (this.#ended) return undefined
    const step = await this.#iterator.next()
    if (step.done) {
      this.#ended = true
      return undefined
    }
    const name = nameOfEntry(step.value)
    if (this.#last !== undefined && compareKeys(this.#last, name) >= 0) {
      throw new StorageError('CORRUPT', `The driver ${this.#driver} lists its keys out of order.`, {
        operation: 'list',
        driver: this.#driver,
        hint: 'A list must be in the byte order of the keys, or some of them would be missed.',
      })
    }
    this.#last = name
    return step.value
  }
}

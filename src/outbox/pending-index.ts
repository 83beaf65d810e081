import { compareKeys } from '../keys/index.js'
import type { OutboxListOptions, OutboxRecord, OutboxSummary } from './types.js'

/** The records in memory: by key, and in byte order of the keys. */
export class PendingIndex {
  readonly #records = new Map<string, OutboxRecord[]>()
  #keys: string[] = []

  /** Takes a record in; one with the same token is replaced. */
  add(record: OutboxRecord): void {
    const generations = this.#records.get(record.key)
    if (generations === undefined) {
      this.#records.set(record.key, [record])
      this.#keys.splice(this.#position(record.key), 0, record.key)
      return
    }
    const others = generations.filter(({ token }) => token !== record.token)
    this.#records.set(record.key, [...others, record].sort(compareGenerations))
  }

  /** The highest generation. */
  find(key: string): OutboxRecord | undefined {
    return this.#records.get(key)?.at(-1)
  }

  /** This record and all of lower generations, the lowest first. */
  upTo(record: OutboxRecord): readonly OutboxRecord[] {
    const { key, generation, token } = record
    return (this.#records.get(key) ?? []).filter((other) => other.token === token || other.generation < generation)
  }

  remove(record: OutboxRecord): void {
    const left = (this.#records.get(record.key) ?? []).filter(({ token }) => token !== record.token)
    if (left.length > 0) {
      this.#records.set(record.key, left)
    } else if (this.#records.delete(record.key)) {
      this.#keys.splice(this.#position(record.key), 1)
    }
  }

  clear(): void {
    this.#records.clear()
    this.#keys = []
  }

  list({ prefix = '', startAfter, limit = Number.POSITIVE_INFINITY }: OutboxListOptions = {}): OutboxRecord[] {
    const found: OutboxRecord[] = []
    const behind = startAfter !== undefined && compareKeys(startAfter, prefix) >= 0
    for (let i = this.#position(behind ? startAfter : prefix); i < this.#keys.length && found.length < limit; i++) {
      const key = this.#keys[i] as string
      if (behind && key === startAfter) continue
      if (!key.startsWith(prefix)) break
      found.push(this.find(key) as OutboxRecord)
    }
    return found
  }

  summary(): OutboxSummary {
    let bytes = 0
    let oldest: Date | undefined
    for (const key of this.#keys) {
      const { size, createdAt } = this.find(key) as OutboxRecord
      bytes += size
      if (oldest === undefined || createdAt < oldest) oldest = createdAt
    }
    return { count: this.#keys.length, bytes, oldest }
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

/** By generation. Two processes may have given the same one; then the token decides, the same way for everybody. */
function compareGenerations(a: OutboxRecord, b: OutboxRecord): number {
  return a.generation - b.generation || (a.token < b.token ? -1 : a.token > b.token ? 1 : 0)
}

import type { ListEntry, ListOptions } from '../../driver/index.js'
import { compareKeys } from '../../keys/index.js'
import type { Version } from './version.js'

/** A list whose entries are drawn from a sorted snapshot of the keys and looked up as they are emitted. */
export function* listEntries(
  keys: readonly string[],
  find: (key: string) => Version | undefined,
  options: ListOptions,
): Generator<ListEntry, void, undefined> {
  const { prefix = '', delimiter = '', startAfter, limit = Number.POSITIVE_INFINITY } = options
  let rolledUp: string | undefined
  let count = 0
  const begin = startAfter !== undefined && compareKeys(startAfter, prefix) > 0 ? startAfter : prefix
  for (let i = firstAtOrBehind(keys, begin); i < keys.length && count < limit; i++) {
    const key = keys[i] as string
    if (!key.startsWith(prefix)) break
    const end = delimiter === '' ? -1 : key.indexOf(delimiter, prefix.length)
    const name = end < 0 ? key : key.slice(0, end + delimiter.length)
    if (startAfter !== undefined && compareKeys(name, startAfter) <= 0) continue
    const version = find(key)
    if (version === undefined) continue
    if (end >= 0) {
      if (name === rolledUp) continue
      rolledUp = name
      yield { type: 'prefix', prefix: name }
    } else {
      const { size, etag, lastModified } = version.info
      yield { type: 'blob', key, size, etag, lastModified: new Date(lastModified) }
    }
    count++
  }
}

/** Index of the first key that is not in front of `bound`, by bisection. */
function firstAtOrBehind(keys: readonly string[], bound: string): number {
  let low = 0
  let high = keys.length
  while (low < high) {
    const middle = (low + high) >>> 1
    if (compareKeys(keys[middle] as string, bound) < 0) low = middle + 1
    else high = middle
  }
  return low
}

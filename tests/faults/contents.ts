import { createHash } from 'node:crypto'
import { pattern } from '../store/pattern.js'

export const MIB = 1024 * 1024

/** What a key holds: a piece of the pattern, and a note in the metadata that tells versions of equal bytes apart. */
export interface Content {
  readonly note: string
  readonly start: number
  readonly size: number
  readonly sha256: string
}

/** Where a key belongs, and what it holds. */
export interface Placed {
  readonly home: 's3' | 'local'
  readonly content: Content
}

/** All keys of a case. A key that is not in it is absent. */
export type State = Readonly<Record<string, Placed>>

const hashes = new Map<string, string>()

export function content(note: string, start: number, size: number): Content {
  const name = `${start}+${size}`
  const sha256 = hashes.get(name) ?? hashOfPattern(start, size)
  hashes.set(name, sha256)
  return { note, start, size, sha256 }
}

export function bytesOf({ start, size }: Content): Buffer {
  return pattern(start, size)
}

function hashOfPattern(start: number, size: number): string {
  const hash = createHash('sha256')
  for (let at = 0; at < size; at += MIB) hash.update(pattern(start + at, Math.min(MIB, size - at)))
  return hash.digest('hex')
}

/** For any name that the store makes for what it keeps beside `key`. */
export const BESIDE = 'key.conflict'

export const on = (home: Placed['home'], content: Content): Placed => ({ home, content })

/** Compact, for messages: what each key holds. */
export function described(state: State): Record<string, string> {
  const keys = Object.keys(state).sort()
  return Object.fromEntries(keys.map((key) => [key, nameOf(state[key] as Placed)]))
}

function nameOf({ home, content }: Placed): string {
  return `${content.note} (${content.size} bytes) on ${home}`
}

import { expect } from 'vitest'
import { type HybridStore, isStorageError } from '../../src/index.js'
import { hashOf } from '../store/support.js'
import type { Content, State } from './contents.js'

export type Store = HybridStore<'s3' | 'local', string>

/** What a path reads: the hash of the bytes and the note in the metadata; undefined where there is nothing. */
export type Reading = Pick<Content, 'sha256' | 'note'> | undefined

export async function readingOf(store: Store, path: string): Promise<Reading> {
  try {
    const reader = await store.get(path)
    const { sha256 } = await hashOf(reader.body)
    return { sha256, note: reader.info.metadata?.note ?? '' }
  } catch (error) {
    if (isStorageError(error, 'NOT_FOUND')) return undefined
    throw error
  }
}

export function readingIn(state: State, key: string): Reading {
  const content = state[key]?.content
  return content && { sha256: content.sha256, note: content.note }
}

/**
 * Reads the keys by every path that leads to them, and makes sure that all say the same. The path of the local driver
 * may know nothing of a blob that is at home on S3 and does not wait here: it does not look there.
 */
export async function readAll(store: Store, keys: readonly string[]): Promise<Record<string, Reading>> {
  const found: Record<string, Reading> = {}
  for (const key of keys) {
    const reading = await readingOf(store, `s3:${key}`)
    expect(await readingOf(store, key), `${key} by its bare key`).toEqual(reading)
    const local = await readingOf(store, `local:${key}`)
    if (local !== undefined) expect(local, `local:${key}`).toEqual(reading)
    found[key] = reading
  }
  return found
}

export function matches(state: State, found: Readonly<Record<string, Reading>>): boolean {
  return Object.keys(found).every((key) => {
    const [expected, actual] = [readingIn(state, key), found[key]]
    return expected?.sha256 === actual?.sha256 && expected?.note === actual?.note
  })
}

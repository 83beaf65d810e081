import { expect } from 'vitest'
import { type HybridStore, isStorageError } from '../../src/index.js'
import { hashOf } from '../store/support.js'
import { type Content, MIB, type State } from './contents.js'

export type Store = HybridStore<'s3' | 'local', string>

/** What a path reads: the hash of the bytes, the note in the metadata, the etag; undefined where there is nothing. */
export type Reading = (Pick<Content, 'sha256' | 'note'> & { readonly etag: string }) | undefined

export async function readingOf(store: Store, path: string): Promise<Reading> {
  return unlessMissing(async () => {
    const { body, info } = await store.get(path)
    const { sha256 } = await hashOf(body)
    return { sha256, note: info.metadata?.note ?? '', etag: info.etag }
  })
}

/** The same for a path that should read what is known already; of a large blob only the etag is compared. */
async function again(store: Store, path: string, known: Reading): Promise<Reading> {
  const found = await unlessMissing(() => store.head(path))
  if (found === undefined || known === undefined || found.size <= MIB) return readingOf(store, path)
  const { etag, metadata } = found
  return etag === known.etag ? { ...known, note: metadata?.note ?? '' } : readingOf(store, path)
}

async function unlessMissing<T>(read: () => Promise<T>): Promise<T | undefined> {
  try {
    return await read()
  } catch (error) {
    if (isStorageError(error, 'NOT_FOUND')) return undefined
    throw error
  }
}

/**
 * Reads the keys by every path that leads to them, and makes sure that all say the same. The path of the local driver
 * may know nothing of a blob that is at home on S3 and does not wait here: it does not look there.
 */
export async function readAll(store: Store, keys: readonly string[]): Promise<Record<string, Reading>> {
  const found: Record<string, Reading> = {}
  for (const key of keys) {
    const reading = await readingOf(store, `s3:${key}`)
    expect(await again(store, key, reading), `${key} by its bare key`).toEqual(reading)
    const local = await again(store, `local:${key}`, reading)
    if (local !== undefined) expect(local, `local:${key}`).toEqual(reading)
    found[key] = reading
  }
  return found
}

/** Whether what was read of a key is what the state says of it. */
export function holds(state: State, key: string, found: Reading): boolean {
  const expected = state[key]?.content
  return expected?.sha256 === found?.sha256 && expected?.note === found?.note
}

export function matches(state: State, found: Readonly<Record<string, Reading>>): boolean {
  return Object.keys(found).every((key) => holds(state, key, found[key]))
}

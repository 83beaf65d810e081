import { expect } from 'vitest'
import { isStorageError, type StoredBlob, type StoredEntry } from '../../src/index.js'
import { compareKeys } from '../../src/keys/index.js'
import type { Condition } from './changing.js'
import type { Spec } from './specs.js'
import type { Store, System } from './system.js'
import { type Alias, copyName, DOWN, type Id } from './world.js'
import type { Answer } from './worlds.js'

/** What a failure of S3 may look like to the caller; the model does not tell them apart. */
const FAILURES = new Set(['UNAVAILABLE', 'TIMEOUT', 'ACCESS_DENIED'])

/** A put as it is made: the condition is resolved to a content for the model and to an etag for the store. */
export interface Prepared {
  readonly id: Id
  readonly condition: Condition | undefined
  readonly options: { readonly ifNoneMatch?: '*'; readonly ifMatch?: string }
}

export function pathOf(alias: Alias, key: string): string {
  return alias === 'bare' ? key : `${alias}:${key}`
}

/** The answer in the words of the model. Only errors that the contract knows get that far. */
export async function answerOf(call: () => Promise<string>): Promise<Answer> {
  try {
    return { text: await call() }
  } catch (error) {
    if (!isStorageError(error)) throw error
    const text = FAILURES.has(error.code) ? DOWN : error.code
    if (text === 'INTERNAL' || text === 'CORRUPT' || text === 'NOT_SUPPORTED') throw error
    return { text, unchanged: error.outcome === 'unchanged' }
  }
}

/** Resolves `when` by looking, as a caller would. */
export async function conditionOf(
  system: System,
  spec: { readonly by: number; readonly when?: 'new' | 'right' | 'stale' | undefined },
  path: string,
): Promise<Omit<Prepared, 'id'>> {
  const { when } = spec
  if (when === undefined) return { condition: undefined, options: {} }
  if (when === 'new') return { condition: { createOnly: true }, options: { ifNoneMatch: '*' } }
  const stale = { condition: { ifMatch: undefined }, options: { ifMatch: 'f'.repeat(32) } }
  if (when === 'stale') return stale
  try {
    const info = await system.storeOf(spec.by).head(path)
    return { condition: { ifMatch: system.contents.idOfInfo(info) }, options: { ifMatch: info.etag } }
  } catch (error) {
    if (isStorageError(error)) return stale
    throw error
  }
}

export function put(system: System, spec: Spec & { op: 'put' }, { id, options }: Prepared): Promise<Answer> {
  const { by, key, to, as, early, diesAt } = spec
  const { contents } = system
  const network = system.networkOf(by)
  if (diesAt !== undefined && !network.down) {
    network.driver.fail('put', 'UNAVAILABLE', 1, { afterBytes: Math.floor(diesAt * contents.size(id)) })
  }
  const ack = early ? { ack: 'fallback' as const } : {}
  return answerOf(async () => {
    const all = { driver: to, ...contents.attributes(id), ...options, ...ack }
    const blob = await system.storeOf(by).put(key, contents.body(id, as), all)
    return placeOf(blob, key, contents.size(id))
  })
}

/** Where a put says that the blob is; path, key and size must fit. */
export function placeOf(blob: StoredBlob, key: string, size?: number): string {
  const { pendingFor, driver } = blob
  expect([blob.key, blob.path]).toEqual([key, `${pendingFor ?? driver}:${key}`])
  if (size !== undefined) expect(blob.size).toBe(size)
  if (pendingFor === undefined) return driver
  expect([pendingFor, driver]).toEqual(['s3', 'local'])
  return 'waits'
}

/** A put that cannot succeed: its body fails, or its caller gives up. */
export function badPut(system: System, spec: Spec & { op: 'bad put' }): Promise<Answer> {
  const { by, key, to, how, at } = spec
  const { contents } = system
  const id = contents.make(40_000)
  const controller = new AbortController()
  const body = contents.stream(id, (sent) => {
    if (sent < at * 40_000) return
    if (how === 'error') throw new Error('The body broke off.')
    controller.abort()
  })
  return answerOf(async () => {
    const { signal } = controller
    await system.storeOf(by).put(key, body, { driver: to, ...contents.attributes(id), size: 40_000, signal })
    return 'stored'
  })
}

export function read(system: System, spec: Spec & { op: 'read' }): Promise<Answer> {
  const store = system.storeOf(spec.by)
  const path = pathOf(spec.alias, spec.key)
  return answerOf(() => readPath(system, store, path, spec.how))
}

export async function readPath(system: System, store: Store, path: string, how: string): Promise<string> {
  const { contents } = system
  if (how === 'exists') return (await store.exists(path)) ? 'there' : 'NOT_FOUND'
  if (how === 'head') return `#${contents.idOfInfo(await store.head(path))}`
  if (how === 'range') {
    const id = contents.idOfInfo(await store.head(path))
    if (contents.size(id) === 0) return `#${id}`
    const reader = await store.get(path, { range: { start: 0, end: 2 } })
    const bytes = Buffer.from(await reader.bytes()).toString()
    const other = contents.idOfInfo(reader.info)
    expect(bytes).toBe(`#${other};`.slice(0, 3))
    return `#${other}`
  }
  const reader = await store.get(path)
  const id = contents.idOf(await reader.bytes())
  expect(contents.idOfInfo(reader.info), 'bytes and attributes are of one version').toBe(id)
  return `#${id}`
}

/** A list, by pages or in one go; in byte order, without duplicates, and in the model's words. */
export async function listAll(system: System, spec: Spec & { op: 'list' }): Promise<Answer> {
  const store = system.storeOf(spec.by)
  const { prefix, delimiter, partial, startAfter, page } = spec
  return answerOf(async () => {
    const entries: StoredEntry[] = []
    if (startAfter !== undefined) {
      for await (const entry of store.list({ prefix, delimiter, partial, startAfter })) entries.push(entry)
    } else {
      let cursor: string | undefined
      do {
        const got = await store.listPage({ prefix, delimiter, partial, cursor, limit: page })
        expect(got.entries.length).toBeLessThanOrEqual(page)
        entries.push(...got.entries)
        cursor = got.cursor
      } while (cursor !== undefined)
    }
    return describe(system, store, entries)
  })
}

/** What a list says, checked for order and duplicates. Of a blob on the disk it does not tell the content. */
export async function describe(system: System, store: Store, entries: readonly StoredEntry[]): Promise<string> {
  const names = entries.map((entry) => (entry.type === 'blob' ? entry.key : entry.prefix))
  for (const [index, name] of names.entries()) {
    const before = names[index - 1]
    if (before !== undefined && compareKeys(before, name) >= 0) throw new Error(`Out of order: ${names.join(', ')}`)
  }
  const lines: string[] = []
  for (const entry of entries) {
    if (entry.type === 'prefix') {
      lines.push(entry.prefix)
      continue
    }
    const { key, driver, path, pendingFor, size, etag } = entry
    expect(path).toBe(`${pendingFor ?? driver}:${key}`)
    const id = system.contents.idOfEtag(etag) ?? system.contents.idOfInfo(await store.head(path))
    expect(size).toBe(system.contents.size(id))
    lines.push(`${nameFor(key, id)} #${id}${pendingFor === undefined ? '' : ' waits'}`)
  }
  return lines.sort().join(', ')
}

/** The copy that a conflict keeps is named by chance; the model names it by its content. */
export function nameFor(key: string, id: Id): string {
  const [, base, extension = ''] = /^(.*)\.conflict-[A-Za-z0-9_-]{8}(\.[^./]+)?$/s.exec(key) ?? []
  return base === undefined ? key : copyName(`${base}${extension}`, id)
}

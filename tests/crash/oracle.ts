import { existsSync, readdirSync } from 'node:fs'
import { basename, join } from 'node:path'
import { FsDriver } from '../../src/drivers/fs/index.js'
import { recordName } from '../../src/drivers/fs/internal-names.js'
import type { MemoryDriver } from '../../src/drivers/memory/index.js'
import { isStorageError } from '../../src/errors/index.js'
import { FaultyDriver } from '../../src/testing/index.js'
import type { State, Store, Value } from './operations.js'
import type { RestoredDisk } from './restored-disk.js'
import { openStore } from './workloads.js'

/** What a reader found at a key. */
type Found = 'absent' | 'unavailable' | Pick<Value, 'body' | 'metadata'>

/** More than what any lease of the library lasts, in milliseconds. */
const AGES = 25 * 60 * 60 * 1000

/** What must be found. */
export interface Expected {
  /** The states that it may be in, in the order in which they came about. */
  readonly allowed: readonly State[]
  /** All the keys to look at. */
  readonly keys: readonly string[]
}

/** Opens what a crash has left and says what is wrong with it, in sentences. */
export async function judge(
  root: string,
  disk: RestoredDisk,
  memory: MemoryDriver,
  expected: Expected,
): Promise<string[]> {
  const { allowed, keys } = expected
  // Every blob that is not there is an error, and half the time would go into their stacks.
  const { stackTraceLimit } = Error
  Error.stackTraceLimit = 0
  const s3 = new FaultyDriver(memory)
  s3.outage()
  const problems: string[] = []
  let store = openStore(s3, new FsDriver({ root, fs: disk }))
  store.on('rejected', ({ problem }) => problems.push(`a record was rejected: ${problem}`))
  try {
    const early = await match(store, expected, memory)
    if (typeof early === 'string') return [...problems, `during the outage ${early}`]
    await reconcileAll(store, s3, problems)
    const late = await match(store, { keys, allowed: allowed.slice(early) }, memory)
    if (typeof late === 'string') return [...problems, `after reconcile ${late}`]
    const state = allowed[early + late] as State
    await checkPlaces(store, root, disk, memory, state, problems)
    const again = await store.reconcile()
    if (again.moved > 0) problems.push('the second reconcile found something to do')
    await store.close()

    disk.age = AGES
    const sweeper = new FsDriver({ root, fs: disk })
    store = openStore(s3, sweeper)
    // Opening the outbox sweeps it.
    await store.pending()
    await sweeper.sweep()
    const last = await match(store, { keys, allowed: [state] }, memory)
    if (typeof last === 'string') problems.push(`after the sweep ${last}`)
    await store.close()
    problems.push(...orphans(root, state).map((name) => `the sweep left ${name}`))
    return problems
  } catch (error) {
    return [...problems, `it failed: ${error}`]
  } finally {
    await store.close()
    Error.stackTraceLimit = stackTraceLimit
  }
}

/** Hands over until nothing is left, as a timer would. */
export async function reconcileAll(store: Store, s3: FaultyDriver, problems: string[]): Promise<void> {
  s3.recover()
  for (let attempt = 0; ; attempt++) {
    const { failed, remaining } = await store.reconcile()
    const [first] = failed
    if (first) problems.push(`reconcile of ${first.key} failed: ${first.error}`)
    if (remaining === 0 || first) break
    if (attempt === 50) {
      problems.push(`${remaining} still wait after reconcile`)
      break
    }
    // Records in doubt are kept for the grace of a millisecond.
    await new Promise((resolve) => setTimeout(resolve, 1))
  }
  for (const { key, operation } of await store.conflicts()) problems.push(`a conflict was found: ${operation} ${key}`)
}

async function checkPlaces(
  store: Store,
  root: string,
  disk: RestoredDisk,
  memory: MemoryDriver,
  state: State,
  problems: string[],
): Promise<void> {
  const expected = [...state.keys()].sort()
  const listed: string[] = []
  for await (const entry of store.list()) if (entry.type === 'blob') listed.push(entry.key)
  if (listed.join() !== expected.join()) problems.push(`the list is [${listed}], not [${expected}]`)
  const local = new FsDriver({ root, fs: disk })
  for (const [name, driver] of [
    ['s3', memory],
    ['local', local],
  ] as const) {
    const there: string[] = []
    for await (const entry of driver.list()) if (entry.type === 'blob') there.push(entry.key)
    const wanted = expected.filter((key) => state.get(key)?.driver === name)
    if (there.join() !== wanted.join()) problems.push(`${name} has [${there}], not [${wanted}]`)
  }
  await local.close()
}

/** Which of the states it is, the earliest that fits; where none does, what is wrong with what was found. */
export async function match(store: Store, { allowed, keys }: Expected, memory: MemoryDriver): Promise<number | string> {
  const found = new Map<string, Found>()
  for (const key of keys) {
    const here = await find(store, key)
    // With S3 down nobody can tell what only S3 has: what it has must be right then.
    found.set(key, here === 'unavailable' ? await find(memory, key) : here)
  }
  const index = allowed.findIndex((state) => keys.every((key) => fits(found.get(key) ?? 'absent', state.get(key))))
  if (index >= 0) return index
  const wrong = keys.flatMap((key) => {
    const may = new Set(allowed.map((state) => show(state.get(key) ?? 'absent')))
    const is = show(found.get(key) ?? 'absent')
    return may.size > 1 || !may.has(is) ? [`${key} is ${is}, may be ${[...may].join(' or ')}`] : []
  })
  return wrong.join('; ')
}

function fits(found: Found, value: Value | undefined): boolean {
  if (found === 'unavailable') return false
  if (found === 'absent' || value === undefined) return found === 'absent' && value === undefined
  return found.body.equals(value.body) && JSON.stringify(found.metadata) === JSON.stringify(value.metadata)
}

async function find(store: Pick<Store, 'get'> | MemoryDriver, key: string): Promise<Found> {
  try {
    const reader = await store.get(key)
    return { body: Buffer.from(await reader.bytes()), metadata: reader.info.metadata }
  } catch (error) {
    if (isStorageError(error, 'NOT_FOUND')) return 'absent'
    if (isStorageError(error, 'UNAVAILABLE')) return 'unavailable'
    throw error
  }
}

function show(found: Found | Value): string {
  if (typeof found === 'string') return found
  const { body, metadata } = found
  return `"${body.toString('latin1', 0, 14).replace(/[^ -~]/g, '?')}" (${body.byteLength} bytes, v=${metadata.v})`
}

/** Folders of the outbox that are empty when nothing waits and nobody works. */
const EMPTY = /^\.hybrid-store\/outbox\/(records|bodies|rejected|owners|claims|locks|conflicts)\/.|\.tmp$/

/** What is neither a blob, nor its attributes, nor what the outbox keeps for good. */
function orphans(root: string, state: State): string[] {
  const blobs = [...state].filter(([, { driver }]) => driver === 'local')
  const places = new Set(blobs.flatMap(([key]) => [key, join(key, '..', recordName(basename(key)))]))
  const files = (existsSync(root) ? readdirSync(root, { recursive: true, withFileTypes: true }) : [])
    .filter((entry) => !entry.isDirectory())
    .map(({ parentPath, name }) => join(parentPath, name).slice(root.length + 1))
  return files.filter((path) => EMPTY.test(path) || (!path.startsWith('.hybrid-store/') && !places.has(path)))
}

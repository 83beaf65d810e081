import { expect } from 'vitest'
import type { RecordedRequest } from '../servers/fault-proxy.js'
import { assertNoUploads, compareStores } from './both-stores.js'
import { BESIDE, bytesOf, described, type State } from './contents.js'
import type { Fault } from './faults.js'
import { type Expectation, expectation, type Strikes } from './oracle.js'
import { nameOf, type Outcome, settle } from './outcomes.js'
import { matches, type Reading, readAll, type Store } from './reading.js'
import { openWorld, putToBucket, type Range, type Struck, type World, type WorldOptions } from './support.js'
import type { Verb } from './verbs.js'

/** One cell of the matrix. */
export interface Case {
  readonly name: string
  readonly folder: string
  readonly fault: Fault
  readonly verb: Verb
  readonly existing: boolean
  readonly strikes: Strikes
  /** The request with which it begins; from then on it strikes all that it strikes. The first one by default. */
  readonly from?: ((request: RecordedRequest) => boolean) | undefined
  /** What must be seen, where the oracle of the plain verbs does not say it. */
  readonly expected?: Expectation | undefined
  /** Milliseconds after which the call counts as hanging. */
  readonly hangsAfter?: number | undefined
  /** Uploads of which nobody has heard that they were begun, so that only a sweep finds them. */
  readonly orphans?: boolean | undefined
}

/** Runs one case from healthy to healthy, and answers what the caller saw. */
export async function runCase(one: Case, range: Range, options: Partial<WorldOptions> = {}): Promise<Outcome> {
  const { folder, fault, verb, existing, strikes } = one
  const world = await openWorld({ range, folder, hangs: fault.hangs, named: fault.how === 'unresolved', ...options })
  try {
    const { store } = world
    const before = verb.before(existing)
    await putLocals(store, before)
    // S3 was heard of before it fails: what lies there now is older than what is written from here on.
    await store.exists('s3:key')
    if (verb.prepare) await world.whileDown(() => verb.prepare?.(store) as Promise<unknown>)
    if (verb.foreign) await putToBucket(world.bucket, folder, verb.foreign)
    const struck = await world.strike(fault, { times: strikes === 'once' ? 1 : undefined, from: one.from })
    const outcome = await attempt(one, store, before)
    const states = statesAfter(verb, before, outcome)
    checkOutcome(one, outcome)
    const sooner = verb.sort === 'settle' && verb.prepared ? [verb.prepared(before)] : []
    const now = [...sooner, ...states]
    if (outcome.ending === 'kept' && strikes === 'always') await checkWhileItLasts(world, fault, now)
    await struck.heal()
    await converge(world, { now, last: states }, struck, existing)
    expect(await store.conflicts()).toHaveLength(verb.foreign ? 1 : 0)
    if (one.orphans) await world.driver.sweepUploads({ olderThan: 0 })
    await store.close()
    await assertNoUploads(world)
    return outcome
  } finally {
    await world.close()
  }
}

async function putLocals(store: Store, before: State): Promise<void> {
  for (const [key, { home, content }] of Object.entries(before)) {
    if (home !== 'local') continue
    await store.put(key, bytesOf(content), {
      driver: 'local',
      contentType: 'text/x-fault',
      metadata: { note: content.note },
    })
  }
}

async function attempt({ verb, fault, hangsAfter }: Case, store: Store, before: State): Promise<Outcome> {
  const settled = await settle(() => verb.run(store, before), hangsAfter ?? (fault.hangs ? 15_000 : 30_000))
  const waits = (await store.pending()).length > 0
  return { ...settled, ending: settled.error ? 'rejected' : waits ? 'kept' : 'ok' }
}

/** What the keys may hold after the call. More than one only where it said that it does not know. */
function statesAfter(verb: Verb, before: State, { error }: Outcome): State[] {
  const after = verb.after(before)
  if (error === undefined || verb.sort === 'settle') return [after]
  const unchanged = verb.prepared?.(before) ?? before
  return error.outcome === 'unknown' ? [unchanged, after, ...(verb.between?.(before) ?? [])] : [unchanged]
}

function checkOutcome({ fault, verb, existing, strikes, expected }: Case, outcome: Outcome): void {
  const { may, codes } = expected ?? expectation(fault, verb, strikes, existing)
  expect(may, `${nameOf(outcome)} ${outcome.error?.message ?? ''}`).toContain(outcome.ending)
  const { error } = outcome
  if (error === undefined) return
  expect(codes, error.message).toContain(error.code)
  if (verb.sort !== 'read') expect(error.outcome, `outcome of: ${error.message}`).toMatch(/^un(changed|known)$/)
}

/** What was acknowledged reads at once, from here, by every path. */
async function checkWhileItLasts({ store }: World, fault: Fault, states: readonly State[]): Promise<void> {
  const waiting = (await store.pending()).map(({ key }) => key)
  const found = await readAll(store, waiting)
  readable(found, states)
  if (fault.on !== 'all' || fault.hangs || fault.says !== 'outage') return
  const listed: string[] = []
  for await (const entry of store.list({ partial: true })) if (entry.type === 'blob') listed.push(entry.key)
  const held = Object.keys(found).filter((key) => found[key] !== undefined)
  expect(listed.filter((key) => waiting.includes(key))).toEqual(held.sort())
}

/** S3 is back: what the call said holds, before and after what waits was handed over, and nothing is left behind. */
async function converge(
  world: World,
  { now, last }: { readonly now: readonly State[]; readonly last: readonly State[] },
  struck: Struck,
  lateLast: boolean,
): Promise<void> {
  const { store } = world
  const names = [...new Set([...now, ...last].flatMap((state) => Object.keys(state)))].sort()
  const keys = names.filter((key) => key !== BESIDE)
  await reachS3(store)
  readable(await readAll(store, keys), now)
  if (lateLast) await store.reconcile()
  await struck.armed?.release()
  await reconcileAll(store)
  await compareStores(world, readable(await readAll(store, keys), last))
}

/** The state of which the readings are; throws where they are of none. */
function readable(found: Record<string, Reading>, states: readonly State[]): State {
  const state = states.find((one) => matches(one, found))
  if (state) return state
  const may = states.map((one) => JSON.stringify(described(one))).join(' or ')
  throw new Error(`reads ${JSON.stringify(found)}, may read ${may}`)
}

/** A breaker lets nothing through until it has tried again. */
async function reachS3(store: Store): Promise<void> {
  const end = performance.now() + 10_000
  for (;;) {
    try {
      await store.exists('s3:nothing-here')
      return
    } catch (error) {
      if (performance.now() > end) throw error
      await new Promise((resolve) => setTimeout(resolve, 25))
    }
  }
}

/** Until nothing waits any more. What is in doubt stays for a while. */
export async function reconcileAll(store: Store): Promise<void> {
  const end = performance.now() + 15_000
  for (;;) {
    const { failed, remaining } = await store.reconcile()
    if (remaining === 0) return
    if (performance.now() > end) throw new Error(`${remaining} still wait: ${failed[0]?.error.message}`)
    await new Promise((resolve) => setTimeout(resolve, 25))
  }
}

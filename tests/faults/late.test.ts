import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { compareStores } from './both-stores.js'
import { bytesOf, type Content, content, on, type State } from './contents.js'
import { faults } from './faults.js'
import { reconcileAll } from './matrix.js'
import { settle } from './outcomes.js'
import { matches, readAll, type Store } from './reading.js'
import { openRange, openWorld, type Range, real, type World } from './support.js'
import { attributes } from './verbs.js'

const A = content('a', 1, 700)
const B = content('b', 3_000, 800)
const C = content('c', 7_000, 900)

/** Long enough for all that a case does before the late request arrives. */
const GRACE = 4_000

const put = (value: Content) => (store: Store) => store.put('key', bytesOf(value), attributes(value))
const remove = (store: Store) => store.delete('s3:key')
const holding = (value?: Content): State => (value ? { key: on('s3', value) } : {})

interface LateCase {
  readonly name: string
  readonly before?: Content
  /** The request is that of the hand-over; else that of the call. */
  readonly handOver?: true
  /** Its request is cut off, and reaches the server when all else is done. */
  readonly first: (store: Store) => Promise<unknown>
  readonly after: Content | undefined
  /** What is done when S3 is back, before that request arrives. */
  readonly second?: (store: Store) => Promise<unknown>
  readonly last: Content | undefined
}

const cases: readonly LateCase[] = [
  { name: 'a put', first: put(B), after: B, last: B },
  { name: 'a put over another', before: A, first: put(B), after: B, last: B },
  { name: 'a delete', before: A, first: remove, after: undefined, last: undefined },
  { name: 'a put, then a put', before: A, first: put(B), after: B, second: put(C), last: C },
  { name: 'a put, then a put of the same', first: put(B), after: B, second: put(B), last: B },
  { name: 'a put, then a delete', before: A, first: put(B), after: B, second: remove, last: undefined },
  { name: 'a first put, then a delete', first: put(B), after: B, second: remove, last: undefined },
  { name: 'a delete, then a put', before: A, first: remove, after: undefined, second: put(C), last: C },
]

const all: readonly LateCase[] = [
  ...cases,
  ...cases.map((one) => ({ ...one, name: `the hand-over of ${one.name}`, handOver: true as const })),
]

const folderOf = ({ name }: LateCase, process: string) => `${name.replace(/\W+/g, '-')}-${process}`
let range: Range
let ran = 0

beforeAll(async () => {
  if (!real) return
  range = await openRange()
  const seeds = all.flatMap((one) =>
    ['same', 'another']
      .map((process) => folderOf(one, process))
      .map((folder) => ({ folder, state: holding(one.before) })),
  )
  await range.seed(seeds)
})
afterAll(async () => {
  await range?.close()
  process.stdout.write(`\nRequests that arrive late: ${ran} cases\n`)
})

/** Everything that is known of the key reads as it was acknowledged, whatever arrives when. */
async function reads(store: Store, value: Content | undefined, when: string): Promise<void> {
  const found = await readAll(store, ['key'])
  expect(matches(holding(value), found), `${when}: ${JSON.stringify(found)}`).toBe(true)
}

async function run(one: LateCase, world: World, next: Store): Promise<void> {
  const { store } = world
  await store.exists('s3:key')
  if (one.handOver) await world.whileDown(() => one.first(store))
  const { armed, heal } = await world.strike(faults.late)
  const { error } = await settle(() => (one.handOver ? store.reconcile() : one.first(store)), 30_000)
  expect(error).toBeUndefined()
  await heal()
  await reads(next, one.after, 'after the call')
  await next.reconcile()
  await reads(next, one.after, 'once it was handed over')
  if (one.second) await one.second(next)
  await reads(next, one.last, 'after the second call')
  await next.reconcile()
  await reads(next, one.last, 'once the second was handed over')

  expect(armed?.held).toBeGreaterThan(0)
  await armed?.release()
  await reads(next, one.last, 'after the late request')
  await reconcileAll(next)
  await reads(next, one.last, 'in the end')
  await compareStores(world, holding(one.last))
  expect(await next.conflicts()).toEqual([])
}

describe.runIf(real).concurrent('a request that the server carries out long after its caller was cut off', () => {
  for (const one of all) {
    for (const process of ['same', 'another'] as const) {
      test(`${one.name}, seen to by ${process === 'same' ? 'the same store' : 'another process'}`, {
        timeout: 60_000,
      }, async () => {
        const folder = folderOf(one, process)
        const world = await openWorld({ range, folder, fallback: { grace: GRACE } })
        try {
          await run(one, world, process === 'same' ? world.store : world.another())
          ran++
        } finally {
          await world.close()
        }
      })
    }
  }
})

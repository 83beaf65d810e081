import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterEach, expect, test, vi } from 'vitest'
import { FsDriver } from '../../src/drivers/fs/index.js'
import { HybridStore, isStorageError } from '../../src/index.js'
import { FaultyDriver } from '../../src/testing/index.js'
import { LateS3 } from './late-s3.js'
import { repeated } from './repeat.js'

const KEYS = ['a', 'b'] as const
const GRACE = 60_000
/** All of a sequence's ticks together are less than the grace: what is late comes within it. */
const TICK = 1_200
const ROUNDS = 10

const key = fc.constantFrom('a' as const, 'a' as const, 'b' as const)
/** Whether S3 answers, or answers nothing and carries the request out later. */
const late = fc.boolean()
const operation = fc.oneof(
  { weight: 5, arbitrary: fc.record({ op: fc.constant('put' as const), key, late }) },
  { weight: 4, arbitrary: fc.record({ op: fc.constant('delete' as const), key, late }) },
  { weight: 6, arbitrary: fc.record({ op: fc.constant('reconcile' as const), late }) },
  { weight: 8, arbitrary: fc.record({ op: fc.constantFrom('outage', 'recover', 'close', 'land') }) },
  { weight: 2, arbitrary: fc.record({ op: fc.constantFrom('grace', 'leave') }) },
)
type Operation = typeof operation extends fc.Arbitrary<infer T> ? T : never

/** The last change of each key that was acknowledged: the whole contract. */
type Model = Map<string, number | undefined>

class Real {
  readonly s3 = new LateS3({ clock: () => Date.now() })
  readonly network = new FaultyDriver(this.s3)
  readonly left: HybridStore<'s3' | 'local', string>[] = []
  down = false
  store: HybridStore<'s3' | 'local', string>

  constructor(readonly root: string) {
    this.store = this.open()
  }

  open(): HybridStore<'s3' | 'local', string> {
    const local = new FsDriver({ root: this.root, durability: 'none' })
    const options = {
      drivers: { s3: this.network, local },
      fallback: { s3: 'local' as const, circuit: false as const, grace: GRACE, minFree: 0 },
      reconcile: false as const,
      logger: false as const,
    }
    const store = new HybridStore<'s3' | 'local', string>(options)
    this.left.push(store)
    return store
  }
}

afterEach(() => {
  vi.useRealTimers()
})

async function apply(real: Real, model: Model, one: Operation, number: number): Promise<void> {
  const { s3, network, store } = real
  if ('late' in one) s3.armed = one.late
  switch (one.op) {
    case 'put':
      await store.put(one.key, `${number}`, { driver: 's3' })
      model.set(one.key, number)
      break
    case 'delete':
      await store.delete(`s3:${one.key}`)
      model.set(one.key, undefined)
      break
    case 'land':
      await s3.land()
      break
    case 'reconcile':
      await store.reconcile()
      break
    case 'outage':
      network.outage()
      real.down = true
      break
    case 'recover':
      network.recover()
      real.down = false
      break
    case 'grace':
      // Later than that nothing is promised, so that by then S3 has done whatever it was going to do.
      await s3.landAll()
      await vi.advanceTimersByTimeAsync(GRACE + 1000)
      break
    case 'leave':
    case 'close':
      // The one before stays there and does nothing more, or ends.
      if (one.op === 'close') await store.close()
      real.store = real.open()
      break
  }
  s3.armed = false
}

async function check(real: Real, model: Model, told: string): Promise<void> {
  if (!real.down) for await (const _ of real.store.list());
  const waiting = new Set((await real.store.pending()).map(({ key }) => key))
  for (const key of KEYS) {
    for (const path of [`s3:${key}`, `local:${key}`, key]) {
      const expected = model.get(key)?.toString() ?? 'NOT_FOUND'
      const known = waiting.has(key) || !real.down
      // Nothing was moved from the disk to S3, so that a path of the disk has nothing to look for there.
      const disk = path.startsWith('local:') && !waiting.has(key)
      const answer = await read(real, path)
      expect([path, answer], told).toEqual([path, disk ? 'NOT_FOUND' : known ? expected : 'UNAVAILABLE'])
    }
  }
}

async function read(real: Real, path: string): Promise<string> {
  try {
    return await (await real.store.get(path)).text()
  } catch (error) {
    if (isStorageError(error)) return error.code
    throw error
  }
}

test('a request that S3 carries out long after it was given up changes nothing in the end', {
  timeout: repeated.timeout,
}, async () => {
  vi.useFakeTimers({ toFake: ['Date', 'setTimeout', 'clearTimeout'], now: Date.UTC(2026, 0, 1) })
  let sequences = 0
  await fc.assert(
    fc.asyncProperty(fc.array(operation, { minLength: 3, maxLength: 20 }), async (operations) => {
      const root = await mkdtemp(join(tmpdir(), 'hybrid-store-doubt-'))
      const real = new Real(root)
      const model: Model = new Map()
      try {
        for (const [index, one] of operations.entries()) {
          await vi.advanceTimersByTimeAsync(TICK)
          await apply(real, model, one, index)
          await vi.advanceTimersByTimeAsync(TICK)
          await check(real, model, `after ${JSON.stringify(operations.slice(0, index + 1))}`)
        }
        real.network.recover()
        real.down = false
        await real.s3.landAll()
        for (let round = 0; round < ROUNDS; round++) {
          await vi.advanceTimersByTimeAsync(GRACE + 1000)
          if ((await real.store.reconcile()).remaining === 0) break
        }
        expect(await real.store.pending()).toEqual([])
        await check(real, model, 'at the end')
        for (const key of KEYS) {
          const there = await real.s3.head(key).catch(() => undefined)
          expect([key, there?.size]).toEqual([key, model.get(key)?.toString().length])
        }
        expect(await conflictsOf(real)).toEqual([])
        sequences++
      } finally {
        await Promise.all(real.left.map((store) => store.close()))
        await rm(root, { recursive: true, force: true })
      }
    }),
    { numRuns: Math.ceil(300 * repeated.times), ...repeated.replay },
  )
  console.log(`model: ${sequences} sequences with late requests`)
})

async function conflictsOf({ store }: Real): Promise<unknown[]> {
  return await store.conflicts()
}

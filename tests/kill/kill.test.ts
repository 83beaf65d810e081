import { randomInt } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type Bench, makeBench, real } from './bench.js'
import type { ChildHandle } from './process.js'
import { Nursery } from './process.js'
import { now, type StoreSetup } from './protocol.js'
import { Random } from './random.js'
import { newTally, readStories } from './story.js'
import { World } from './world.js'

const KILLS = Number(process.env.KILL_ROUNDS ?? 320)
const LANES = 2
/** Milliseconds to wait for what a child says; a slow one is killed all the same. */
const PATIENCE = 1500
/** After so many kills all is healed, drained, compared and swept. */
const HEAL_EVERY = 6
const seed = Number(process.env.KILL_SEED ?? randomInt(1_000_000_000))

const benches: Bench[] = []
beforeAll(async () => {
  if (real) for (let lane = 0; lane < LANES; lane++) benches.push(await makeBench('kill'))
})
afterAll(() => Promise.all(benches.map((bench) => bench.close())))

const tally = newTally()
const sums = { kills: 0, heals: 0, splits: 0, conflicts: 0, waited: 0, latest: 0 }
const found: string[] = []

test.runIf(real)(
  'kill -9 at random moments: what was acknowledged is there, and nothing else is left',
  async () => {
    const worlds = await Promise.all(benches.map((bench) => World.make(bench, 'all')))
    try {
      const run = (bench: Bench, lane: number) => runLane(bench, worlds[lane] as World, lane, Math.ceil(KILLS / LANES))
      for (const end of await Promise.allSettled(benches.map(run))) if (end.status === 'rejected') throw end.reason
      expect(found.slice(0, 40), `seed ${seed}`).toEqual([])
      for (const world of worlds) expect(await world.sweep({ aged: true })).toEqual([])
      expect(sums.kills).toBeGreaterThanOrEqual(KILLS)
    } finally {
      for (const { splits, conflicts } of worlds) {
        sums.splits += splits
        sums.conflicts += conflicts
      }
      sums.latest = Math.round(Math.max(...benches.map(({ proxy }) => proxy.latest)))
      const { acknowledged, pending, reads, errors } = tally
      const rejected = Object.fromEntries(errors)
      console.log(
        `kill -9: ${JSON.stringify({ seed, ...sums, violations: found.length, acknowledged, pending, reads, rejected })}`,
      )
      for (const world of worlds) await world.remove()
    }
  },
  KILLS * 6000 + 60_000,
)

/** Kills one process after the other on one root, with one oracle from beginning to end. */
async function runLane(bench: Bench, world: World, lane: number, kills: number): Promise<void> {
  const random = new Random(seed + lane * 7919)
  const nursery = new Nursery(bench.bundle.script)
  try {
    for (let kill = 1; kill <= kills; kill++) {
      const round = `seed ${seed}, lane ${lane}, kill ${kill}`
      const child = await nursery.take()
      await killUnderLoad({ bench, world, child, random, round, firstSeq: kill * 100_000 })
      if (kill % HEAL_EVERY === 0 || kill === kills) await heal(bench, world, round)
      // From here on what follows would only tell of the same again.
      if (found.length > 0) return
    }
  } finally {
    await nursery.close()
    await bench.proxy.up()
  }
}

interface Round {
  readonly bench: Bench
  readonly world: World
  readonly child: ChildHandle
  readonly random: Random
  readonly round: string
  readonly firstSeq: number
}

async function killUnderLoad({ bench, world, child, random, round, firstSeq }: Round): Promise<void> {
  const { proxy } = bench
  if (random.next() < 0.5) await (proxy.isDown ? proxy.up() : proxy.down())
  const setup: StoreSetup = { ...world.setup, ...variant(random) }
  await child.tell({ do: 'open', setup, firstSeq })
  await child.tell({ do: 'load', seed: random.between(0, 1e9), lanes: 4, big: random.next() < 0.3 })
  // By what the child does and not by the clock, so that a busy machine kills no earlier; then out of step with it.
  const lines = random.between(0, 40)
  const turns = Array.from({ length: random.between(0, 2) }, () => random.between(0, lines)).sort((a, b) => a - b)
  for (const turn of turns) {
    await child.spoke(turn, PATIENCE)
    await (proxy.isDown ? proxy.up() : proxy.down())
  }
  await child.spoke(lines, PATIENCE)
  await sleep(random.between(0, random.pick([3, 15, 60])))
  await child.kill()
  expect(child.wasKilled, `${round}: the child was alive until it was killed`).toBe(true)
  await proxy.idle()
  sums.kills++
  const violations = readStories([child.said], world.oracle, tally, round)
  world.oracle.settle(now())
  violations.push(...(await world.withStore((store) => world.check(store))))
  report(violations, round)
}

/** How a store may be set up; the promises are the same. */
function variant(random: Random): Partial<StoreSetup> {
  return {
    maxAttempts: random.between(1, 2),
    circuit: random.next() < 0.5 ? false : { probeAfter: 30, probeAtMost: 200 },
    reconcile: random.next() < 0.5 ? false : { interval: 40 },
  }
}

async function heal(bench: Bench, world: World, round: string): Promise<void> {
  await bench.proxy.up()
  sums.heals++
  const violations = await world.withStore(async (store) => {
    const waited = await store.pending()
    sums.waited += waited.length
    const before = await world.check(store, { all: true })
    const drained = await world.drain(store)
    return [...before, ...drained, ...(await world.check(store, { all: true }))]
  })
  violations.push(...(await world.compare()), ...(await world.sweep()))
  report(violations, `${round}, healed`)
}

function report(violations: readonly string[], round: string): void {
  found.push(...violations.map((text) => `${round}: ${text}`))
}

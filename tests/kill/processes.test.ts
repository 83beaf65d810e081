import { randomInt } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Bench, makeBench, real } from './bench.js'
import { ChildHandle } from './process.js'
import { now, type Operation, type StoreSetup } from './protocol.js'
import { Random } from './random.js'
import { newTally, readStories } from './story.js'
import { World } from './world.js'

const PROCESSES = 4
const LANES = 2
const SECONDS = Number(process.env.KILL_SECONDS ?? 20)
const seed = Number(process.env.KILL_SEED ?? randomInt(1_000_000_000))

let bench: Bench
beforeAll(async () => {
  if (real) bench = await makeBench('processes')
})
afterAll(() => bench?.close())

/** Processes with stores of their own on the world's root and bucket. */
async function startProcesses(world: World, count: number, changes: Partial<StoreSetup> = {}): Promise<ChildHandle[]> {
  const children = Array.from({ length: count }, () => new ChildHandle(bench.bundle.script))
  await Promise.all(children.map((child) => child.ready()))
  const open = (child: ChildHandle, index: number) => {
    const setup = { ...world.setup, ...changes }
    return child.tell({ do: 'open', setup, firstSeq: (index + 1) * 1_000_000, slots: index * LANES })
  }
  await Promise.all(children.map(open))
  return children
}

async function stopProcesses(children: readonly ChildHandle[]): Promise<void> {
  await Promise.all(children.map((child) => child.tell({ do: 'close' })))
  await Promise.all(children.map((child) => child.end()))
}

describe.runIf(real)('processes on one root and one bucket', () => {
  test(
    'under load, with S3 going down and up: no torn, older or foreign version, and in the end all agree',
    async () => {
      const { proxy } = bench
      const world = await World.make(bench, 'load')
      const random = new Random(seed)
      const children = await startProcesses(world, PROCESSES, { reconcile: { interval: 100 } })
      try {
        await Promise.all(
          children.map((child, index) =>
            child.tell({ do: 'load', seed: seed + index, lanes: LANES, big: index === 0 }),
          ),
        )
        let turns = 0
        for (const end = now() + SECONDS * 1000; now() < end; turns++) {
          await sleep(random.between(50, 1500))
          await (proxy.isDown ? proxy.up() : proxy.down())
        }
        await proxy.up()
        await Promise.all(children.map((child) => child.tell({ do: 'stop' })))
        await proxy.idle()

        const died = children.flatMap(({ isOver }, index) => (isOver ? [`process ${index} ended by itself`] : []))
        const drained = await world.withStore((store) => world.drain(store))
        const tally = newTally()
        const stories = () => children.map(({ said }) => said)
        const violations = readStories(stories(), world.oracle, tally, 'process')
        world.oracle.settle(now())
        violations.push(...died, ...drained, ...(await world.withStore((store) => world.check(store, { all: true }))))
        // What the parent saw is what every process must see.
        const lengths = children.map(({ said }) => said.length)
        const operations = world.oracle.keys.map((key): Operation => ({ op: 'read', key, alias: 'bare' }))
        await Promise.all(children.map((child) => child.tell({ do: 'run', operations })))
        const readings = children.map(({ said }, index) => said.slice(lengths[index]))
        violations.push(...readStories(readings, world.oracle, tally, 'agreement'))
        violations.push(...(await world.compare()))
        await stopProcesses(children)
        violations.push(...(await world.sweep({ aged: true })), ...differentBodies())
        const { acknowledged, pending, reads, errors } = tally
        const facts = { seed, turns, acknowledged, pending, reads, splits: world.splits, conflicts: world.conflicts }
        const rejected = Object.fromEntries(errors)
        console.log(`processes: ${JSON.stringify({ ...facts, tokens: bench.proxy.puts.length, rejected })}`)
        expect(violations.slice(0, 40), `seed ${seed}`).toEqual([])
        expect(acknowledged).toBeGreaterThan(50)
      } finally {
        await Promise.all(children.map((child) => child.kill()))
        await proxy.up()
        await world.remove()
      }
    },
    SECONDS * 1000 + 120_000,
  )

  test('one sees what another put or deleted in an outage in its very next call', async () => {
    const { proxy } = bench
    const world = await World.make(bench, 'next-call')
    const children = await startProcesses(world, 2)
    try {
      const [writer, reader] = children as [ChildHandle, ChildHandle]
      const run = async (child: ChildHandle, operations: readonly Operation[]) => {
        expect(await child.tell({ do: 'run', operations })).toBe(true)
      }
      // Both have looked before, so that what they know could be out of date.
      await run(writer, [{ op: 'put', key: 'far', size: 500 }])
      await run(reader, [{ op: 'read', key: 'far', alias: 's3' }])
      await proxy.down()
      const tally = newTally()
      for (let round = 0; round < 25; round++) {
        const [one, other] = round % 2 === 0 ? [writer, reader] : [reader, writer]
        const size = round % 3 === 0 ? 100_000 : 500
        await run(one, [{ op: 'put', key: 'near', size }])
        await run(other, [{ op: 'read', key: 'near', alias: 's3' }])
        await run(other, [{ op: 'delete', key: 'near', alias: 's3' }])
        await run(one, [{ op: 'read', key: 'near', alias: 'bare' }])
        if (round === 10) await run(one, [{ op: 'delete', key: 'far', alias: 'bare' }])
        if (round >= 10) await run(other, [{ op: 'read', key: 'far', alias: 's3', head: true }])
      }
      const violations = readStories(
        children.map(({ said }) => said),
        world.oracle,
        tally,
        'process',
      )
      violations.push(...[...tally.errors].map(([name, count]) => `${count} times rejected: ${name}`))
      world.oracle.settle(now())
      await proxy.up()
      violations.push(...(await world.withStore((store) => world.drain(store))), ...(await world.compare()))
      await stopProcesses(children)
      violations.push(...(await world.sweep({ aged: true })))
      expect(violations.slice(0, 40)).toEqual([])
      expect(tally.reads).toBeGreaterThanOrEqual(65)
    } finally {
      await Promise.all(children.map((child) => child.kill()))
      await proxy.up()
      await world.remove()
    }
  }, 120_000)
})

/** A write token names one version: whatever was sent under it, and by whomever, was that one. */
function differentBodies(): string[] {
  const sent = new Map<string, Set<number>>()
  for (const { token, seq } of bench.proxy.puts) sent.set(token, (sent.get(token) ?? new Set()).add(seq))
  return [...sent].flatMap(([token, seqs]) =>
    seqs.size > 1 ? [`under the token ${token} went ${[...seqs].map((seq) => `#${seq}`).join(' and ')}`] : [],
  )
}

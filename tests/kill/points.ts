import type { Bench } from './bench.js'
import { makeBody } from './bodies.js'
import type { ChildHandle, Nursery } from './process.js'
import { type FatalCall, now, type Operation, type Said } from './protocol.js'
import { newTally, readStories, type Tally } from './story.js'
import type { World } from './world.js'

/** What a process does from its start to its end, unless it is killed. */
export interface Script {
  readonly name: string
  /** Keys that are in the bucket before it starts. */
  readonly before: readonly string[]
  readonly stages: readonly { readonly s3: 'up' | 'down'; readonly operations: readonly Operation[] }[]
}

/** Where a run of a script is to be killed. */
export interface Point {
  readonly name: string
  readonly fatal?: FatalCall | undefined
  /** Arms the proxy; the child is the one to kill. */
  arm?(bench: Bench, child: ChildHandle): void
}

/** What runs one after the other have in common. */
export interface Lane {
  readonly bench: Bench
  /** What the worlds of the runs are copies of. */
  readonly template: World
  readonly nursery: Nursery
}

export interface Ended {
  /** Whether the script ended before its process was to be killed. */
  readonly byItself: boolean
  readonly violations: readonly string[]
}

const SEEDED = 1
const FIRST = 100

/** Runs the script in a process that is killed at the point, and looks at what it leaves, again and again until all is healed. */
export async function runToPoint(
  { bench, template, nursery }: Lane,
  script: Script,
  point: Point,
  tally: Tally,
): Promise<Ended> {
  const { proxy } = bench
  await proxy.up()
  const world = await template.copy(`${script.name}-${point.name}`.replaceAll(/[^a-z0-9]+/g, '-'))
  try {
    await seed(world, script.before)
    const child = await nursery.take()
    const { answered, stageFrom } = await play(bench, world, child, script, point)
    const errors = new Map<string, number>()
    const mine: Tally = { ...newTally(), errors }
    const violations = readStories([child.said], world.oracle, mine, script.name)
    world.oracle.settle(now())
    for (const [name, count] of errors) if (answered) violations.push(`${count} times rejected in the script: ${name}`)
    tally.acknowledged += mine.acknowledged
    tally.pending += mine.pending
    // What was acknowledged while S3 was down is owed while it is down.
    if (proxy.isDown) {
      const owed = new Set(keysAcknowledged(child.said, stageFrom))
      violations.push(...(await world.withStore((store) => world.check(store, { mustRead: (key) => owed.has(key) }))))
      await proxy.up()
    }
    violations.push(...(await world.withStore((store) => world.check(store, { all: true }))))
    const healed = await world.withStore(async (store) => {
      return [...(await world.drain(store)), ...(await world.check(store, { all: true }))]
    })
    violations.push(...healed, ...(await world.compare()), ...(await world.sweep()))
    if (world.conflicts > 0) violations.push(`${world.conflicts} conflicts`)
    return { byItself: answered, violations: violations.map((text) => `${script.name}, ${point.name}: ${text}`) }
  } finally {
    await world.remove()
  }
}

interface Played {
  /** Whether the child did all of it. */
  readonly answered: boolean
  /** How much it had said when the last stage began. */
  readonly stageFrom: number
}

async function play(bench: Bench, world: World, child: ChildHandle, script: Script, point: Point): Promise<Played> {
  const { proxy } = bench
  let stageFrom = 0
  proxy.restart()
  point.arm?.(bench, child)
  let alive = await child.tell({ do: 'open', setup: world.setup, firstSeq: FIRST, fatal: point.fatal })
  for (const { s3, operations } of script.stages) {
    if (!alive) break
    stageFrom = child.said.length
    await (s3 === 'up' ? proxy.up() : proxy.down())
    alive = await child.tell({ do: 'run', operations })
  }
  if (alive) alive = await child.tell({ do: 'close' })
  await child.end()
  proxy.restart()
  await proxy.idle()
  return { answered: alive, stageFrom }
}

/** Through a store, so that the versions are this host's own. */
async function seed(world: World, keys: readonly string[]): Promise<void> {
  if (keys.length === 0) return
  await world.withStore(async (store) => {
    for (const [index, key] of keys.entries()) {
      const seq = SEEDED + index
      await store.put(key, makeBody(key, seq, 1000), { metadata: { seq: String(seq) } })
      world.oracle.fix(key, seq, now())
    }
  })
}

function keysAcknowledged(said: readonly Said[], from: number): string[] {
  const begun = new Map(said.flatMap((one) => (one.say === 'begin' ? [[one.id, one] as const] : [])))
  return said.slice(from).flatMap((one) => {
    const asked = one.say === 'end' && one.error === undefined ? begun.get(one.id) : undefined
    return asked?.op === 'put' || asked?.op === 'delete' || asked?.op === 'move'
      ? [asked.key ?? '', asked.to ?? '']
      : []
  })
}

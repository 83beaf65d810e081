import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { makeBench, real } from './bench.js'
import { type Lane, type Point, runToPoint, type Script } from './points.js'
import { Nursery } from './process.js'
import { newTally } from './story.js'
import { World } from './world.js'

const LANES = 2
/** Also at calls that only look: the same states again, for nothing has changed since the call before. */
const LOOKS = process.env.KILL_ROUNDS !== undefined

/** The first point of each sweep: to look at one again. */
const FIRST = Number(process.env.KILL_POINT ?? 1)

const small = 1000
const large = 200_000

/** Everything that an outage makes wait, and its way to S3. */
const outage: Script = {
  name: 'outage',
  before: ['gone'],
  stages: [
    {
      s3: 'down',
      operations: [
        { op: 'put', key: 'small', size: small },
        { op: 'put', key: 'large', size: large },
        { op: 'put', key: 'small', size: small + 1 },
        { op: 'delete', key: 'gone', alias: 's3' },
      ],
    },
    { s3: 'up', operations: [{ op: 'reconcile' }] },
  ],
}

/** Keys that go from one driver to the other, and from one name to another. */
const transfer: Script = {
  name: 'transfer',
  before: [],
  stages: [
    {
      s3: 'up',
      operations: [
        { op: 'put', key: 'both', size: small, driver: 'local' },
        { op: 'put', key: 'both', size: small, driver: 's3' },
        { op: 'put', key: 'from', size: small },
        { op: 'put', key: 'near', size: large, driver: 'local' },
      ],
    },
    {
      s3: 'down',
      operations: [
        { op: 'put', key: 'both', size: large, driver: 's3' },
        { op: 'put', key: 'waits', size: small },
        { op: 'move', key: 'waits', to: 'arrives' },
        { op: 'delete', key: 'near', alias: 'bare' },
      ],
    },
    { s3: 'up', operations: [{ op: 'reconcile' }, { op: 'move', key: 'from', to: 'to' }] },
  ],
}

/** All ways of writing to an S3 that is there. */
const direct: Script = {
  name: 'direct',
  before: ['old'],
  stages: [
    {
      s3: 'up',
      operations: [
        { op: 'put', key: 'old', size: small },
        { op: 'put', key: 'big', size: 6_000_000, stream: true },
        { op: 'put', key: 'both', size: small, driver: 'local' },
        { op: 'put', key: 'both', size: large, stream: true, driver: 's3' },
        { op: 'move', key: 'old', to: 'new' },
        { op: 'delete', key: 'big', alias: 'bare' },
      ],
    },
    {
      s3: 'down',
      operations: [
        { op: 'put', key: 'both', size: small },
        { op: 'delete', key: 'new', alias: 's3' },
        { op: 'put', key: 'large', size: large },
      ],
    },
    { s3: 'up', operations: [{ op: 'reconcile' }, { op: 'put', key: 'large', size: small }] },
  ],
}

const lanes: Lane[] = []
beforeAll(async () => {
  for (let lane = 0; real && lane < LANES; lane++) {
    const bench = await makeBench('points')
    const template = await World.make(bench, 'template')
    lanes.push({ bench, template, nursery: new Nursery(bench.bundle.script) })
  }
})
afterAll(async () => {
  for (const { bench, template, nursery } of lanes) {
    await nursery.close()
    await template.remove()
    await bench.close()
  }
})

/** The points 1, 2, ... until the script ends before it comes to one. Lanes take turns. */
async function sweep(script: Script, label: string, pointAt: (n: number) => Point): Promise<void> {
  const started = performance.now()
  const tally = newTally()
  const violations: string[] = []
  let kills = 0
  let next = FIRST
  let isOver = false
  const run = async (lane: Lane) => {
    while (!isOver) {
      const end = await runToPoint(lane, script, pointAt(next++), tally)
      violations.push(...end.violations)
      // What is broken is mostly broken at every later point too.
      if (violations.length > 30) isOver = true
      if (end.byItself) isOver = true
      else kills++
    }
  }
  await Promise.all(lanes.map(run))
  const { acknowledged, pending } = tally
  const seconds = Math.round((performance.now() - started) / 1000)
  console.log(`${label}: ${JSON.stringify({ kills, acknowledged, pending, violations: violations.length, seconds })}`)
  expect(violations.slice(0, 40)).toEqual([])
  if (FIRST === 1) expect(kills).toBeGreaterThan(10)
}

describe.runIf(real)('kill -9 at every call of the file system in turn', () => {
  for (const script of [outage, transfer]) {
    for (const when of ['before', 'after'] as const) {
      // The longer one finds the same disk before a call as after the one before.
      if (when === 'before' && script === transfer && !LOOKS) continue
      const name = `${script.name}, ${when} the call`
      test(name, async () => {
        await sweep(script, name, (at) => ({ name: `${when} call ${at}`, fatal: { at, when, reads: LOOKS } }))
      }, 1_200_000)
    }
  }
})

describe.runIf(real)('kill -9 at every request to S3 in turn', () => {
  test('before it is passed on', async () => {
    await sweep(direct, 'requests, before', (at) => ({
      name: `before request ${at}`,
      arm: ({ proxy }, child) => {
        proxy.restart({ arrived: (n) => (n === at ? kill(child) : undefined) })
      },
    }))
  }, 1_200_000)

  test('when the server has answered and the process does not know', async () => {
    await sweep(direct, 'requests, after', (at) => ({
      name: `after request ${at}`,
      arm: ({ proxy }, child) => {
        proxy.restart({ answered: (n) => (n === at ? kill(child) : undefined) })
      },
    }))
  }, 1_200_000)
})

function kill(child: { killNow(): void }): 'drop' {
  child.killNow()
  return 'drop'
}

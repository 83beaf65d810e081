import { mkdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, expect, it } from 'vitest'
import { randomFrom } from './choices.js'
import { replay, type Tally, type Violation } from './crash-points.js'
import { type OperationName, operations } from './operations.js'
import { isSound, nameOf, ownDirectory, record, type Workload, workloadNamed } from './workloads.js'

/**
 * A workload is cut off after each of its calls, and each time several states that a crash may leave are put on a disk
 * and opened: what was acknowledged must be there, what was under way wholly or not at all.
 *
 * CRASH_ROUNDS=n tries n times as many random states, and n times as many random workloads. A failure prints what repeats
 * it: CRASH_SEED, and CRASH_WORKLOAD for one workload alone.
 */
const rounds = Number(process.env.CRASH_ROUNDS ?? 1)
const seed = Number(process.env.CRASH_SEED ?? Math.floor(Math.random() * 2 ** 31))
const MIXTURES = 2
const RANDOM_WORKLOADS = 3
const RECOVERIES = 2

const chosen: readonly Workload[] = [
  { start: 'empty', operations: ['putLocalAttributes', 'putLocal', 'deleteLocal'] },
  { start: 'seeded', operations: ['putLocal', 'putLocalAttributes', 'putLocalLarge'] },
  { start: 'seeded', operations: ['createLocal', 'createLocal', 'putLocalDeep'] },
  { start: 'seeded', operations: ['copyLocal', 'moveLocal'] },
  { start: 'seeded', operations: ['moveLocalDeep', 'putLocal', 'moveLocalDeep'] },
  { start: 'seeded', operations: ['putLocalAttributes', 'deleteLocal', 'putLocal'] },
  { start: 'empty', operations: ['keepSmall', 'keepLarge', 'reconcile'] },
  { start: 'empty', operations: ['keepLarge', 'keepSmall', 'reconcile'] },
  { start: 'empty', operations: ['keepBoth', 'reconcile'] },
  { start: 'seeded', operations: ['keepLarge', 'send'] },
  { start: 'seeded', operations: ['keepSmall', 'remove'] },
  { start: 'seeded', operations: ['keepOther', 'reconcile'] },
  { start: 'empty', operations: ['keepLarge', 'bury', 'reconcile'] },
  { start: 'empty', operations: ['keepSmall', 'bury', 'keepLarge'] },
  { start: 'seeded', operations: ['buryOther', 'reconcile'] },
  { start: 'seeded', operations: ['buryOther', 'keepOther', 'reconcile'] },
  { start: 'seeded', operations: ['keepSmall', 'buryBoth', 'reconcile'] },
  { start: 'seeded', operations: ['send', 'keepLarge', 'reconcile'] },
  { start: 'seeded', operations: ['send', 'bury', 'reconcile'] },
  { start: 'empty', operations: ['keepLarge', 'copyKept', 'reconcile'] },
  { start: 'empty', operations: ['keepLarge', 'moveKept', 'reconcile'] },
  { start: 'empty', operations: ['keepSmall', 'moveKept', 'keepLarge'] },
  { start: 'empty', operations: ['keepSmall', 'divert', 'reconcile'] },
  { start: 'seeded', operations: ['buryOther', 'sendOther'] },
  { start: 'seeded', operations: ['keepSmall', 'moveSent'] },
  { start: 'seeded', operations: ['keepOver', 'reconcile'] },
]

/** Three operations that make sense, drawn by the seed. */
function drawn(count: number): Workload[] {
  const random = randomFrom(seed)
  // A crash between a put to S3 and the eviction of the local copy leaves both: docs/promises.md, the limits of P10.
  const names = (Object.keys(operations) as OperationName[]).filter((name) => name !== 'sendOver')
  const found: Workload[] = []
  while (found.length < count) {
    const draw = () => names[Math.floor(random() * names.length)] as OperationName
    const workload: Workload = { start: random() < 0.7 ? 'seeded' : 'empty', operations: [draw(), draw(), draw()] }
    if (isSound(workload)) found.push(workload)
  }
  return found
}

const workloads = process.env.CRASH_WORKLOAD
  ? [workloadNamed(process.env.CRASH_WORKLOAD)]
  : [...chosen, ...drawn(RANDOM_WORKLOADS * rounds)]

const tally = { workloads: 0, prefixes: 0, states: 0, opened: 0, recoveries: 0, violations: 0 }

afterAll(() => {
  const { workloads, prefixes, states, opened, recoveries, violations } = tally
  process.stdout.write(
    `crash replay: ${workloads} workloads and ${recoveries} recoveries, ${prefixes} prefixes, ${states} states, ` +
      `${opened} of them different and opened, ${violations} violations (CRASH_SEED=${seed})\n`,
  )
})

it.each(workloads.map((workload) => [nameOf(workload), workload] as const))(
  'survives a crash after any call: %s',
  async (name, workload) => {
    const top = ownDirectory()
    const own: Tally = { prefixes: 0, states: 0, opened: 0, recoveries: 0, violations: [] }
    try {
      const live = join(top, 'live')
      mkdirSync(live)
      const effort = { seed, mixtures: MIXTURES * rounds, recoveries: RECOVERIES * rounds }
      await replay(await record(workload, live), top, effort, own)
    } finally {
      rmSync(top, { recursive: true, force: true })
      tally.workloads++
      for (const count of ['prefixes', 'states', 'opened', 'recoveries'] as const) tally[count] += own[count]
      tally.violations += own.violations.length
    }
    const shown = kindsOf(own.violations).join('\n')
    expect(own.violations.length, `${shown}\nagain: CRASH_SEED=${seed} CRASH_WORKLOAD='${name}'`).toBe(0)
  },
  300_000 * rounds,
)

/** One line for each kind of problem, with the first place where it was seen. */
function kindsOf(violations: readonly Violation[]): string[] {
  const kinds = new Map<string, { readonly first: Violation; count: number }>()
  for (const violation of violations) {
    const kind = violation.problem.replace(/[0-9a-f]{8,}\S*/g, '...')
    const known = kinds.get(kind)
    if (known) known.count++
    else kinds.set(kind, { first: violation, count: 1 })
  }
  return [...kinds.values()].map(({ first, count }) => `${count} times: ${first.problem}; first after ${first.at}`)
}

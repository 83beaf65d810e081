import { mkdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, expect, it } from 'vitest'
import { choices, randomFrom } from './choices.js'
import { type OperationName, operations, type State } from './operations.js'
import { judge } from './oracle.js'
import { DiskModel } from './replayer.js'
import { restore } from './restored-disk.js'
import {
  core,
  isSound,
  nameOf,
  ownDirectory,
  type Recording,
  record,
  type Workload,
  workloadNamed,
} from './workloads.js'

/**
 * A workload is cut off after each of its calls, and each time several states that a crash may leave are put on a disk
 * and opened: what was acknowledged must be there, what was under way wholly or not at all.
 *
 * CRASH_ROUNDS=n tries n times as many random states, and n times as many random workloads. A failure prints what repeats
 * it: CRASH_SEED, and CRASH_WORKLOAD for one workload alone.
 */
const rounds = Number(process.env.CRASH_ROUNDS ?? 1)
const seed = Number(process.env.CRASH_SEED ?? Math.floor(Math.random() * 2 ** 31))
const MIXTURES = 3
const RANDOM_WORKLOADS = 4

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
]

const buried: readonly Workload[] = [
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
]

/** Three operations that make sense, drawn by the seed. */
function drawn(count: number): Workload[] {
  const random = randomFrom(seed)
  const names = Object.keys(operations) as OperationName[]
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
  : [...chosen, ...(core ? [...buried, ...drawn(RANDOM_WORKLOADS * rounds)] : [])]

const counts = { workloads: 0, prefixes: 0, states: 0, opened: 0, violations: 0 }

afterAll(() => {
  const { workloads, prefixes, states, opened, violations } = counts
  process.stdout.write(
    `crash replay: ${workloads} workloads, ${prefixes} prefixes, ${states} states, ${opened} of them different and ` +
      `opened, ${violations} violations (CRASH_SEED=${seed})\n`,
  )
})

it.each(workloads.map((workload) => [nameOf(workload), workload] as const))(
  'survives a crash after any call: %s',
  async (name, workload) => {
    const top = ownDirectory()
    try {
      const live = join(top, 'live')
      mkdirSync(live)
      const violations = await replay(await record(workload, live), top)
      const shown = violations.slice(0, 5).join('\n')
      expect(violations.length, `${shown}\nagain: CRASH_SEED=${seed} CRASH_WORKLOAD='${name}'`).toBe(0)
    } finally {
      rmSync(top, { recursive: true, force: true })
    }
  },
  120_000 * rounds,
)

/** Cuts the recording off after each step; answers what went wrong. */
async function replay(recording: Recording, top: string): Promise<string[]> {
  const { steps, begin, states, workload, remote } = recording
  const model = new DiskModel()
  const random = randomFrom(seed)
  const violations: string[] = []
  const seen = new Set<string>()
  const keys = new Set(['local/never', 's3/never', ...states.flatMap((state) => [...state.keys()])])
  let acknowledged = 0
  let running: number | undefined
  let changes = 0
  counts.workloads++
  for (const [index, step] of steps.entries()) {
    model.apply(step)
    if (step.kind === 'mark') {
      if (step.what.kind === 'remote') changes = step.what.changes
      else if (step.what.kind === 'begin') running = step.what.operation
      else {
        acknowledged = step.what.operation + 1
        running = undefined
      }
    }
    if (index < begin) {
      if (index === begin - 1) model.settle()
      continue
    }
    counts.prefixes++
    const allowed = allowedStates(states[acknowledged] as State, workload.operations[running ?? -1])
    for (const key of allowed.flatMap((state) => [...state.keys()])) keys.add(key)
    for (const choice of choices(model, random, MIXTURES * rounds)) {
      counts.states++
      const state = model.crash(choice)
      const id = `${state.digest} ${acknowledged} ${running} ${changes}`
      if (seen.has(id)) continue
      seen.add(id)
      counts.opened++
      const directory = join(top, `crash-${counts.opened}`)
      mkdirSync(directory)
      const problems = await judge(join(directory, 'root'), restore(state, directory), await remote.after(changes), {
        allowed,
        keys: [...keys],
      })
      rmSync(directory, { recursive: true })
      if (problems.length === 0) continue
      counts.violations++
      const at = `${index + 1 - begin} of ${steps.length - begin} calls (the last: ${step.kind}), ${state.name}`
      violations.push(`${at}: ${problems.join('; ')}`)
    }
  }
  return violations
}

function allowedStates(before: State, running: OperationName | undefined): readonly State[] {
  const operation = running && operations[running]
  if (!operation || operation.refused?.(before)) return [before]
  return [before, ...(operation.effects(before) ?? [])]
}

import { mkdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { FsDriver } from '../../src/drivers/fs/index.js'
import type { MemoryDriver } from '../../src/drivers/memory/index.js'
import { FaultyDriver } from '../../src/testing/index.js'
import { choices, type Random, randomFrom } from './choices.js'
import { operations, type State } from './operations.js'
import { type Expected, judge, match, reconcileAll } from './oracle.js'
import { RecordingDisk, type Step } from './recording-disk.js'
import { type CrashState, DiskModel } from './replayer.js'
import { restore } from './restored-disk.js'
import { openStore, type Recording } from './workloads.js'

/** How hard to try. */
export interface Effort {
  readonly seed: number
  /** Random states after each call. */
  readonly mixtures: number
  /** Crashes of each workload whose recovery is cut off too. */
  readonly recoveries: number
}

/** Something that a crash must not lead to. */
export interface Violation {
  /** After which call, and in which of the states. */
  readonly at: string
  readonly problem: string
}

/** What was tried, and what went wrong. */
export interface Tally {
  prefixes: number
  states: number
  /** States that no other one equals. */
  opened: number
  recoveries: number
  readonly violations: Violation[]
}

/** A recording up to one of its steps. */
interface Point {
  /** Where this is, in words. */
  readonly at: string
  readonly model: DiskModel
  /** The same for points after which the same must hold. */
  readonly epoch: string
  /** Changes that S3 has seen. */
  readonly changes: number
  /** The states that it may be in. */
  readonly allowed: readonly State[]
}

/** Cuts a recording off after each of its calls, and opens what may be left. Works below `top`. */
export async function replay(recording: Recording, top: string, effort: Effort, tally: Tally): Promise<void> {
  const { states, remote, steps, begin } = recording
  const keys = new Set(['local/never', 's3/never', ...states.flatMap((state) => [...state.keys()])])
  const random = randomFrom(effort.seed)
  const often = effort.recoveries / (steps.length - begin)
  const judged = new Judged(top, tally)
  for (const point of points(recording)) {
    tally.prefixes++
    const { allowed, changes, model, at, epoch } = point
    for (const key of allowed.flatMap((state) => [...state.keys()])) keys.add(key)
    const expected = { allowed, keys: [...keys] }
    const found: CrashState[] = []
    for (const choice of choices(model, random, effort.mixtures)) {
      const state = model.crash(choice)
      if (await judged.open(state, { at, epoch, expected, memory: () => remote.after(changes) })) found.push(state)
    }
    if (found.length === 0 || random() >= often) continue
    const start = found[Math.floor(random() * found.length)] as CrashState
    await replayRecovery(recording, { ...point, at: `${at}, ${start.name}` }, start, expected, judged, random)
  }
}

/** The same with what the next process does about a crash: that it opens the store and reconciles. */
async function replayRecovery(
  { remote }: Recording,
  { at, changes: before }: Point,
  start: CrashState,
  { allowed, keys }: Expected,
  judged: Judged,
  random: Random,
): Promise<void> {
  judged.tally.recoveries++
  const directory = judged.directory()
  const disk = new RecordingDisk(directory, restore(start, directory).identities)
  const begin = disk.steps.length
  const continued = await remote.since(before, (changes) => disk.mark({ kind: 'remote', changes }))
  const s3 = new FaultyDriver(continued.driver)
  const store = openStore(s3, new FsDriver({ root: join(directory, 'root'), fs: disk }))
  s3.outage()
  const index = await match(store, { allowed, keys }, await remote.after(before))
  // Then it was judged and found wanting before.
  if (typeof index === 'string') return
  await reconcileAll(store, s3, [])
  await store.close()

  const model = new DiskModel()
  let changes = before
  for (const [number, step] of disk.steps.entries()) {
    model.apply(step)
    if (number < begin) {
      if (number === begin - 1) model.settle()
      continue
    }
    judged.tally.prefixes++
    if (step.kind === 'mark' && step.what.kind === 'remote') changes = step.what.changes
    const where = `${at}; then ${number + 1 - begin} of ${disk.steps.length - begin} calls of the recovery (the last: ${step.kind})`
    for (const choice of choices(model, random, 1)) {
      await judged.open(model.crash(choice), {
        at: where,
        epoch: `recovery ${judged.tally.recoveries}, ${changes}`,
        expected: { keys, allowed: allowed.slice(index) },
        memory: () => continued.after(changes),
      })
    }
  }
}

/** Every step behind the beginning, with what must hold if it was the last. */
function* points({ steps, begin, states, workload }: Recording): Generator<Point> {
  const model = new DiskModel()
  let acknowledged = 0
  let running: number | undefined
  let changes = 0
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
    if (index === begin - 1) model.settle()
    if (index < begin) continue
    const before = states[acknowledged] as State
    const name = running === undefined ? undefined : workload.operations[running]
    const operation = name === undefined || operations[name].refused?.(before) ? undefined : operations[name]
    const at = `${index + 1 - begin} of ${steps.length - begin} calls (the last: ${describe(step)})`
    yield {
      at,
      model,
      changes,
      epoch: `${acknowledged} ${running} ${changes}`,
      allowed: [before, ...(operation?.effects(before) ?? [])],
    }
  }
}

function describe(step: Step): string {
  return step.kind === 'mark' ? step.what.kind : step.kind
}

interface Opening {
  readonly at: string
  readonly epoch: string
  readonly expected: Expected
  /** S3 as it was. */
  memory(): Promise<MemoryDriver>
}

/** Opens states, each but once. */
class Judged {
  readonly tally: Tally
  readonly #top: string
  readonly #seen = new Set<string>()
  #directories = 0

  constructor(top: string, tally: Tally) {
    this.#top = top
    this.tally = tally
  }

  directory(): string {
    const path = join(this.#top, `crash-${++this.#directories}`)
    mkdirSync(path)
    return path
  }

  /** Answers whether it was not seen before. */
  async open(state: CrashState, { at, epoch, expected, memory }: Opening): Promise<boolean> {
    this.tally.states++
    const id = `${epoch} ${state.digest}`
    if (this.#seen.has(id)) return false
    this.#seen.add(id)
    this.tally.opened++
    const directory = this.directory()
    const problems = await judge(join(directory, 'root'), restore(state, directory), await memory(), expected)
    rmSync(directory, { recursive: true })
    for (const problem of problems) this.tally.violations.push({ at: `${at}, ${state.name}`, problem })
    return true
  }
}

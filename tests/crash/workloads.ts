import { mkdtempSync, realpathSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { BlobDriver } from '../../src/driver/index.js'
import { FsDriver } from '../../src/drivers/fs/index.js'
import { HybridStore } from '../../src/index.js'
import { FaultyDriver } from '../../src/testing/index.js'
import { type OperationName, operations, type State, type Store, seeds } from './operations.js'
import { RecordingDisk, type Step } from './recording-disk.js'
import { Remote } from './remote.js'

/** Up to three operations, one after the other, on what the seeds have left or on nothing. */
export interface Workload {
  readonly start: 'seeded' | 'empty'
  readonly operations: readonly OperationName[]
}

export function nameOf({ start, operations }: Workload): string {
  return `${start}: ${operations.join(', ')}`
}

/** The other way round. */
export function workloadNamed(name: string): Workload {
  const [start, list] = name.split(': ')
  const names = list?.split(', ') ?? []
  const wrong = names.filter((one) => !(one in operations))
  if ((start !== 'seeded' && start !== 'empty') || wrong.length > 0) throw new Error(`There is no workload ${name}.`)
  return { start, operations: names as OperationName[] }
}

/** What a workload did, ready to be cut off after any step. */
export interface Recording {
  readonly workload: Workload
  readonly steps: readonly Step[]
  /** Steps before the first operation; everything up to there is durable. */
  readonly begin: number
  readonly remote: Remote
  /** The state before each operation, and at last the one after all. */
  readonly states: readonly State[]
}

/** A directory of its own, in memory where there is such a place: nothing here depends on a real disk's durability. */
export function ownDirectory(): string {
  const above = process.platform === 'linux' ? '/dev/shm' : tmpdir()
  return realpathSync(mkdtempSync(join(above, 'hybrid-store-crash-')))
}

export function openStore(s3: BlobDriver, local: FsDriver): Store {
  return new HybridStore({
    drivers: { s3, local },
    policy: ({ key }) => (key.startsWith('local/') ? 'local' : 's3'),
    fallback: { s3: 'local', circuit: false, grace: 1 },
    reconcile: false,
    logger: false,
  })
}

/** Runs the workload on a disk that writes everything down. The caller removes `top`. */
export async function record(workload: Workload, top: string): Promise<Recording> {
  const disk = new RecordingDisk(top)
  const remote = Remote.empty((changes) => disk.mark({ kind: 'remote', changes }))
  const s3 = new FaultyDriver(remote.driver)
  const store = openStore(s3, new FsDriver({ root: join(top, 'root'), fs: disk }))
  let state: State = new Map()
  if (workload.start === 'seeded') {
    for (const seed of seeds) {
      await seed.run(store)
      state = seed.effects(state)?.at(-1) ?? state
    }
  }
  const begin = disk.steps.length
  const states: State[] = [state]
  for (const [index, name] of workload.operations.entries()) {
    const operation = operations[name]
    if (operation.s3 === 'down') s3.outage()
    else s3.recover()
    disk.mark({ kind: 'begin', operation: index })
    const refused = operation.refused?.(state) ?? false
    const outcome = await operation.run(store).then(
      () => undefined,
      (error: unknown) => ({ error }),
    )
    if (refused !== (outcome !== undefined)) {
      throw new Error(`${operation.name} was ${outcome ? '' : 'not '}refused.`, { cause: outcome?.error })
    }
    if (!outcome) state = operation.effects(state)?.at(-1) ?? state
    disk.mark(outcome ? { kind: 'refused', operation: index, ...outcome } : { kind: 'acknowledged', operation: index })
    states.push(state)
  }
  const steps = disk.steps.slice()
  await store.close()
  return { workload, steps, begin, remote, states }
}

/** Whether each operation makes sense after those before it. */
export function isSound({ start, operations: names }: Workload): boolean {
  let state: State = new Map()
  const all = [...(start === 'seeded' ? seeds : []), ...names.map((name) => operations[name])]
  for (const operation of all) {
    const after = operation.refused?.(state) ? [state] : operation.effects(state)
    const last = after?.at(-1)
    if (last === undefined) return false
    state = last
  }
  return true
}

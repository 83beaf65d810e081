import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { FsDriver } from '../../src/drivers/fs/index.js'
import { isStorageError, type StorageError } from '../../src/errors/index.js'
import { FaultyDriver } from '../../src/testing/index.js'
import { openBelow } from '../drivers/fs/support.js'
import { FailingDisk, type Fault } from './failing-disk.js'
import { type OperationName, operations, type State, type Store, seeds } from './operations.js'
import { judge, match } from './oracle.js'
import { Remote } from './remote.js'
import { buryIn } from './restored-disk.js'
import { openStore, ownDirectory } from './workloads.js'

/** Something that is done on a disk that fails. */
interface Scenario {
  readonly name: string
  /** Done before, on a sound disk. */
  readonly before: readonly OperationName[]
  /** Either one of the operations, or something of which readers see nothing. */
  readonly act: OperationName | ((store: Store, local: FsDriver) => Promise<unknown>)
  /** The store is closed and opened again in front of it, so that the outbox is read anew. */
  readonly reopened?: boolean
}

const scenarios: readonly Scenario[] = [
  { name: 'fallback of a small put', before: [], act: 'keepSmall' },
  { name: 'fallback of a large put', before: [], act: 'keepLarge' },
  { name: 'a small second generation', before: ['keepLarge'], act: 'keepSmall' },
  { name: 'a large second generation', before: ['keepSmall'], act: 'keepLarge' },
  { name: 'reconcile of a small put', before: ['keepSmall'], act: 'reconcile' },
  { name: 'reconcile of a large put', before: ['keepLarge'], act: 'reconcile' },
  { name: 'a put to S3 over a waiting one', before: ['keepLarge'], act: 'send' },
  { name: 'a delete on S3 under a waiting put', before: ['keepLarge'], act: 'remove' },
  { name: 'opening', before: ['keepSmall', 'keepOther'], act: (store) => store.pending(), reopened: true },
  { name: 'a mark', before: ['keepSmall'], act: (_, local) => local.createOutbox().mark('moved') },
  { name: 'a tombstone', before: [], act: 'buryOther' },
  { name: 'a tombstone over a waiting put', before: ['keepLarge'], act: 'bury' },
  { name: 'a put over a tombstone', before: ['buryOther'], act: 'keepOther' },
  { name: 'reconcile of a tombstone', before: ['buryOther'], act: 'reconcile' },
  { name: 'a move of a waiting put', before: ['keepLarge'], act: 'moveKept' },
  { name: 'reconcile of a move', before: ['keepSmall', 'moveKept'], act: 'reconcile' },
  { name: 'a local put over a waiting one', before: ['keepLarge'], act: 'divert' },
]

const taking = ['write', 'open', 'mkdir', 'rename', 'link', 'symlink', 'sync', 'close', 'truncate']
const naming = ['open', 'mkdir', 'rename', 'link', 'symlink', 'unlink', 'rmdir', 'readdir', 'lstat', 'stat']

const faults: readonly Fault[] = [
  { name: 'any call', code: 'EIO', lasting: 'once' },
  { name: 'any call', code: 'EIO', lasting: 'on' },
  { name: 'what takes space', code: 'ENOSPC', calls: taking, lasting: 'once' },
  { name: 'what takes space', code: 'ENOSPC', calls: taking, lasting: 'on' },
  { name: 'open', code: 'EMFILE', calls: ['open'], lasting: 'on' },
  { name: 'what names a file', code: 'EACCES', calls: naming, lasting: 'once' },
  { name: 'what names a file', code: 'EACCES', calls: naming, lasting: 'on' },
  { name: 'rename and link', code: 'EXDEV', calls: ['rename', 'link'], lasting: 'on' },
  { name: 'fsync', code: 'EIO', calls: ['sync'], lasting: 'on' },
  { name: 'unlink', code: 'EIO', calls: ['unlink'], lasting: 'on' },
  // What was refused cannot be taken back then.
  { name: 'rename and unlink', code: 'EIO', calls: ['rename', 'unlink'], lasting: 'on' },
  { name: 'fsync and unlink', code: 'EIO', calls: ['sync', 'unlink'], lasting: 'on' },
]

const counts = { runs: 0, refused: 0, violations: 0 }

afterAll(() => {
  const { runs, refused, violations } = counts
  process.stdout.write(`failing calls: ${runs} runs, ${refused} of them refused, ${violations} violations\n`)
})

interface Run {
  /** Whether there was an nth call. */
  readonly failed: boolean
  readonly problems: readonly string[]
}

/** Does it with a disk that is broken by `fault`, then sees what is there on a sound one. */
async function run(scenario: Scenario, break_: (disk: FailingDisk) => void): Promise<Run> {
  const top = ownDirectory()
  try {
    return await runIn(top, scenario, break_)
  } finally {
    rmSync(top, { recursive: true, force: true })
  }
}

async function runIn(
  top: string,
  { before, act, reopened }: Scenario,
  break_: (disk: FailingDisk) => void,
): Promise<Run> {
  const root = join(top, 'root')
  const disk = new FailingDisk()
  let changes = 0
  const remote = Remote.empty((count) => {
    changes = count
  })
  const s3 = new FaultyDriver(remote.driver)
  let local = new FsDriver({ root, fs: disk })
  let store = openStore(s3, local)
  let state: State = new Map()
  for (const operation of [...seeds, ...before.map((name) => operations[name])]) {
    if (operation.s3 === 'down') s3.outage()
    else s3.recover()
    await operation.run(store)
    state = operation.effects(state)?.at(-1) ?? state
  }
  if (reopened) {
    await store.close()
    local = new FsDriver({ root, fs: disk })
    store = openStore(s3, local)
  }
  const operation = typeof act === 'string' ? operations[act] : undefined
  if (operation?.s3 === 'up') s3.recover()
  else s3.outage()
  break_(disk)
  const doing = operation ? operation.run(store) : typeof act === 'function' ? act(store, local) : Promise.resolve()
  const outcome = await doing.then(
    () => undefined,
    (error: unknown) => ({ error }),
  )
  disk.heal()
  const problems: string[] = []
  counts.runs++
  if (outcome) {
    counts.refused++
    problems.push(...wrongWith(outcome.error, top))
  }
  const after = operation?.effects(state) ?? [state]
  const done = after.slice(-1)
  // Many small changes in one are not all undone when one of them fails.
  const allowed = !outcome ? done : mayHaveHappened(outcome.error) || act === 'reconcile' ? [state, ...after] : [state]
  const keys = ['s3/never', ...new Set([state, ...after].flatMap((one) => [...one.keys()]))]
  s3.outage()
  const still = await match(store, { allowed, keys }, await remote.after(changes))
  if (typeof still === 'string') problems.push(`afterwards ${still}`)
  const { keepAfter } = operations
  await keepAfter.run(store).catch((error: unknown) => problems.push(`the next put failed: ${error}`))
  await store.close().catch((error) => problems.push(`close failed: ${error}`))
  const open = openBelow(top)
  if (open.length > 0) problems.push(`left open: ${open.map((path) => path.slice(top.length))}`)
  const { failed } = disk
  const possible = typeof still === 'number' ? allowed.slice(still) : allowed
  const expected = {
    allowed: possible.flatMap((one) => keepAfter.effects(one) ?? []),
    keys: [...keys, 's3/after'],
  }
  problems.push(...(await judge(root, buryIn(root), await remote.after(changes), expected)))
  const how = outcome ? `${outcome.error}, outcome ${(outcome.error as StorageError).outcome}` : 'resolved'
  return { failed: failed !== undefined, problems: problems.map((problem) => `${failed}: ${how}: ${problem}`) }
}

function mayHaveHappened(error: unknown): boolean {
  return isStorageError(error) && error.outcome !== 'unchanged'
}

function wrongWith(error: unknown, top: string): string[] {
  if (!isStorageError(error)) return [`${error} is no StorageError`]
  const shown = `${error.message} ${error.hint} ${JSON.stringify(error)}`
  return shown.includes(top) || shown.includes('/proc/') ? [`${error} shows a path`] : []
}

describe.each(scenarios.map((scenario) => [scenario.name, scenario] as const))('%s', (_, scenario) => {
  it.each(
    faults.map(
      (fault) =>
        [`${fault.code} ${fault.lasting === 'on' ? 'from the nth on' : 'once'}, ${fault.name}`, fault] as const,
    ),
  )(
    'loses and half-writes nothing: %s',
    async (_, fault) => {
      const violations: string[] = []
      for (let nth = 1; ; nth++) {
        const { failed, problems } = await run(scenario, (disk) => disk.arm(fault, nth))
        if (!failed) break
        violations.push(...problems.map((problem) => `call ${nth}, ${problem}`))
      }
      counts.violations += violations.length
      expect(violations, `${violations.length} in all`).toEqual([])
    },
    60_000,
  )

  it('goes on where a write stopped short', async () => {
    for (const most of [1000, 7]) {
      const { problems } = await run(scenario, (disk) => disk.takeAtMost(most))
      expect(problems).toEqual([])
    }
  })
})

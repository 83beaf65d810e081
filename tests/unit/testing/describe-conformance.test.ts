import { execFile } from 'node:child_process'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { promisify } from 'node:util'
import { afterEach, expect, test, vi } from 'vitest'
import { MemoryDriver } from '../../../src/drivers/memory/index.js'
import {
  type ConformanceCase,
  type ConformanceHarness,
  type ConformanceReport,
  conformanceCases,
  describeConformance,
} from '../../../src/testing/index.js'

const folders: string[] = []

afterEach(async () => {
  vi.unstubAllEnvs()
  for (const folder of folders.splice(0)) await rm(folder, { recursive: true })
})

async function folder(): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), 'hybrid-store-results-'))
  folders.push(path)
  return path
}

/** A test runner in a few lines: collects, then runs one test after the other. */
async function runSuite(
  harness: Partial<ConformanceHarness>,
  cases: readonly ConformanceCase[],
  concurrency?: number,
): Promise<{ outcomes: Record<string, string>; report: ConformanceReport }> {
  const directory = await folder()
  vi.stubEnv('HYBRID_STORE_RESULTS', directory)
  const tests: { name: string; body: (context: unknown) => Promise<void> }[] = []
  const ends: (() => Promise<void>)[] = []
  const runner = {
    describe: (_: string, body: () => void) => body(),
    it: (name: string, body: (context: unknown) => Promise<void>) => tests.push({ name, body }),
    afterAll: (body: () => Promise<void>) => ends.push(body),
  }
  const subject = new MemoryDriver({ capabilities: { visibility: false } })
  const whole = { subject, capabilities: subject.capabilities, grace: 200, ...harness }
  describeConformance('my driver (v2)', () => whole, runner, { cases, concurrency })
  const outcomes: Record<string, string> = {}
  for (const { name, body } of tests) {
    let skipped: string | undefined
    const context = {
      skip: (reason: string) => {
        skipped = reason
      },
    }
    outcomes[name] = await body(context).then(
      () => (skipped === undefined ? 'passed' : `skipped: ${skipped}`),
      (error: Error) => `failed: ${error.message}`,
    )
  }
  for (const end of ends) await end()
  const report = JSON.parse(await readFile(join(directory, 'conformance-my-driver-v2-.json'), 'utf8'))
  return { outcomes, report }
}

function fake(name: string, run: ConformanceCase['run'], more: Partial<ConformanceCase> = {}): ConformanceCase {
  return { name: `group: ${name}`, group: 'group', needs: [], run, ...more }
}

const fails = async () => {
  throw new Error('wrong')
}
const passes = async () => {}

test('counts what ran, failed and was skipped, and says why', async () => {
  const { outcomes, report } = await runSuite(
    { gaps: { 'group: known': 'the server cannot', 'group: healed': 'old' } },
    [
      fake('good', passes),
      fake('bad', fails),
      fake('needs', fails, { needs: ['visibility'] }),
      fake('lacks', passes, { lacks: 'visibility' }),
      fake('moot', fails, { lacks: 'createOnly' }),
      fake('known', fails),
      fake('healed', passes),
    ],
  )
  expect(outcomes).toEqual({
    good: 'passed',
    bad: 'failed: wrong',
    needs: 'skipped: capability visibility is not declared',
    lacks: 'passed',
    moot: 'skipped: not applicable',
    known: 'skipped: the server cannot',
    healed: 'failed: passes, although it is named as a gap (old): take it off the list',
    'nothing is left behind when all cases have run': 'passed',
  })
  expect(report).toEqual({
    driver: 'my driver (v2)',
    run: 4,
    failed: 2,
    failures: ['group: bad', 'group: healed'],
    skipped: [
      { name: 'group: needs', reason: 'capability visibility is not declared' },
      { name: 'group: known', reason: 'the server cannot' },
    ],
  })
})

test('notices a timer and a file that are left behind', async () => {
  const { open } = await import('node:fs/promises')
  let timer: NodeJS.Timeout | undefined
  let handle: Awaited<ReturnType<typeof open>> | undefined
  const leaky = fake('leaky', async () => {
    timer = setTimeout(() => {}, 60_000)
    handle = await open('/etc/hostname')
  })
  const { outcomes, report } = await runSuite({}, [leaky])
  clearTimeout(timer)
  await handle?.close()
  expect(outcomes.leaky).toBe('passed')
  const last = outcomes['nothing is left behind when all cases have run']
  expect(last).toMatch(/1 timers/)
  expect(last).toMatch(/open file .*hostname/)
  expect(report.failed).toBe(1)
})

test('runs cases ahead of their turn, so many at a time, and each once', async () => {
  let running = 0
  let most = 0
  let runs = 0
  const cases = Array.from({ length: 12 }, (_, i) =>
    fake(`case ${i}`, async () => {
      runs++
      most = Math.max(most, ++running)
      await new Promise((resolve) => setTimeout(resolve, 5))
      running--
      if (i === 7) throw new Error('seven')
    }),
  )
  const { outcomes, report } = await runSuite({}, cases, 4)
  expect(runs).toBe(12)
  expect(most).toBe(4)
  expect(outcomes['case 7']).toBe('failed: seven')
  expect(report.failures).toEqual(['group: case 7'])
})

test('the whole suite passes eight at a time', async () => {
  const { report } = await runSuite({}, conformanceCases, 8)
  expect(report.failures).toEqual([])
  expect(report.run).toBeGreaterThan(200)
})

test('fits node:test', async () => {
  const directory = await folder()
  const file = join(directory, 'suite.test.ts')
  await writeFile(
    file,
    `
    import { after, describe, it } from 'node:test'
    import { MemoryDriver } from ${JSON.stringify(resolve('src/drivers/memory/index.ts'))}
    import { conformanceCases, describeConformance } from ${JSON.stringify(resolve('src/testing/index.ts'))}
    const cases = conformanceCases.filter(({ group }) => ['ranges', 'signed URL'].includes(group))
    describeConformance('node', () => {
      const subject = new MemoryDriver()
      return { subject, capabilities: subject.capabilities }
    }, { describe, it, afterAll: after }, { cases })
    `,
  )
  const args = ['--import', 'tsx', '--test', '--test-reporter=tap', file]
  const { NODE_TEST_CONTEXT: _, ...env } = process.env
  const { stdout } = await promisify(execFile)(process.execPath, args, {
    env: { ...env, HYBRID_STORE_RESULTS: directory },
  })
  expect(stdout).toMatch(/^# fail 0$/m)
  expect(stdout).toMatch(/^# skipped 1\d$/m)
  const report = JSON.parse(await readFile(join(directory, 'conformance-node.json'), 'utf8')) as ConformanceReport
  expect(report.run).toBeGreaterThan(15)
  expect(report.failed).toBe(0)
})

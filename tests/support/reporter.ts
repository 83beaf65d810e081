import { writeFileSync } from 'node:fs'
import { join, relative } from 'node:path'
import { stripVTControlCharacters } from 'node:util'
import type { Reporter, SerializedError, TestCase, TestModule } from 'vitest/node'

/** `summary.json`, by which the reporter tells scripts/test.mjs how the tests went. */
export interface RunSummary {
  readonly passed: number
  readonly failed: number
  readonly failures: readonly Failure[]
  readonly skipped: readonly { readonly file: string; readonly name: string; readonly reason?: string | undefined }[]
  /** Errors outside any test: unhandled rejections and the like. */
  readonly errors: number
  /** The kind of S3 server that the tests were given; undefined where the run broke off before. */
  readonly s3?: string | undefined
  /** By folder under tests/; milliseconds are summed over files that may have run at the same time. */
  readonly suites: Readonly<Record<string, { readonly tests: number; readonly ms: number }>>
}

/** What failed, in the few lines by which it is found and run again. */
export interface Failure {
  readonly file: string
  /** Of the test, or of the suite whose hooks failed; empty for a whole file, and for an error outside any test. */
  readonly name: string
  /** First line of its error. */
  readonly error: string
  /** The lines that say with which seed it ran. */
  readonly seeds: readonly string[]
}

/** Writes what scripts/test.mjs prints at the end: counts, skipped tests, and time by folder under tests/. */
export class SummaryReporter implements Reporter {
  onTestRunEnd(modules: ReadonlyArray<TestModule>, unhandled: ReadonlyArray<SerializedError>): void {
    const folder = process.env.HYBRID_STORE_RESULTS
    if (folder === undefined) return
    writeFileSync(join(folder, 'summary.json'), JSON.stringify(summarise(modules, unhandled)))
  }
}

function summarise(modules: ReadonlyArray<TestModule>, unhandled: ReadonlyArray<SerializedError>): RunSummary {
  const suites: Record<string, { tests: number; ms: number }> = {}
  const skipped: { file: string; name: string; reason?: string | undefined }[] = []
  const failures: Failure[] = []
  let passed = 0
  for (const module of modules) {
    const file = relative(process.cwd(), module.moduleId)
    const suite = suiteOf(file)
    const total = suites[suite] ?? { tests: 0, ms: 0 }
    suites[suite] = total
    const { setupDuration, collectDuration, duration } = module.diagnostic()
    total.ms += setupDuration + collectDuration + duration
    // A module that does not load, or whose hooks fail, has no failing test case of its own.
    if (module.errors().length > 0) failures.push(failure(file, '', module.errors()))
    for (const suite of module.children.allSuites()) {
      if (suite.errors().length > 0) failures.push(failure(file, suite.fullName, suite.errors()))
    }
    for (const test of module.children.allTests()) {
      total.tests++
      const result = test.result()
      if (result.state === 'passed') passed++
      else if (result.state === 'skipped') skipped.push({ file, name: test.fullName, reason: reasonOf(test) })
      else failures.push(failure(file, test.fullName, result.errors ?? []))
    }
  }
  const failed = failures.length
  for (const error of unhandled) failures.push(failure('outside any test', '', [error]))
  const s3 = modules[0]?.project.getProvidedContext().s3?.kind
  return { passed, failed, failures, skipped, errors: unhandled.length, suites, s3 }
}

type Told = Pick<SerializedError, 'message'>

function failure(file: string, name: string, errors: readonly Told[]): Failure {
  const lines = errors.flatMap(linesOf)
  // Seeds are told in the first lines; what follows is the story, which may speak of them as well.
  const seeds = lines.slice(0, 4).filter((line) => /\bseed\b/.test(line))
  return { file, name, error: lines[0] ?? 'no error was told', seeds: seeds.filter((line) => line !== lines[0]) }
}

function linesOf({ message = '' }: Told): string[] {
  return stripVTControlCharacters(message)
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '')
}

function suiteOf(file: string): string {
  const [, suite = '.', part] = file.split(/[/\\]/)
  return suite === 'drivers' && part !== undefined && !part.includes('.') ? `${suite}/${part}` : suite
}

function reasonOf(test: TestCase): string | undefined {
  const result = test.result()
  return result.state === 'skipped' ? result.note : undefined
}

export default SummaryReporter

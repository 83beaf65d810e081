import { writeFileSync } from 'node:fs'
import { join, relative } from 'node:path'
import type { Reporter, SerializedError, TestCase, TestModule } from 'vitest/node'

/** `summary.json`, by which the reporter tells scripts/test.mjs how the tests went. */
export interface RunSummary {
  readonly passed: number
  readonly failed: number
  readonly skipped: readonly { readonly file: string; readonly name: string; readonly reason?: string | undefined }[]
  /** Errors outside any test: unhandled rejections and the like. */
  readonly errors: number
  /** By folder under tests/; milliseconds are summed over files that may have run at the same time. */
  /** The kind of S3 server that the tests were given; undefined where the run broke off before. */
  readonly s3?: string | undefined
  readonly suites: Readonly<Record<string, { readonly tests: number; readonly ms: number }>>
}

/** Writes what scripts/test.mjs prints at the end: counts, skipped tests, and time by folder under tests/. */
export class SummaryReporter implements Reporter {
  onTestRunEnd(modules: ReadonlyArray<TestModule>, unhandled: ReadonlyArray<SerializedError>): void {
    const folder = process.env.HYBRID_STORE_RESULTS
    if (folder === undefined) return
    writeFileSync(join(folder, 'summary.json'), JSON.stringify(summarise(modules, unhandled.length)))
  }
}

function summarise(modules: ReadonlyArray<TestModule>, errors: number): RunSummary {
  const suites: Record<string, { tests: number; ms: number }> = {}
  const skipped: { file: string; name: string; reason?: string | undefined }[] = []
  let passed = 0
  let failed = 0
  for (const module of modules) {
    const file = relative(process.cwd(), module.moduleId)
    const suite = suiteOf(file)
    const total = suites[suite] ?? { tests: 0, ms: 0 }
    suites[suite] = total
    const { setupDuration, collectDuration, duration } = module.diagnostic()
    total.ms += setupDuration + collectDuration + duration
    // A module that does not load, or whose hooks fail, has no failing test case of its own.
    if (module.errors().length > 0) failed++
    for (const test of module.children.allSuites()) if (test.errors().length > 0) failed++
    for (const test of module.children.allTests()) {
      total.tests++
      const result = test.result()
      if (result.state === 'passed') passed++
      else if (result.state === 'skipped') skipped.push({ file, name: test.fullName, reason: reasonOf(test) })
      else failed++
    }
  }
  return { passed, failed, skipped, errors, suites, s3: modules[0]?.project.getProvidedContext().s3?.kind }
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

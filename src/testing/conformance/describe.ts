import assert from 'node:assert/strict'
import { type ConformanceCase, reasonToSkip } from './case.js'
import { conformanceCases } from './cases.js'
import { settledLeaks } from './context.js'
import type { ConformanceHarness } from './harness.js'
import { type HeldResources, heldAtRest, heldResources, newlyHeld } from './resources.js'
import { ConformanceResults } from './results.js'

/** The functions of a test runner that the suite needs. Those of vitest and of node:test fit as they are. */
export interface ConformanceRunner {
  describe(name: string, body: () => void): unknown
  it(name: string, body: (context: unknown) => Promise<void>): unknown
  /** Runs when all tests of the surrounding `describe` are over; `after` in node:test. */
  afterAll(body: () => Promise<void>): unknown
}

export interface DescribeConformanceOptions {
  /** Cases under way at a time, 1 by default. Worth raising where each request takes its time, as on S3. */
  readonly concurrency?: number | undefined
  /** The cases to run; all by default. */
  readonly cases?: readonly ConformanceCase[] | undefined
}

/**
 * Registers the conformance suite with a test runner, one test for each case.
 *
 * `makeHarness` is called once, by the first test. When all is over the harness is closed, and the results are written
 * to the directory that the variable HYBRID_STORE_RESULTS names, if it is set.
 */
export function describeConformance(
  driver: string,
  makeHarness: () => ConformanceHarness | Promise<ConformanceHarness>,
  runner: ConformanceRunner,
  options: DescribeConformanceOptions = {},
): void {
  const { concurrency = 1, cases = conformanceCases } = options
  const results = new ConformanceResults(driver)
  let harness: Promise<ConformanceHarness> | undefined
  const open = () => {
    harness ??= Promise.resolve().then(makeHarness)
    return harness
  }
  const ahead = new CasesAhead(cases, concurrency)

  runner.describe(`conformance of ${driver}`, () => {
    let before: Promise<HeldResources> | undefined
    for (const group of new Set(cases.map(({ group }) => group))) {
      runner.describe(group, () => {
        for (const one of cases)
          if (one.group === group) runner.it(one.name.slice(group.length + 2), (it) => run(one, it))
      })
    }

    runner.it('nothing is left behind when all cases have run', async () => {
      const opened = await open()
      const held = await before
      const left = await settledLeaks(
        async () => [
          ...((await opened.leaks?.(opened.prefix ?? '')) ?? []),
          ...(held ? newlyHeld(held, await heldResources()) : []),
        ],
        opened.grace,
      )
      if (left.length > 0) results.failed('nothing is left behind when all cases have run')
      assert.deepEqual(left, [])
    })

    runner.afterAll(async () => {
      await results.write()
      await (await harness)?.close?.()
    })

    async function run(one: ConformanceCase, context: unknown): Promise<void> {
      const opened = await open()
      before ??= heldAtRest()
      await before
      const reason = reasonToSkip(opened, one)
      if (reason !== undefined) {
        if (reason !== 'not applicable') results.skipped(one.name, reason)
        skip(context, reason)
        return
      }
      const gap = opened.gaps?.[one.name]
      const failure = await ahead.outcome(one, opened)
      if (gap === undefined) {
        if (failure === undefined) return results.passed()
        results.failed(one.name)
        throw failure.error
      }
      if (failure !== undefined) {
        results.skipped(one.name, gap)
        return skip(context, gap)
      }
      results.failed(one.name)
      assert.fail(`passes, although it is named as a gap (${gap}): take it off the list`)
    }
  })
}

/** Runs cases before their turn, so that those of a slow storage overlap under a runner that takes one at a time. */
class CasesAhead {
  readonly #cases: readonly ConformanceCase[]
  readonly #concurrency: number
  readonly #started = new Map<ConformanceCase, Promise<{ readonly error: unknown } | undefined>>()

  constructor(cases: readonly ConformanceCase[], concurrency: number) {
    this.#cases = cases
    this.#concurrency = concurrency
  }

  /** Undefined where the case passes. */
  outcome(one: ConformanceCase, harness: ConformanceHarness): Promise<{ readonly error: unknown } | undefined> {
    const at = this.#cases.indexOf(one)
    for (const next of this.#cases.slice(at, at + this.#concurrency)) {
      if (this.#started.has(next) || reasonToSkip(harness, next) !== undefined) continue
      const outcome = next.run(harness).then(
        () => undefined,
        (error: unknown) => ({ error }),
      )
      this.#started.set(next, outcome)
    }
    return this.#started.get(one) ?? Promise.resolve(undefined)
  }
}

function skip(context: unknown, reason: string): void {
  // The context is an object in node:test and a function in vitest.
  const { skip } = Object(context) as { skip?: unknown }
  if (typeof skip === 'function') skip.call(context, reason)
}

import { CaseContext } from './context.js'
import { type ConformanceCapability, type ConformanceHarness, type ConformanceNeed, missing } from './harness.js'

/** One rule of the contract, with the steps that show whether a subject keeps it. */
export interface ConformanceCase {
  /** Group and rule; unique in the suite. */
  readonly name: string
  readonly group: string
  readonly needs: readonly ConformanceNeed[]
  /** Applies only where this capability is not declared: what is not declared must be refused. */
  readonly lacks?: ConformanceCapability | undefined
  /**
   * Runs the case under a key prefix of its own, removes what it wrote and looks for what was left behind. Rejects
   * with what is wrong. Cases may run at the same time on one harness.
   */
  run(harness: ConformanceHarness): Promise<void>
}

/** Defines the cases of one group. */
export type DefineCase = (
  rule: string,
  steps: (t: CaseContext) => Promise<void>,
  conditions?: { readonly needs?: readonly ConformanceNeed[]; readonly lacks?: ConformanceCapability },
) => void

/** The cases that `define` makes, in order. */
export function caseGroup(group: string, define: (rule: DefineCase) => void): readonly ConformanceCase[] {
  const cases: ConformanceCase[] = []
  define((rule, steps, { needs = [], lacks } = {}) => {
    cases.push({ name: `${group}: ${rule}`, group, needs, lacks, run: (harness) => runCase(harness, steps) })
  })
  return cases
}

/** Why the case says nothing about this harness: a reason to report, or `'not applicable'` for a refusal not due. */
export function reasonToSkip(harness: ConformanceHarness, { needs, lacks }: ConformanceCase): string | undefined {
  if (lacks !== undefined && harness.capabilities[lacks]) return 'not applicable'
  return missing(harness, needs)
}

async function runCase(harness: ConformanceHarness, steps: (t: CaseContext) => Promise<void>): Promise<void> {
  const context = new CaseContext(harness)
  let failure: unknown
  try {
    await steps(context)
  } catch (error) {
    failure = error ?? new Error('The case threw nothing.')
  }
  try {
    await context.end()
  } catch (error) {
    failure ??= error
  }
  if (failure !== undefined) throw failure
}

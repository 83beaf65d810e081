import { accessSync, constants } from 'node:fs'
import { delimiter, join } from 'node:path'
import type { TestContext } from 'vitest'

/** The programs of other people that are pointed at a delivery server; `npm run setup:tests` installs them. */
export type Program = 'curl' | 'wget' | 'aria2c' | 'ffmpeg' | 'ffprobe' | 'chromium' | 'nginx'

/** Whether missing programs are a failure: where everything was to be installed, as in CI. */
const mustBeThere = process.env.CI === 'true' || process.env.REQUIRE_REAL_S3 === '1'

/**
 * For `beforeEach`: the tests of a file need these programs. Where one is missing each test is skipped and says so, or
 * fails where CI=true or REQUIRE_REAL_S3=1 promise that all are there.
 */
export function needs(...programs: readonly Program[]): (context: Pick<TestContext, 'skip'>) => void {
  return (context) => {
    const problem = missing(programs)
    if (problem === undefined) return
    if (mustBeThere) throw new Error(`${problem}. Run: npm run setup:tests`)
    context.skip(problem)
  }
}

/** Whether all of them are there: for what is prepared once for the tests of a file. */
export function has(...programs: readonly Program[]): boolean {
  return missing(programs) === undefined
}

/** Where a program is. */
export function pathOf(program: Program): string {
  const path = find(program)
  if (path === undefined) throw new Error(`${program} is not installed. Run: npm run setup:tests`)
  return path
}

function missing(programs: readonly Program[]): string | undefined {
  const absent = programs.filter((program) => find(program) === undefined)
  return absent.length > 0 ? `${absent.join(', ')} not installed` : undefined
}

function find(program: Program): string | undefined {
  // Servers are in folders that only the PATH of root has.
  const folders = [...(process.env.PATH ?? '').split(delimiter), '/usr/bin', '/usr/sbin']
  return folders.map((folder) => join(folder, program)).find(isExecutable)
}

function isExecutable(file: string): boolean {
  try {
    accessSync(file, constants.X_OK)
    return true
  } catch {
    return false
  }
}

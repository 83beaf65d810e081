import { mkdir, writeFile } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { afterAll, expect, test } from 'vitest'

interface RowResult {
  readonly row: string
  readonly ok: boolean
  readonly ms: number
  /** Why it could not be tried here. */
  readonly skipped?: string | undefined
}

const results: RowResult[] = []

/**
 * A test named after its row of the mission's table; what came of it goes into a file for the summary.
 * `skipped` says why it cannot be tried on this server.
 */
export function row(name: string, run: () => Promise<void>, skipped?: string | undefined): void {
  test(name, async (context) => {
    if (skipped !== undefined) {
      results.push({ row: name, ok: true, ms: 0, skipped })
      context.skip(skipped)
    }
    const started = performance.now()
    let ok = false
    try {
      await run()
      ok = true
    } finally {
      results.push({ row: name, ok, ms: Math.round(performance.now() - started) })
    }
  })
}

afterAll(async () => {
  const folder = process.env.HYBRID_STORE_RESULTS
  if (!folder) return
  await mkdir(folder, { recursive: true })
  const name = basename(expect.getState().testPath ?? '', '.test.ts')
  await writeFile(join(folder, `mission-${name}.json`), `${JSON.stringify(results, null, 2)}\n`)
})

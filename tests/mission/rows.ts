import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, test } from 'vitest'

interface RowResult {
  readonly row: string
  readonly ok: boolean
  readonly ms: number
}

const results: RowResult[] = []

/** A test named after its row of the mission's table; what came of it goes into `mission.json` for the summary. */
export function row(name: string, run: () => Promise<void>): void {
  test(name, async () => {
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
  await writeFile(join(folder, 'mission.json'), `${JSON.stringify(results, null, 2)}\n`)
})

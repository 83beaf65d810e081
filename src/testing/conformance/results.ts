import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'

/** What became of the suite on one driver. */
export interface ConformanceReport {
  readonly driver: string
  /** Cases that were run, failed ones included. */
  readonly run: number
  readonly failed: number
  /** Names of the failed cases. */
  readonly failures: readonly string[]
  /** Cases that a missing capability, or a gap that the harness names, excuses. */
  readonly skipped: ReadonlyArray<{ readonly name: string; readonly reason: string }>
}

/** Counts while the suite runs. */
export class ConformanceResults {
  readonly #driver: string
  readonly #failures: string[] = []
  readonly #skipped: { name: string; reason: string }[] = []
  #run = 0

  constructor(driver: string) {
    this.#driver = driver
  }

  passed(): void {
    this.#run++
  }

  failed(name: string): void {
    this.#run++
    this.#failures.push(name)
  }

  skipped(name: string, reason: string): void {
    this.#skipped.push({ name, reason })
  }

  get report(): ConformanceReport {
    const failures = this.#failures
    return { driver: this.#driver, run: this.#run, failed: failures.length, failures, skipped: this.#skipped }
  }

  /** Writes `conformance-<driver>.json` into the directory that HYBRID_STORE_RESULTS names; nothing without it. */
  async write(): Promise<void> {
    const directory = process.env.HYBRID_STORE_RESULTS
    if (!directory) return
    await mkdir(directory, { recursive: true })
    const file = `conformance-${this.#driver.toLowerCase().replace(/[^a-z0-9]+/g, '-')}.json`
    await writeFile(join(directory, file), `${JSON.stringify(this.report, null, 2)}\n`)
  }
}

import { isStorageError, type StorageError } from '../../src/index.js'
import type { Ending } from './oracle.js'

/** How a call ended. */
export interface Outcome {
  readonly ending: Ending
  readonly error?: StorageError
  readonly ms: number
}

/**
 * Waits for a call, which must settle, and if it rejects then with a StorageError. `hangsAfter` is far more than any
 * takes, also where the machine is busy.
 */
export async function settle(call: () => Promise<unknown>, hangsAfter: number): Promise<Omit<Outcome, 'ending'>> {
  const started = performance.now()
  let timer: NodeJS.Timeout | undefined
  const hung = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`The call did not settle within ${hangsAfter} ms.`)), hangsAfter)
  })
  try {
    await Promise.race([call(), hung])
    return { ms: performance.now() - started }
  } catch (error) {
    if (!isStorageError(error)) throw error
    return { error, ms: performance.now() - started }
  } finally {
    clearTimeout(timer)
  }
}

/** `UNAVAILABLE?` where nobody knows what became of the key, `UNAVAILABLE` where it is as before. */
export function nameOf({ ending, error }: Outcome): string {
  if (error === undefined) return ending
  return `${error.code}${error.outcome === 'unknown' ? '?' : ''}`
}

/** What callers saw, by fault and verb. */
export class OutcomeTable {
  readonly #title: string
  readonly #columns: readonly string[]
  readonly #cells: Map<string, Map<string, Set<string>>>
  #cases = 0

  constructor(title: string, rows: readonly string[], columns: readonly string[]) {
    this.#title = title
    this.#columns = columns
    this.#cells = new Map(rows.map((row) => [row, new Map()]))
  }

  note(row: string, column: string, outcome: Outcome): void {
    this.#cases++
    const cells = this.#cells.get(row)
    cells?.set(column, (cells.get(column) ?? new Set()).add(nameOf(outcome)))
  }

  toString(): string {
    const seen = [...this.#cells].filter(([, cells]) => cells.size > 0)
    const rows = seen.map(([row, cells]) => [row, ...this.#columns.map((name) => cellOf(cells.get(name)))])
    const lines = [['', ...this.#columns], ...rows]
    const widths = ['', ...this.#columns].map((_, at) => Math.max(...lines.map((line) => (line[at] ?? '').length)))
    const text = lines.map((line) =>
      line
        .map((cell, at) => cell.padEnd(widths[at] ?? 0))
        .join('  ')
        .trimEnd(),
    )
    return `\n${this.#title}: ${this.#cases} cases\n${text.join('\n')}\n`
  }
}

function cellOf(outcomes: ReadonlySet<string> = new Set()): string {
  return [...outcomes].sort().join(' ') || '-'
}

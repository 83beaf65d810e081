import { run } from './run.js'

/** How a transfer of curl ended: its exit status, and what it knows of the last answer. */
export interface Transfer {
  /** The exit status of curl: 0 where it has the whole, 18 where the body ended early. */
  readonly code: number
  /** The HTTP status. */
  readonly status: number
  /** Bytes of the body. */
  readonly bytes: number
  /** How long it took. */
  readonly seconds: number
  /** The file that it wrote. */
  readonly file: string | null
}

/** Runs curl once for one URL. */
export async function curl(cwd: string, ...args: readonly string[]): Promise<Transfer> {
  const fixed = ['--silent', '--show-error', '--max-time', '20', '--write-out', '%{json}']
  const { code, stdout, stderr } = await run('curl', [...fixed, ...args], { cwd })
  if (!stdout.startsWith('{')) throw new Error(`curl ${args.join(' ')}: ${stderr}`)
  const facts = JSON.parse(stdout)
  return {
    code,
    status: facts.http_code,
    bytes: facts.size_download,
    seconds: facts.time_total,
    file: facts.filename_effective,
  }
}

import { execFile } from 'node:child_process'
import { createHash } from 'node:crypto'
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { onTestFinished } from 'vitest'
import { type Program, pathOf } from './programs.js'

/** How a program ended. */
export interface Ran {
  readonly code: number
  readonly stdout: string
  readonly stderr: string
}

export interface RunOptions {
  /** The folder that it works in; also its HOME, so that nobody's own configuration takes part. */
  readonly cwd: string
  /** Milliseconds until it is killed, which fails the test. */
  readonly timeout?: number
}

/** Runs a client to its end, whatever its exit status. */
export function run(program: Program, args: readonly string[], { cwd, timeout = 25_000 }: RunOptions): Promise<Ran> {
  const env = { PATH: process.env.PATH, HOME: cwd, TMPDIR: cwd, LC_ALL: 'C.UTF-8' }
  return new Promise((resolve, reject) => {
    execFile(pathOf(program), args, { cwd, env, timeout, maxBuffer: 64 << 20 }, (error, stdout, stderr) => {
      const code = error === null ? 0 : error.code
      if (typeof code === 'number') resolve({ code, stdout, stderr })
      else reject(new Error(`${program} ${args.join(' ')} did not end by itself:\n${stderr}`, { cause: error }))
    })
  })
}

/** A folder that is removed when the test has ended. */
export async function scratch(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'hybrid-store-client-'))
  onTestFinished(() => rm(folder, { recursive: true, force: true }))
  return folder
}

/** What lies in a folder: name and sha256 of each file. */
export async function filesIn(folder: string): Promise<Record<string, string>> {
  const names = (await readdir(folder)).sort()
  return Object.fromEntries(await Promise.all(names.map(async (name) => [name, await hashOfFile(join(folder, name))])))
}

export async function hashOfFile(file: string): Promise<string> {
  return sha256(await readFile(file))
}

export function sha256(bytes: Uint8Array | string): string {
  return createHash('sha256').update(bytes).digest('hex')
}

import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, promises as nodeFs, readdirSync, readlinkSync, realpathSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { onTestFinished } from 'vitest'
import type { FsLike } from '../../../src/disk/index.js'
import type { ListEntry, ListOptions } from '../../../src/driver/index.js'
import { FsDriver, type FsDriverOptions } from '../../../src/drivers/fs/index.js'

/** A directory of its own, removed when the test is done. */
export function tempDirectory(): string {
  const directory = realpathSync(mkdtempSync(join(tmpdir(), 'hybrid-store-fs-')))
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }))
  return directory
}

/** A driver on a root of its own, closed when the test is done. */
export function tempDriver(options: Partial<FsDriverOptions> = {}): { driver: FsDriver; root: string } {
  const root = options.root ?? join(tempDirectory(), 'root')
  const driver = new FsDriver({ ...options, root })
  onTestFinished(() => driver.close())
  return { driver, root }
}

export async function keysOf(driver: FsDriver, options?: ListOptions): Promise<string[]> {
  const names: string[] = []
  for await (const entry of driver.list(options)) names.push(entry.type === 'blob' ? entry.key : entry.prefix)
  return names
}

export async function entriesOf(driver: FsDriver, options?: ListOptions): Promise<ListEntry[]> {
  const entries: ListEntry[] = []
  for await (const entry of driver.list(options)) entries.push(entry)
  return entries
}

/** Everything below the directory, relative to it. */
export function filesBelow(directory: string): string[] {
  return (readdirSync(directory, { recursive: true }) as string[]).sort()
}

/** Staged bodies and locks below the directory: what no settled call leaves behind. */
export function leftovers(directory: string): string[] {
  return filesBelow(directory).filter((name) => /\.hybrid-store\.(stage|lock)\./.test(name))
}

export async function textOf(driver: FsDriver, key: string): Promise<string> {
  return (await driver.get(key)).text()
}

/** Paths below `directory` that this process has open. */
export function openBelow(directory: string): string[] {
  return readdirSync('/proc/self/fd').flatMap((fd) => {
    try {
      const path = readlinkSync(`/proc/self/fd/${fd}`)
      return path.startsWith(directory) ? [path] : []
    } catch {
      return []
    }
  })
}

/** Runs `scripts/<name>` in a process of its own, with arguments. */
export function spawnScript(name: string, ...args: string[]): ChildProcess {
  const script = fileURLToPath(new URL(`./scripts/${name}`, import.meta.url))
  const child = spawn(process.execPath, ['--import', 'tsx', script, ...args], { stdio: ['pipe', 'pipe', 'inherit'] })
  onTestFinished(() => {
    child.kill('SIGKILL')
  })
  return child
}

/** Resolves with the first line that the child writes and that starts with `text`. */
export async function lineOf(child: ChildProcess, text: string): Promise<string> {
  let seen = ''
  for await (const chunk of child.stdout ?? []) {
    seen += String(chunk)
    const line = seen.split('\n').find((candidate) => candidate.startsWith(text))
    if (line !== undefined) return line
  }
  throw new Error(`The child ended without saying ${text}; it said: ${seen}`)
}

/** Resolves with all that the child writes, once it has ended well. */
export async function outputOf(child: ChildProcess): Promise<string> {
  let output = ''
  child.stdout?.on('data', (chunk) => {
    output += String(chunk)
  })
  const [code] = await once(child, 'close')
  if (code !== 0) throw new Error(`The child ended with ${code}: ${output}`)
  return output
}

export interface SystemCall {
  readonly name: string
  readonly path: string
}

/**
 * Node's file system with a hook in front of every call, those on handles included. The hook may throw instead of the
 * call; it gets the path, or for calls on handles the path that was opened.
 */
export function hookedFs(hook: (call: SystemCall) => void): FsLike {
  const handle = (target: nodeFs.FileHandle, path: string): nodeFs.FileHandle =>
    new Proxy(target, {
      get(_, name) {
        const value = Reflect.get(target, name, target)
        if (typeof value !== 'function') return value
        return async (...args: unknown[]) => {
          if (name === 'close') {
            // A close that fails has closed all the same.
            await target.close()
            hook({ name: 'close', path })
            return
          }
          hook({ name: `handle.${String(name)}`, path })
          return value.apply(target, args)
        }
      },
    })
  const promises = new Proxy(nodeFs, {
    get(_, name) {
      const value = Reflect.get(nodeFs, name)
      if (typeof value !== 'function') return value
      return async (...args: unknown[]) => {
        hook({ name: String(name), path: String(args[0]) })
        const result: unknown = await Reflect.apply(value, nodeFs, args)
        return name === 'open' ? handle(result as nodeFs.FileHandle, String(args[0])) : result
      }
    },
  })
  return { promises }
}

export function systemError(code: string): NodeJS.ErrnoException {
  return Object.assign(new Error(`${code}: injected`), { code })
}

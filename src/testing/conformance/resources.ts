import { readdir, readlink } from 'node:fs/promises'
import { setTimeout as wait } from 'node:timers/promises'

/** What this process holds: timers that keep it alive, and open files. */
export interface HeldResources {
  readonly timers: number
  /** Paths of open files; empty where the system has no /proc. */
  readonly files: readonly string[]
}

/** Looks at the process. Sockets are left out: a driver may keep some open for the next request. */
export async function heldResources(): Promise<HeldResources> {
  const timers = process.getActiveResourcesInfo().filter((kind) => kind === 'Timeout').length
  return { timers, files: await openFiles() }
}

/** What is held at rest: a test runner has timers of its own that come and go when a file of tests begins. */
export async function heldAtRest(): Promise<HeldResources> {
  const first = await heldResources()
  await wait(250)
  const second = await heldResources()
  return { timers: Math.min(first.timers, second.timers), files: first.files }
}

/** Paths of the files and directories that this process has open, from /proc/self/fd; empty on other systems. */
export async function openFiles(): Promise<string[]> {
  const descriptors = await readdir('/proc/self/fd').catch(() => [])
  const paths = await Promise.all(descriptors.map((fd) => readlink(`/proc/self/fd/${fd}`).catch(() => '')))
  return paths.filter((path) => path.startsWith('/') && !/^\/(dev|proc|memfd:)/.test(path)).sort()
}

/** What is held now and was not before, a line each. */
export function newlyHeld(before: HeldResources, now: HeldResources): string[] {
  const lines: string[] = []
  if (now.timers > before.timers) lines.push(`${now.timers - before.timers} timers`)
  const known = [...before.files]
  for (const file of now.files) {
    const at = known.indexOf(file)
    if (at >= 0) known.splice(at, 1)
    else lines.push(`open file ${file}`)
  }
  return lines
}

import { readdir, readlink } from 'node:fs/promises'

/** What this process holds: timers that keep it alive, requests under way, open files. */
export interface HeldResources {
  readonly timers: number
  /** Calls to the file system under way. */
  readonly fileCalls: number
  /** Paths of open files; empty where the system has no /proc. */
  readonly files: readonly string[]
}

/** Looks at the process. Sockets are left out: a driver may keep some open for the next request. */
export async function heldResources(): Promise<HeldResources> {
  const active = process.getActiveResourcesInfo()
  const count = (test: (kind: string) => boolean) => active.filter(test).length
  return {
    timers: count((kind) => kind === 'Timeout'),
    fileCalls: count((kind) => kind.startsWith('FSReq')),
    files: await openFiles(),
  }
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

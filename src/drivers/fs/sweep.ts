import { livenessOf } from '../../disk/index.js'
import { compareKeys } from '../../keys/index.js'
import type { Area, Areas } from './area.js'
import type { DirectoryEntry, OpenDirectory } from './confinement.js'
import type { Directories } from './directories.js'
import { INTERNAL_DIRECTORY, isInternal, parseInternalName, recordName } from './internal-names.js'
import { CLASH_SUFFIX } from './names.js'

/** What a sweep removed. */
export interface SweepResult {
  /** Unfinished bodies and records of processes that have ended. */
  readonly temps: number
  /** Locks of processes that have ended. */
  readonly locks: number
  /** Attribute records whose blob is gone. */
  readonly records: number
}

/** Milliseconds after which what an unknown process (another boot, host or container) left counts as dead. */
const LEASE = 24 * 60 * 60 * 1000
/** Milliseconds for which a record may be there before its blob is. */
const RECORD_LEASE = 60 * 60 * 1000

interface Removal {
  readonly kind: keyof SweepResult
  readonly name: string
}

/** Removes what crashed processes left behind in all areas, and nothing that a living one may still need. */
export async function sweepAreas(
  areas: Areas,
  directories: Directories,
  signal: AbortSignal | undefined,
): Promise<SweepResult> {
  const counts = { temps: 0, locks: 0, records: 0 }
  for (const area of areas.all) await sweepBelow(area, directories, [], counts, signal)
  return counts
}

async function sweepBelow(
  area: Area,
  directories: Directories,
  path: readonly string[],
  counts: Record<keyof SweepResult, number>,
  signal: AbortSignal | undefined,
): Promise<void> {
  signal?.throwIfAborted()
  const directory = await directories.open(area, path)
  if (!directory) return
  let below: string[] = []
  try {
    const found = await directory.names()
    below = found.filter(({ name, directory }) => directory && name !== INTERNAL_DIRECTORY).map(({ name }) => name)
    for (const { kind, name } of await removals(directory, found)) {
      if (await directory.unlink(name)) counts[kind]++
    }
  } finally {
    await directory.close()
  }
  for (const name of below.sort(compareKeys)) await sweepBelow(area, directories, [...path, name], counts, signal)
}

async function removals(directory: OpenDirectory, found: readonly DirectoryEntry[]): Promise<Removal[]> {
  const internal = found.filter(({ name, directory }) => !directory && isInternal(name))
  if (internal.length === 0) return []
  const blobs = found.filter(({ name, directory }) => !directory && !isInternal(name)).map(({ name }) => name)
  const wanted = new Set(
    blobs.flatMap((name) => [
      recordName(name),
      ...(name.endsWith(CLASH_SUFFIX) ? [recordName(name.slice(0, -1))] : []),
    ]),
  )
  const dead: Removal[] = []
  for (const { name } of internal) {
    const parsed = parseInternalName(name)
    if (parsed.kind === 'stage' && (await isDead(directory, name, parsed.owner))) dead.push({ kind: 'temps', name })
    if (parsed.kind === 'lock') {
      // A lock that is no symlink does not tell here whose it is; only its age counts.
      const holder = (await directory.readlink(name)) ?? ''
      if (await isDead(directory, name, holder)) dead.push({ kind: 'locks', name })
    }
    if (parsed.kind === 'record' && !wanted.has(name) && (await olderThan(directory, name, RECORD_LEASE))) {
      dead.push({ kind: 'records', name })
    }
  }
  return dead
}

async function isDead(directory: OpenDirectory, name: string, owner: string): Promise<boolean> {
  const liveness = livenessOf(owner)
  return liveness === 'dead' || (liveness === 'unknown' && (await olderThan(directory, name, LEASE)))
}

async function olderThan(directory: OpenDirectory, name: string, milliseconds: number): Promise<boolean> {
  const stat = await directory.lstat(name)
  return stat !== undefined && Date.now() - Number(stat.ctimeMs) > milliseconds
}

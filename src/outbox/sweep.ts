import { join } from 'node:path'
import { livenessOf } from '../disk/index.js'
import { linksIn, namesIn, type OutboxFolder, unlinkIfThere } from './folder.js'
import { parseRecordName, type RecordName } from './record-name.js'
import { isToken, ownerOf } from './token.js'

/** How long a body stays whose process cannot be judged from here, in milliseconds. */
const LEASE = 24 * 60 * 60 * 1000

/** What an outbox found when it was opened. */
export interface Scan {
  readonly records: readonly RecordName[]
  /** Names that end as those of records do, and are none. */
  readonly strange: readonly string[]
  /** Whether no other process has the outbox open, as far as can be seen. */
  readonly alone: boolean
}

/** Looks which records there are, and removes what dead processes left unfinished. Reads no record. */
export async function scanAndSweep(folder: OutboxFolder): Promise<Scan> {
  const { disk } = folder
  // Owners, then files, then records: what a process had finished before it was found dead is seen as finished.
  const owners = await judgeOwners(folder)
  const bodies = await namesIn(disk, folder.bodies)
  const names = await namesIn(disk, folder.records)
  const records: RecordName[] = []
  const strange: string[] = []
  for (const name of names) {
    const parsed = parseRecordName(name)
    if (parsed) records.push(parsed)
    else if (name.endsWith('.record')) strange.push(name)
  }
  const aside = (await namesIn(disk, folder.rejected)).map(parseRecordName)
  const needed = new Set([...records, ...aside].map((name) => name?.token))
  const unfinished = [
    ...bodies.filter((token) => !needed.has(token)).map((token) => ({ token, path: join(folder.bodies, token) })),
    ...names.filter((name) => name.endsWith('.tmp')).map((name) => temporary(folder.records, name)),
    ...(await namesIn(disk, folder.conflicts))
      .filter((name) => name.endsWith('.tmp'))
      .map((name) => temporary(folder.conflicts, name)),
  ]
  for (const name of await namesIn(disk, folder.directory)) {
    const [, owner] = /^\.id\.([0-9a-f]{12})\.tmp$/.exec(name) ?? []
    if (owner !== undefined && (!owners.has(owner) || owners.get(owner) === true)) {
      await unlinkIfThere(disk, join(folder.directory, name)).catch(() => {})
    }
  }
  for (const { token, path } of unfinished) await removeIfDead(folder, owners, token, path)
  for (const name of await linksIn(disk, folder.locks)) await removeDeadLock(folder, join(folder.locks, name))
  for (const name of await linksIn(disk, folder.claims)) {
    // As long as something waits a dead claim tells that somebody died while carrying it out.
    if (!records.some(({ hash }) => hash === name)) await removeDeadLock(folder, join(folder.claims, name))
  }
  await forgetDead(folder, owners)
  return { records, strange, alone: [...owners].every(([owner, dead]) => dead === true || owner === folder.owner) }
}

/** The records there are now. */
export async function scan({ disk, records }: OutboxFolder): Promise<RecordName[]> {
  return (await namesIn(disk, records)).map(parseRecordName).filter((name) => name !== undefined)
}

function temporary(folder: string, name: string): { readonly token: string; readonly path: string } {
  return { token: name.slice(1, -'.tmp'.length), path: join(folder, name) }
}

/** For each owner whether its process is gone; undefined where that cannot be known. */
type Owners = ReadonlyMap<string, boolean | undefined>

async function judgeOwners(folder: OutboxFolder): Promise<Owners> {
  const verdicts = new Map<string, boolean | undefined>([[folder.owner, false]])
  for (const name of await linksIn(folder.disk, folder.owners)) {
    if (verdicts.has(name)) continue
    const path = join(folder.owners, name)
    const liveness = livenessOf((await folder.signatures.holderOf(path)) ?? '')
    const aged = liveness === 'unknown' && (await isOld(folder, path).catch(() => false))
    verdicts.set(name, liveness === 'unknown' && !aged ? undefined : liveness !== 'alive')
  }
  return verdicts
}

/** An owner that is not there has left, and left nothing that it still wants. */
async function removeIfDead(folder: OutboxFolder, owners: Owners, token: string, path: string): Promise<void> {
  // A file that no outbox names like that belongs to somebody else.
  if (!isToken(token)) return
  const owner = ownerOf(token)
  const dead = owners.has(owner) ? owners.get(owner) : true
  try {
    if (dead === true || (dead === undefined && (await isOld(folder, path)))) await unlinkIfThere(folder.disk, path)
  } catch {
    // Space is lost until the next process opens the outbox; nothing else depends on it.
  }
}

/** Taken over and given back, since somebody else may be about to take it over just now. */
async function removeDeadLock({ signatures }: OutboxFolder, path: string): Promise<void> {
  try {
    if (livenessOf((await signatures.holderOf(path)) ?? '') !== 'dead') return
    if (await signatures.tryTake(path)) await signatures.release(path)
  } catch {
    // Whoever wants the lock takes it over.
  }
}

async function forgetDead(folder: OutboxFolder, owners: Owners): Promise<void> {
  for (const [owner, dead] of owners) {
    try {
      if (dead === true) await unlinkIfThere(folder.disk, join(folder.owners, owner))
    } catch {
      // It is judged again the next time.
    }
  }
}

async function isOld({ disk }: OutboxFolder, path: string): Promise<boolean> {
  return Date.now() - Number((await disk.lstat(path)).mtimeMs) > LEASE
}

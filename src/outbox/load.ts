import { join } from 'node:path'
import { livenessOf, makeDirectories, systemCode } from '../disk/index.js'
import { namesIn, type OutboxFolder, unlinkIfThere } from './folder.js'
import { decodeRecord, type RecordProblem, tokenOfName } from './record.js'
import type { OutboxRecord, RejectedRecord } from './types.js'

/** Where the body of a record lies. */
export interface BodyPlace {
  readonly path: string
  readonly offset: number
}

export interface LoadedRecord {
  readonly record: OutboxRecord
  readonly body: BodyPlace
}

export interface Loaded {
  readonly records: readonly LoadedRecord[]
  readonly rejected: readonly RejectedRecord[]
  readonly marks: readonly string[]
}

const FIRST_READ_BYTES = 4096
const MAX_HEADER_BYTES = 1024 * 1024
const PARALLEL = 8
/** How long a body stays whose process cannot be judged from here. */
const LEASE_MS = 24 * 60 * 60 * 1000

/** Reads all records, sets aside those that cannot be trusted, and removes what dead processes left unfinished. */
export async function loadOutbox(folder: OutboxFolder): Promise<Loaded> {
  const { disk } = folder
  // Owners, then files, then records: what a process had finished before it was found dead is seen as finished.
  const dead = await deadOwners(folder)
  const bodies = await namesIn(disk, folder.bodies)
  const names = await namesIn(disk, folder.records)
  const records: LoadedRecord[] = []
  const rejected: RejectedRecord[] = []
  const candidates = names.filter((name) => name.endsWith('.record'))
  const next = candidates.values()
  const work = async () => {
    for (const name of next) {
      const found = await readRecord(folder, name)
      if (found === undefined) continue
      if ('record' in found) records.push(found)
      else {
        rejected.push({ name, problem: found.problem })
        if (!found.newer) await setAside(folder, name)
      }
    }
  }
  await Promise.all(Array.from({ length: PARALLEL }, work))
  const aside = await namesIn(disk, folder.rejected)
  const needed = new Set([...candidates, ...aside].map(tokenOfName))
  await sweep(
    folder,
    dead,
    bodies.filter((token) => !needed.has(token)).map((name) => join(folder.bodies, name)),
  )
  await sweep(
    folder,
    dead,
    names.filter((name) => name.endsWith('.tmp')).map((name) => join(folder.records, name)),
  )
  return { records, rejected, marks: await namesIn(disk, folder.marks) }
}

async function readRecord(folder: OutboxFolder, name: string): Promise<LoadedRecord | RecordProblem | undefined> {
  const path = join(folder.records, name)
  const file = await readHeader(folder, path)
  if (file === undefined || 'problem' in file) return file
  const parsed = decodeRecord(file.line, name)
  if ('problem' in parsed) return parsed
  const { record, inline } = parsed
  if (inline) {
    if (file.size !== file.offset + record.size) return { problem: 'its body is not whole', newer: false }
    return { record, body: { path, offset: file.offset } }
  }
  const body = { path: join(folder.bodies, record.token), offset: 0 }
  const size = await sizeOf(folder, body.path)
  if (size === record.size) return { record, body }
  // Removed between the listing and now: then so was the record.
  if (size === undefined && (await sizeOf(folder, path)) === undefined) return undefined
  return { problem: size === undefined ? 'its body is missing' : 'its body is not whole', newer: false }
}

interface Header {
  readonly line: string
  /** Bytes of the line with its end. */
  readonly offset: number
  /** Bytes of the file. */
  readonly size: number
}

async function readHeader({ disk }: OutboxFolder, path: string): Promise<Header | RecordProblem | undefined> {
  let handle: Awaited<ReturnType<typeof disk.open>>
  try {
    handle = await disk.open(path, 'r')
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return undefined
    throw error
  }
  try {
    const size = Number((await handle.stat({ bigint: true })).size)
    for (let length = FIRST_READ_BYTES; ; length *= 16) {
      const buffer = Buffer.alloc(Math.min(length, size, MAX_HEADER_BYTES))
      let filled = 0
      while (filled < buffer.byteLength) {
        const { bytesRead } = await handle.read(buffer, filled, buffer.byteLength - filled, filled)
        if (bytesRead === 0) break
        filled += bytesRead
      }
      const end = buffer.indexOf(0x0a)
      if (end >= 0) return { line: buffer.toString('utf8', 0, end), offset: end + 1, size }
      if (length >= size || length >= MAX_HEADER_BYTES) return { problem: 'it is torn: it has no header', newer: false }
    }
  } finally {
    await handle.close()
  }
}

/** Bytes of the file; undefined where there is none. */
async function sizeOf({ disk }: OutboxFolder, path: string): Promise<number | undefined> {
  try {
    const stats = await disk.lstat(path)
    return stats.isFile() ? Number(stats.size) : undefined
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return undefined
    throw error
  }
}

/** Moves a record out of the way. Its body stays where it is, under the token in the record's name. */
async function setAside(folder: OutboxFolder, name: string): Promise<void> {
  try {
    await makeDirectories(folder.disk, folder.rejected, folder.durability, 0o700)
    await folder.disk.rename(join(folder.records, name), join(folder.rejected, name))
  } catch (error) {
    // It stays among the records then, where it is rejected again the next time; another process may have moved it.
    if (systemCode(error) === undefined) throw error
  }
}

/** For an owner's id, whether its process is gone; undefined where that cannot be known. An owner unknown is gone. */
type Judge = (owner: string) => boolean | undefined

async function deadOwners(folder: OutboxFolder): Promise<Judge> {
  const verdicts = new Map<string, boolean | undefined>([[folder.owner, false]])
  for (const name of await namesIn(folder.disk, folder.owners)) {
    if (verdicts.has(name)) continue
    const liveness = livenessOf(await readSmall(folder, join(folder.owners, name)))
    verdicts.set(name, liveness === 'unknown' ? undefined : liveness === 'dead')
  }
  return (owner) => (verdicts.has(owner) ? verdicts.get(owner) : true)
}

async function readSmall({ disk }: OutboxFolder, path: string): Promise<string> {
  const handle = await disk.open(path, 'r')
  try {
    const buffer = Buffer.alloc(4096)
    const { bytesRead } = await handle.read(buffer, 0, buffer.byteLength, 0)
    return buffer.toString('utf8', 0, bytesRead)
  } finally {
    await handle.close()
  }
}

async function sweep(folder: OutboxFolder, dead: Judge, paths: readonly string[]): Promise<void> {
  for (const path of paths) {
    const token = /([0-9a-f]{16})-[0-9a-z]+(?:\.tmp)?$/.exec(path)
    // A file that no outbox names like that belongs to somebody else.
    if (token?.[1] === undefined) continue
    try {
      const verdict = dead(token[1])
      const old = verdict === undefined && (await isOld(folder, path))
      if (verdict === true || old) await unlinkIfThere(folder.disk, path)
    } catch {
      // Space is lost until the next process opens the outbox; nothing else depends on it.
    }
  }
}

async function isOld({ disk }: OutboxFolder, path: string): Promise<boolean> {
  return Date.now() - Number((await disk.lstat(path)).mtimeMs) > LEASE_MS
}

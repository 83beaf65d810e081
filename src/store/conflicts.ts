import { extname } from 'node:path'
import { isStorageError, StorageError } from '../errors/index.js'
import { quoteKey } from '../keys/index.js'
import type { Outbox, OutboxConflict, OutboxRecord, PutRecord } from '../outbox/index.js'
import type { StoreContext } from './context.js'
import { putRecord } from './put-record.js'
import { headIfThere } from './versions.js'

/** Both sides changed a key while one of them waited here, and what became of the versions. */
export interface Conflict<D extends string = string> {
  /** For `dismissConflict`. */
  readonly id: string
  readonly key: string
  readonly driver: D
  /** What waited here. */
  readonly operation: 'put' | 'delete'
  /** Whose version is at the key: ours, or what was found on the driver. */
  readonly winner: 'local' | 'remote'
  /** Where the version that waited here is kept beside the other one. */
  readonly keptAs?: { readonly key: string; readonly path: string } | undefined
  /** When it was made here. */
  readonly since: Date
  /** When the conflict was found. */
  readonly found: Date
}

/** Digits of the token in the name of a version that is kept beside another one. */
const SHORT = 8

/** Keeps what would be lost, then notes the conflict durably. Doing it again changes nothing. */
export async function settleConflict(
  context: StoreContext,
  box: Outbox,
  record: OutboxRecord,
  { remote, winner }: Pick<OutboxConflict, 'remote' | 'winner'>,
  signal: AbortSignal | undefined,
): Promise<void> {
  const { key, driver, operation, token: id, createdAt: since } = record
  const keep = record.operation === 'put' && winner === 'remote' && context.conflicts === 'both'
  const keptAs = keep ? await keepBeside(context, box, record, signal) : undefined
  await box.noteConflict({ id, key, driver, operation, winner, since, found: new Date(), keptAs, remote })
  const beside = keptAs === undefined ? undefined : pathOf(context, driver, keptAs)
  const conflict = { id, key, driver, operation, winner, keptAs: beside }
  context.logger.warn({ key, driver, operation, winner, keptAs }, 'A key was changed on both sides')
  context.events.emit('conflict', conflict)
}

/** The conflicts that nobody has dismissed, the oldest first. */
export async function listConflicts(context: StoreContext): Promise<Conflict[]> {
  const conflicts = (await context.outbox?.box.conflicts()) ?? []
  return conflicts.map(({ remote: _, keptAs, ...conflict }) => {
    return keptAs === undefined ? conflict : { ...conflict, keptAs: pathOf(context, conflict.driver, keptAs) }
  })
}

function pathOf(context: StoreContext, driver: string, key: string) {
  return { key, path: context.scheme.format({ driver, key }) }
}

/** Puts the version that waited beside the one that is at its key, and answers under which key. */
async function keepBeside(
  context: StoreContext,
  box: Outbox,
  record: PutRecord,
  signal: AbortSignal | undefined,
): Promise<string> {
  const { driver, token } = record
  const { createOnly, maxKeyBytes } = context.drivers.need(driver, 'put').capabilities
  const digits = token.slice(12).replace('-', '')
  for (const name of [digits.slice(-SHORT), digits, `${token.slice(0, 12)}${digits}`]) {
    const key = besideKey(record.key, name, maxKeyBytes)
    const there = await headIfThere(context, driver, key, signal)
    if (there?.writeToken === token) return key
    if (there) continue
    try {
      await putRecord(context, box, record, key, createOnly ? { ifNoneMatch: '*' } : {}, signal)
      return key
    } catch (error) {
      if (!isStorageError(error, 'ALREADY_EXISTS')) throw error
    }
  }
  throw new StorageError('UNAVAILABLE', `There is no free name beside ${quoteKey(record.key)}.`, {
    operation: 'reconcile',
    driver,
    key: record.key,
    outcome: 'unchanged',
  })
}

/** `report.conflict-1a2b3c4d.pdf` for `report.pdf`; shortened in front of the mark where a key may not be so long. */
export function besideKey(key: string, mark: string, maxBytes: number): string {
  const extension = extname(key.slice(key.lastIndexOf('/') + 1))
  const end = `.conflict-${mark}${extension}`
  let stem = key.slice(0, key.length - extension.length)
  while (Buffer.byteLength(stem) + Buffer.byteLength(end) > maxBytes) stem = [...stem].slice(0, -1).join('')
  return stem + end
}

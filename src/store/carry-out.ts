import { type BlobInfo, type CheckedAttributes, sameEtag } from '../driver/index.js'
import { isStorageError, StorageError } from '../errors/index.js'
import { quoteKey } from '../keys/index.js'
import {
  type ChangeDecision,
  decide,
  type Outbox,
  type OutboxClaim,
  type OutboxRecord,
  type PutRecord,
  type RemoteVersion,
} from '../outbox/index.js'
import { verifyArrival } from './arrival.js'
import { settleConflict } from './conflicts.js'
import type { StoreContext } from './context.js'
import { isInDoubt, noteDoubt } from './doubt.js'
import { nothingHeld } from './holding.js'
import { putRecord } from './put-record.js'
import { evictCopies, headIfThere, lookAround, type OtherCopy, removeVersionOn } from './versions.js'

/**
 * What became of a record. `settled`: it waits no longer. `arrived`: it was carried out, and waits on only because a
 * request before it may still take effect. `waits`: something else must come first.
 */
export type CarriedOut = 'settled' | 'arrived' | 'waits'

export interface CarryOutOptions {
  /** What {@link olderCopies} saw before the claim was taken. */
  readonly older: readonly OtherCopy[]
  readonly signal?: AbortSignal | undefined
  /** Whether to write first and look only if that is refused: one request for a key that is new to the driver. */
  readonly createFirst?: boolean | undefined
  /** Called where that guess was wrong. */
  readonly onExisting?: (() => void) | undefined
  /** Called where looking first found nothing there. */
  readonly onAbsent?: (() => void) | undefined
}

/**
 * The near copies that are outdated once the record has arrived. To be called before the claim is taken: whoever writes
 * a newer one takes the claim as well, or finds it taken, so that what is seen here was there before, or its writer has
 * superseded the record by the time that the claim is had.
 */
export async function olderCopies(
  context: StoreContext,
  { key, driver, operation }: OutboxRecord,
  signal: AbortSignal | undefined,
): Promise<readonly OtherCopy[]> {
  if (operation === 'delete') return []
  return (await lookAround(context, key, driver, nothingHeld, signal)).copies
}

/** Tries before a key that others keep changing is left for the next run. */
const TRIES = 8

/**
 * Carries a waiting change out on its driver. The caller holds the key alone and has the claim. Whatever is written is
 * written under a condition, so that it does no harm to run twice, at once, or to be killed anywhere: each run looks at
 * what is there and decides anew.
 */
export async function carryOut(
  context: StoreContext,
  box: Outbox,
  record: OutboxRecord,
  claim: OutboxClaim,
  options: CarryOutOptions,
): Promise<CarriedOut> {
  try {
    return await attempt(context, box, record, options)
  } catch (error) {
    if (isStorageError(error) && error.outcome === 'unknown') noteDoubt(context, record, claim)
    throw error
  }
}

async function attempt(
  context: StoreContext,
  box: Outbox,
  record: OutboxRecord,
  options: CarryOutOptions,
): Promise<CarriedOut> {
  const { notes } = context
  assertTarget(context, record)
  if (await mustWait(context, box, record)) return 'waits'
  if (notes.hasArrived(record.token) && isInDoubt(context, record)) return 'arrived'
  const work = new Work(context, box, record, options)
  for (let tries = 0; tries < TRIES; tries++) {
    if (!(await isCurrent(box, record))) return 'settled'
    if (!(await work.step(tries === 0))) continue
    if (isInDoubt(context, record)) {
      notes.arrived(record)
      return 'arrived'
    }
    await box.remove(record)
    notes.forget(record)
    work.tell()
    return 'settled'
  }
  throw new StorageError('UNAVAILABLE', `${quoteKey(record.key)} is changed by others again and again.`, {
    operation: 'reconcile',
    driver: record.driver,
    key: record.key,
    outcome: 'unchanged',
  })
}

/** A change is meant for one storage. A driver of the same name that leads elsewhere by now is another one. */
function assertTarget(context: StoreContext, { key, driver, target }: OutboxRecord): void {
  const { identity } = context.drivers.need(driver, 'reconcile')
  if (target === undefined || identity === undefined || target === identity) return
  throw new StorageError('CONFIGURATION', `${quoteKey(key)} waits for another storage than ${driver} is now.`, {
    operation: 'reconcile',
    driver,
    key,
    outcome: 'unchanged',
    hint: 'Configure the bucket, prefix and endpoint that it was put to, or get it and put it anew.',
  })
}

async function mustWait(context: StoreContext, box: Outbox, record: OutboxRecord): Promise<boolean> {
  const after = record.operation === 'delete' ? record.after : undefined
  if (after === undefined || context.notes.hasArrived(after.token)) return false
  return (await box.find(after.key))?.token === after.token
}

async function isCurrent(box: Outbox, { key, token }: OutboxRecord): Promise<boolean> {
  return (await box.find(key))?.token === token
}

/** One record on its way. */
class Work {
  readonly #context: StoreContext
  readonly #box: Outbox
  readonly #record: OutboxRecord
  readonly #options: CarryOutOptions
  /** Set once the driver turned out to know no such conditions. */
  #blind: boolean
  /** Whether somebody else's version is at the key now. */
  #lost = false
  /** What the driver has now that it is done; undefined for a delete. */
  #arrived: BlobInfo | undefined

  constructor(context: StoreContext, box: Outbox, record: OutboxRecord, options: CarryOutOptions) {
    const { createOnly, conditionalUpdate } = context.drivers.need(record.driver, 'reconcile').capabilities
    this.#context = context
    this.#box = box
    this.#record = record
    this.#options = options
    this.#blind = !createOnly || !conditionalUpdate
  }

  /** Looks, decides, and acts. False where the driver has changed meanwhile: then look again. */
  async step(first: boolean): Promise<boolean> {
    const guess = first ? this.#guess() : undefined
    try {
      await this.#act(guess ?? (await this.#look()))
      return true
    } catch (error) {
      // Its body went with the record, because somebody else superseded it or carried it out.
      if (isStorageError(error, 'NOT_FOUND') && !(await isCurrent(this.#box, this.#record))) return false
      if (isStorageError(error, 'NOT_SUPPORTED') && !this.#blind && this.#record.operation === 'put') {
        this.#blind = true
        return false
      }
      const refused = isStorageError(error, 'PRECONDITION_FAILED') || isStorageError(error, 'ALREADY_EXISTS')
      if (!refused) throw error
      if (guess?.do === 'create') this.#options.onExisting?.()
      return false
    }
  }

  /** One event for what was carried out. */
  tell(): void {
    if (this.#lost) return
    const { key, driver, operation, size } = this.#record
    const path = this.#context.scheme.format({ driver, key })
    const etag = this.#arrived?.etag
    this.#context.events.emit('reconciled', { key, driver, path, operation, size, ...(etag ? { etag } : {}) })
  }

  /** What can be tried without looking first, since it is tried under a condition. */
  #guess(): ChangeDecision | undefined {
    const { operation, base, token } = this.#record
    if (operation === 'delete' || this.#blind || this.#context.notes.hasArrived(token)) return undefined
    if (typeof base === 'object') return { do: 'replace', etag: base.etag }
    return this.#options.createFirst ? { do: 'create' } : undefined
  }

  async #look(): Promise<ChangeDecision> {
    const { key, driver } = this.#record
    const info = await headIfThere(this.#context, driver, key, this.#options.signal)
    if (info === undefined) {
      this.#options.onAbsent?.()
      return decide(this.#record, undefined)
    }
    const remote = this.#describe(info)
    const decision = decide(this.#record, remote)
    if (decision.do !== 'nothing' || this.#record.operation === 'delete') return decision
    try {
      await verifyArrival(this.#context, driver, info, this.#record, this.#options.signal)
      this.#arrived = info
      return decision
    } catch (error) {
      // It is ours, and was damaged on its way.
      if (!isStorageError(error, 'CORRUPT')) throw error
      return { do: 'replace', etag: info.etag }
    }
  }

  #describe(info: BlobInfo): RemoteVersion {
    const { writeToken, etag, lastModified } = info
    const own = writeToken === this.#record.token
    const writer = own ? 'itself' : writeToken !== undefined && this.#box.isOurs(writeToken) ? 'ours' : 'foreign'
    return { etag, lastModified, writer, same: this.#record.operation === 'put' && isSame(this.#record, info) }
  }

  async #act(decision: ChangeDecision): Promise<void> {
    switch (decision.do) {
      case 'nothing':
        return this.#record.operation === 'put' ? this.#evict(this.#record) : undefined
      case 'create':
        await this.#write({ ifNoneMatch: '*' })
        if (decision.missed) await this.#conflict(undefined, 'local')
        return
      case 'replace':
        return this.#write({ ifMatch: decision.etag })
      case 'conflict':
        if (this.#context.conflicts === 'local') {
          await this.#write({ ifMatch: decision.etag })
          return this.#conflict(decision.etag, 'local')
        }
        return this.#conflict(decision.etag, 'remote')
    }
  }

  async #conflict(remote: string | undefined, winner: 'local' | 'remote'): Promise<void> {
    if (!(await isCurrent(this.#box, this.#record))) throw superseded(this.#record)
    this.#lost = winner === 'remote'
    await settleConflict(this.#context, this.#box, this.#record, { remote, winner }, this.#options.signal)
  }

  async #write(condition: { readonly ifMatch: string } | { readonly ifNoneMatch: '*' }): Promise<void> {
    if (this.#record.operation === 'put') return this.#put(this.#record, this.#blind ? {} : condition)
    if ('ifMatch' in condition) await this.#delete(condition.ifMatch)
  }

  async #put(record: PutRecord, condition: object): Promise<void> {
    this.#arrived = await putRecord(this.#context, this.#box, record, record.key, condition, this.#options.signal)
    await this.#evict(record)
  }

  async #delete(etag: string): Promise<void> {
    const { driver, key } = this.#record
    const { conditionalDelete } = this.#context.drivers.need(driver, 'delete').capabilities
    if (!conditionalDelete && this.#context.reconcile.unsafeDelete === 'park') {
      throw new StorageError('NOT_SUPPORTED', `The driver ${driver} cannot delete exactly one version.`, {
        operation: 'reconcile',
        driver,
        key,
        outcome: 'unchanged',
        hint: "Delete it by hand, or set reconcile.unsafeDelete to 'apply'.",
      })
    }
    await removeVersionOn(this.#context, driver, key, etag, this.#options.signal)
  }

  /** Near copies that are older than what has arrived; whoever has superseded it meanwhile sees to them. */
  async #evict(record: PutRecord): Promise<void> {
    if (!(await isCurrent(this.#box, record))) return
    await evictCopies(this.#context, record.key, this.#options.older)
  }
}

/** Whether what is there is what the record would bring: bytes and attributes. */
function isSame({ size, md5, sha256, attributes }: PutRecord, info: BlobInfo): boolean {
  if (info.size !== size || !(sameEtag(info.etag, md5) || info.sha256 === sha256)) return false
  const headers = ['contentType', 'cacheControl', 'contentDisposition', 'contentEncoding', 'contentLanguage'] as const
  if (headers.some((name) => attributes[name] !== info[name])) return false
  return sameMetadata(attributes, info) && (attributes.visibility ?? 'private') === (info.visibility ?? 'private')
}

function sameMetadata({ metadata }: CheckedAttributes, info: BlobInfo): boolean {
  const names = Object.keys(metadata)
  if (names.length !== Object.keys(info.metadata).length) return false
  return names.every((name) => metadata[name] === info.metadata[name])
}

/** Caught where the state is looked at again. */
function superseded({ key, driver }: OutboxRecord): StorageError {
  return new StorageError('PRECONDITION_FAILED', `${quoteKey(key)} was changed meanwhile.`, { driver, key })
}

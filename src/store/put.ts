import { discardBody } from '../body/index.js'
import { type BlobBody, checkWriteConditions, checkWriteOptions, type PutOptions, sameEtag } from '../driver/index.js'
import { isStorageError, StorageError } from '../errors/index.js'
import { assertKey, quoteKey } from '../keys/index.js'
import type { OutboxRecord } from '../outbox/index.js'
import { type StoreContext, storedBlob } from './context.js'
import { putWithFallback, type RoutedPut } from './fallback.js'
import { type HeldRecord, holding } from './holding.js'
import { checkLimits } from './limits.js'
import type { StorePutOptions } from './options.js'
import { routeTo } from './plan.js'
import type { StoredBlob } from './stored.js'
import { tellFailed } from './tell-failed.js'
import { headIfThere, lookAround, type OtherVersions, settleVersions } from './versions.js'
import { isSameVersion, outboxOf, waitsNoLonger } from './waiting.js'

/** Writes a blob to the driver that it is routed to. */
export async function putBlob(
  context: StoreContext,
  key: string,
  body: BlobBody,
  options: StorePutOptions,
): Promise<StoredBlob> {
  const started = performance.now()
  let stored: StoredBlob
  try {
    const checked = check(context, key, body, options)
    stored = await context.gate.shared(key, () => change(context, checked))
  } catch (error) {
    // Whoever read the body has released it already; this is for those who never came to it.
    discardBody(body)
    tellFailed(context, 'put', key, started, error)
    throw error
  }
  const { driver, path, size, pendingFor } = stored
  const event = { key, driver, path, size, ms: performance.now() - started }
  if (pendingFor === undefined) context.events.emit('put', event)
  else context.events.emit('kept', { ...event, pendingFor })
  return stored
}

function check(context: StoreContext, key: string, body: BlobBody, options: StorePutOptions): RoutedPut {
  const { kind, driver: asked, ack, ...rest } = options
  assertKey(key, 'put')
  checkWriteOptions(rest, 'put')
  const size = rest.size ?? sizeOf(body)
  const { contentType, metadata } = rest
  const driver = routeTo(context, asked, { key, kind, contentType, size, metadata })
  const fallback = context.fallback.targets.get(driver)
  if (ack === 'fallback' && fallback === undefined) {
    throw new StorageError('INVALID_ARGUMENT', `The driver ${driver} has no fallback that could acknowledge a put.`, {
      operation: 'put',
      key,
      driver,
      hint: "Configure a fallback for it, or leave ack: 'fallback' out.",
      outcome: 'unchanged',
    })
  }
  const attributes = checkLimits(context, fallback === undefined ? [driver] : [driver, fallback], key, rest, size)
  const early = fallback !== undefined && (ack ?? context.fallback.ack) === 'fallback'
  return { driver, key, body, options: rest, attributes, early }
}

async function change(context: StoreContext, put: RoutedPut): Promise<StoredBlob> {
  const { key, options } = put
  const conditional = options.ifMatch !== undefined || options.ifNoneMatch !== undefined
  const run = () => holding(context, key, (held) => changeHeld(context, put, held, conditional))
  try {
    return await (conditional ? context.conditional.run(key, run) : run())
  } catch (error) {
    // What failed before anything was sent says nothing of it.
    if (!isStorageError(error) || error.outcome !== undefined) throw error
    throw error.with({ outcome: 'unchanged' })
  }
}

async function changeHeld(
  context: StoreContext,
  put: RoutedPut,
  held: HeldRecord,
  conditional: boolean,
): Promise<StoredBlob> {
  const { driver, key, options } = put
  const look = () => lookAround(context, key, driver, held, options.signal)
  const early = put.early || waitsBehind(held, driver)
  const unasked = !conditional && outboxOf(context, driver) && (early || !context.drivers.isReachable(driver))
  const before = unasked ? undefined : await look()
  const unseen = before?.unseen[0]
  // Only a driver that cannot be asked knows whether the condition holds.
  if (conditional && unseen) throw unseen.failure.with({ outcome: 'unchanged' })
  const stored = await (conditional && before
    ? putConditionally(context, put, held, before)
    : putWithFallback(context, { ...put, early }))
  if (stored.pendingFor !== undefined) return stored
  try {
    // A circuit that was just closing may have let through what was not to be asked.
    await settleVersions(context, key, driver, before ?? (await look()), held, conditional)
    return stored
  } catch (error) {
    throw isStorageError(error) ? error.with({ outcome: 'unknown' }) : error
  }
}

/** Whether what waits for the driver must be carried out before anything else is. */
function waitsBehind({ record, busy }: HeldRecord, driver: string): boolean {
  return busy !== undefined && record?.driver === driver
}

/**
 * A put that depends on the current version: where that is one that waits here, it is the next generation of it, with
 * its driver there or not; else whether the condition holds is for the driver to say, and it does not fall back.
 */
async function putConditionally(
  context: StoreContext,
  put: RoutedPut,
  held: HeldRecord,
  before: OtherVersions,
): Promise<StoredBlob> {
  const { driver, key, options } = put
  const { record } = held
  if (record === undefined || record.driver !== driver) {
    const guarded = await guard(context, put, versionHere(record, before), record?.operation === 'put')
    return asAsked(options, () => putDirectly(context, put, guarded))
  }
  checkWriteConditions(key, versionHere(record, before), options, 'put')
  const { ifMatch: _, ifNoneMatch: __, ...unconditional } = options
  // Only in the outbox can it be judged in the instant of the publish that this very record is still the current one.
  const onto = (current: OutboxRecord | undefined) => {
    if (current === undefined) throw waitsNoLonger('put', key)
    if (!isSameVersion(current, record)) throw changed(key, driver)
  }
  try {
    return await putWithFallback(context, { ...put, options: unconditional, check: onto, early: true })
  } catch (error) {
    if (!isStorageError(error, 'NOT_FOUND')) throw error
    // It was handed over in this very moment, and now the condition is for the driver to judge.
    if (isReplayable(put.body)) return await holding(context, key, (again) => changeHeld(context, put, again, true))
    throw new StorageError('UNAVAILABLE', `${quoteKey(key)} was handed over while it was put.`, {
      operation: 'put',
      key,
      driver,
      hint: 'Try again: the stream was read by then, and its condition could not be judged here any more.',
      outcome: 'unchanged',
    })
  }
}

/** Etag of the current version as far as it can be told from here; undefined where only the driver knows. */
function versionHere(record: OutboxRecord | undefined, { copies }: OtherVersions): string | undefined {
  return record?.operation === 'put' ? record.md5 : copies[0]?.etag
}

/**
 * The condition as the driver must judge it, where the current version of the key is not on that driver: it is checked
 * against the current version here, and the driver makes sure that its own has not changed meanwhile.
 */
async function guard(
  context: StoreContext,
  { driver, key, options }: RoutedPut,
  current: string | undefined,
  waits: boolean,
): Promise<PutOptions> {
  if (current === undefined) return options
  if (!waits && options.ifMatch !== undefined && !sameEtag(options.ifMatch, current)) return options
  const own = await headIfThere(context, driver, key, options.signal)
  // Of two copies the driver's own is the one that is read.
  if (!waits && own !== undefined) return options
  checkWriteConditions(key, current, options, 'put')
  return own === undefined
    ? { ...options, ifMatch: undefined, ifNoneMatch: '*' }
    : { ...options, ifNoneMatch: undefined, ifMatch: own.etag }
}

/** To the driver and nowhere else. */
async function putDirectly(context: StoreContext, put: RoutedPut, options: PutOptions): Promise<StoredBlob> {
  const { driver, key, body } = put
  const writeToken = await outboxOf(context, driver)?.newToken()
  const info = await context.drivers.ask(driver, 'put', key, (target) => {
    return target.put(key, body, { ...options, writeToken })
  })
  return storedBlob(context, info, driver)
}

/** The condition that the driver judged may be another one than was asked for; its refusal is told as the latter's. */
async function asAsked<T>({ ifMatch }: PutOptions, put: () => Promise<T>): Promise<T> {
  try {
    return await put()
  } catch (error) {
    if (ifMatch === undefined || !isStorageError(error, 'ALREADY_EXISTS')) throw error
    throw changed(error.key ?? '', error.driver, error)
  }
}

function changed(key: string, driver: string | undefined, cause?: unknown): StorageError {
  return new StorageError('PRECONDITION_FAILED', `${quoteKey(key)} has another etag than ifMatch.`, {
    operation: 'put',
    key,
    driver,
    outcome: 'unchanged',
    ...(cause === undefined ? {} : { cause }),
  })
}

/** Whether the body can be read a second time. */
function isReplayable(body: BlobBody): boolean {
  return typeof body === 'function' || sizeOf(body) !== undefined
}

/** Bytes, where the body tells by itself. */
function sizeOf(body: BlobBody): number | undefined {
  if (typeof body === 'string') return Buffer.byteLength(body)
  if (body instanceof Uint8Array || body instanceof ArrayBuffer) return body.byteLength
  return body instanceof Blob ? body.size : undefined
}

import { Intake, isBodyError, Spool, SpoolTee } from '../body/index.js'
import type { BlobBody, BlobInfo, CheckedAttributes, PutOptions } from '../driver/index.js'
import { isStorageError, type StorageError } from '../errors/index.js'
import type { Outbox, OutboxPut, OutboxRecord, OutboxStage, PutRecord } from '../outbox/index.js'
import { pendingBlob, type StoreContext, storedBlob } from './context.js'
import { namedFailure } from './failures.js'
import { assertBudget, assertVolume } from './room.js'
import type { StoredBlob } from './stored.js'
import { bothFailed, entryFacts, fallsBack, inherit, keptWaiting, outboxOf } from './waiting.js'
import { type Watchdog, watchProgress } from './watchdog.js'

/** A put that was checked and routed. */
export interface RoutedPut {
  readonly driver: string
  readonly key: string
  readonly body: BlobBody
  /** Conditions are those that the driver is to judge. */
  readonly options: PutOptions
  readonly attributes: CheckedAttributes
  /** Not to the driver but into the outbox. */
  readonly early: boolean
  /** For the outbox: refuses the put where the key has another record by then; throws. */
  readonly check?: ((current: OutboxRecord | undefined) => void) | undefined
}

/** A put on its way, with the outbox that would take it. */
interface Attempt extends RoutedPut {
  readonly context: StoreContext
  readonly box: Outbox
  /** Names this write, wherever it ends up. */
  readonly token: string
}

/** Puts to the driver; where that fails and there is a fallback, into the outbox. */
export async function putWithFallback(context: StoreContext, put: RoutedPut): Promise<StoredBlob> {
  const { driver, key, body, options } = put
  const box = outboxOf(context, driver)
  if (box === undefined) {
    const info = await context.drivers.ask(driver, 'put', key, (target) => target.put(key, body, options))
    return storedBlob(context, info, driver)
  }
  const intake = new Intake(body, { ...options, key })
  try {
    const attempt = { ...put, context, box, token: await box.newToken() }
    if (put.early) return await keepInOutbox(attempt, undefined, intake.size, () => writeAll(attempt, intake.read()))
    return await (intake.replayable ? putReplayable(attempt, intake.size) : putOnce(attempt, intake))
  } finally {
    intake.release()
  }
}

/** A body that can be read again: the outbox simply reads it from the start. */
async function putReplayable(attempt: Attempt, size: number | undefined): Promise<StoredBlob> {
  const { context, driver, key, body, options } = attempt
  // Of a stream made by a function nobody here knows whether it or the driver is slow; the driver's own timeouts do.
  const within = typeof body === 'function' ? undefined : context.fallback.within
  const watchdog = watchProgress(within, size ?? 0, options.signal)
  const onProgress: PutOptions['onProgress'] = (progress) => {
    watchdog.taken(0)
    options.onProgress?.(progress)
  }
  try {
    return storedBlob(context, await askToPut(attempt, watchdog, body, { ...options, onProgress }), driver)
  } catch (error) {
    if (!fallsBack(context, driver, error)) throw error
    return await keepInOutbox(attempt, error as StorageError, size, () => {
      return writeAll(attempt, new Intake(body, { ...options, key }).read())
    })
  } finally {
    watchdog.stop()
  }
}

/** A stream: it is checked here, once, and a copy of what the driver has taken is kept until the driver has all of it. */
async function putOnce(attempt: Attempt, intake: Intake): Promise<StoredBlob> {
  const { context, driver, options } = attempt
  const spool = openSpool(attempt)
  const tee = new SpoolTee(intake.read(), spool)
  const watchdog = watchProgress(context.fallback.within, 0, options.signal)
  try {
    const body = tee.branch((step, bytes) => (step === 'taken' ? watchdog.taken(bytes) : watchdog.waiting()))
    // The body's own checks and its idle time are the intake's.
    const { maxSize: _, sha256: __, onProgress: ___, ...rest } = options
    const checked = { ...rest, size: intake.size, idleTimeout: 0 }
    return storedBlob(context, await askToPut(attempt, watchdog, body, checked), driver)
  } catch (error) {
    if (tee.failure) throw tee.failure.error
    if (!fallsBack(context, driver, error)) throw error
    if (spool === undefined || !(await spool.isWhole())) throw withoutNet(error as StorageError)
    return await keepInOutbox(attempt, error as StorageError, intake.size, () => tee.drain(spool))
  } finally {
    watchdog.stop()
    await tee.close()
  }
}

function askToPut(
  { context, driver, key, token }: Attempt,
  watchdog: Watchdog,
  body: BlobBody,
  options: PutOptions,
): Promise<BlobInfo> {
  return context.drivers.ask(driver, 'put', key, async (target) => {
    try {
      return await target.put(key, body, { ...options, writeToken: token, signal: watchdog.signal })
    } catch (error) {
      throw watchdog.failure ?? error
    }
  })
}

function openSpool({ context, box, key, driver, token }: Attempt): Spool<OutboxStage> | undefined {
  if (context.spool === undefined) {
    context.events.emit('spool', { key, driver, reason: 'off' })
    return undefined
  }
  return new Spool<OutboxStage>({
    ...context.spool,
    openSink: () => box.stage(token, { mayBeDiscarded: true }),
    freeSpace: async () => (await box.volume()).free,
    onLost: (reason, error) => {
      context.logger.warn({ key, driver, reason }, 'A stream goes on without a local copy')
      context.events.emit('spool', { key, driver, reason, error: error instanceof Error ? error : undefined })
    },
  })
}

async function writeAll({ box, token }: Attempt, chunks: AsyncIterable<Uint8Array>): Promise<OutboxStage> {
  const stage = await box.stage(token)
  try {
    for await (const chunk of chunks) await stage.write(chunk)
    return stage
  } catch (error) {
    await stage.discard()
    throw error
  }
}

/** Once this resolves the blob is safe in the outbox: one error line and one event say why it is there, if it failed. */
async function keepInOutbox(
  attempt: Attempt,
  failure: StorageError | undefined,
  size: number | undefined,
  fill: () => Promise<OutboxStage>,
): Promise<StoredBlob> {
  const { context, box, driver, key } = attempt
  let record: PutRecord
  try {
    await assertVolume(context, box, size ?? 0)
    record = await commit(attempt, failure, await fill())
  } catch (error) {
    // What is wrong with the body or the condition is wrong everywhere.
    if (isBodyError(error) || isCondition(error) || failure === undefined) throw error
    const second = namedFailure(error, context.fallback.targets.get(driver) as string, 'put', key)
    throw bothFailed(context, failure, second, 'upload')
  }
  keptWaiting(context, record, failure)
  return pendingBlob(context, record)
}

async function commit(attempt: Attempt, failure: StorageError | undefined, stage: OutboxStage): Promise<PutRecord> {
  const { context, box, driver, key, attributes, check } = attempt
  let facts: Awaited<ReturnType<typeof entryFacts>>
  try {
    await assertBudget(context, box, stage.size)
    facts = await entryFacts(context, box, driver, failure)
  } catch (error) {
    await stage.discard()
    throw error
  }
  const entry: OutboxPut = { ...facts, key, operation: 'put', attributes }
  return stage.commit(entry, {
    onto: (current) => {
      check?.(current)
      return inherit(context, current, entry)
    },
  })
}

function isCondition(error: unknown): boolean {
  return isStorageError(error, 'PRECONDITION_FAILED') || isStorageError(error, 'ALREADY_EXISTS')
}

function withoutNet(failure: StorageError): StorageError {
  const hint = `${failure.hint} The stream could not fall back, since no copy of what was sent was kept: see the spool event.`
  return failure.with({ hint })
}

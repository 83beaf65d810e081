import { Intake, isBodyError, Spool, SpoolTee } from '../body/index.js'
import type { BlobBody, BlobInfo, CheckedAttributes, PutOptions } from '../driver/index.js'
import { isStorageError, StorageError } from '../errors/index.js'
import type { Outbox, OutboxStage } from '../outbox/index.js'
import { pendingBlob, type StoreContext, storedBlob } from './context.js'
import { failureKind, namedFailure } from './failures.js'
import type { StoredBlob } from './stored.js'
import { watchProgress } from './watchdog.js'

/** A put that was checked and routed. */
export interface RoutedPut {
  readonly driver: string
  readonly key: string
  readonly body: BlobBody
  readonly options: PutOptions
  readonly attributes: CheckedAttributes
}

/** Puts to the driver; where that fails and there is a fallback, into the outbox. */
export async function putWithFallback(context: StoreContext, put: RoutedPut): Promise<StoredBlob> {
  const { driver, key, body, options } = put
  const box = context.fallback.targets.has(driver) ? context.outbox?.box : undefined
  if (box === undefined) {
    const info = await context.drivers.ask(driver, 'put', key, (target) => target.put(key, body, options))
    return storedBlob(context, info, driver)
  }
  const intake = new Intake(body, { ...options, key })
  try {
    return await (intake.replayable
      ? putReplayable(context, box, put, intake.size)
      : putOnce(context, box, put, intake))
  } finally {
    intake.release()
  }
}

/** A body that can be read again: the outbox simply reads it from the start. */
async function putReplayable(
  context: StoreContext,
  box: Outbox,
  put: RoutedPut,
  size: number | undefined,
): Promise<StoredBlob> {
  const { key, body, options } = put
  // Of a stream made by a function nobody here knows whether it or the driver is slow; the driver's own timeouts do.
  const within = typeof body === 'function' ? undefined : context.fallback.within
  const watchdog = watchProgress(within, size ?? 0, options.signal)
  const onProgress: PutOptions['onProgress'] = (progress) => {
    watchdog.taken(0)
    options.onProgress?.(progress)
  }
  try {
    const attempt = { ...options, signal: watchdog.signal, onProgress }
    return storedBlob(context, await askToPut(context, put, body, attempt), put.driver)
  } catch (error) {
    const failure = watchdog.failure ?? (error as StorageError)
    if (!fallsBack(context, failure)) throw failure
    return await keepInOutbox(context, put, failure, async () => {
      const intake = new Intake(body, { ...options, key })
      return writeAll(await box.stage(), intake.read())
    })
  } finally {
    watchdog.stop()
  }
}

/** A stream: it is checked here, once, and a copy of what the driver has taken is kept until the driver has all of it. */
async function putOnce(context: StoreContext, box: Outbox, put: RoutedPut, intake: Intake): Promise<StoredBlob> {
  const { options } = put
  const spool = openSpool(context, box, put)
  const tee = new SpoolTee(intake.read(), spool)
  const watchdog = watchProgress(context.fallback.within, 0, options.signal)
  try {
    const body = tee.branch((step, bytes) => (step === 'taken' ? watchdog.taken(bytes) : watchdog.waiting()))
    // The body's own checks and its idle time are the intake's.
    const { maxSize: _, sha256: __, onProgress: ___, ...rest } = options
    const attempt = { ...rest, size: intake.size, idleTimeout: 0, signal: watchdog.signal }
    return storedBlob(context, await askToPut(context, put, body, attempt), put.driver)
  } catch (error) {
    if (tee.failure) throw tee.failure.error
    const failure = watchdog.failure ?? (error as StorageError)
    if (!fallsBack(context, failure)) throw failure
    if (spool === undefined || !spool.whole) throw withoutNet(failure)
    return await keepInOutbox(context, put, failure, () => tee.drain(spool))
  } finally {
    watchdog.stop()
    await tee.close()
  }
}

async function askToPut(context: StoreContext, put: RoutedPut, body: BlobBody, options: PutOptions): Promise<BlobInfo> {
  return context.drivers.ask(put.driver, 'put', put.key, (target) => target.put(put.key, body, options))
}

function fallsBack({ fallback }: StoreContext, error: unknown): boolean {
  switch (failureKind(error)) {
    case 'outage':
      return fallback.outages
    case 'refusal':
      return fallback.refusals
    default:
      return false
  }
}

function openSpool(context: StoreContext, box: Outbox, { key, driver }: RoutedPut): Spool<OutboxStage> | undefined {
  if (context.spool === undefined) {
    context.events.emit('spool', { key, driver, reason: 'off' })
    return undefined
  }
  return new Spool<OutboxStage>({
    ...context.spool,
    openSink: () => box.stage(),
    freeSpace: () => box.freeSpace(),
    onLost: (reason, error) => {
      context.logger.warn({ key, driver, reason }, 'A stream goes on without a local copy')
      context.events.emit('spool', { key, driver, reason, error: error instanceof Error ? error : undefined })
    },
  })
}

async function writeAll(stage: OutboxStage, chunks: AsyncIterable<Uint8Array>): Promise<OutboxStage> {
  try {
    for await (const chunk of chunks) await stage.write(chunk)
    return stage
  } catch (error) {
    await stage.discard()
    throw error
  }
}

/** Once this resolves the blob is safe in the outbox: one error line and one event say why it is there. */
async function keepInOutbox(
  context: StoreContext,
  { driver, key, attributes }: RoutedPut,
  failure: StorageError,
  fill: () => Promise<OutboxStage>,
): Promise<StoredBlob> {
  const to = context.fallback.targets.get(driver) as string
  let blob: StoredBlob
  try {
    const stage = await fill()
    blob = pendingBlob(context, await stage.commit({ key, operation: 'put', driver, attributes }))
  } catch (error) {
    if (isBodyError(error)) throw error
    throw bothFailed(context, failure, namedFailure(error, to, 'put', key), to)
  }
  const { code, message: reason } = failure
  context.logger.error(
    { key, code, driver, reason },
    `${nameOf(context, driver)} upload failed, falling back to ${to} storage`,
  )
  context.events.emit('fallback', { key, path: blob.path, from: driver, to, size: blob.size, code, error: failure })
  return blob
}

/** How a driver is called in a sentence. */
export function nameOf(context: StoreContext, driver: string): string {
  const s3 = driver === 's3' || context.drivers.get(driver)?.kind === 's3'
  return s3 ? 'S3' : driver
}

function withoutNet(failure: StorageError): StorageError {
  const hint = `${failure.hint} The stream could not fall back, since no copy of what was sent was kept: see the spool event.`
  return failure.with({ hint })
}

function bothFailed(context: StoreContext, failure: StorageError, second: StorageError, to: string): StorageError {
  const { key, driver, operation, outcome } = failure
  const codes = { code: failure.code, fallbackCode: second.code }
  context.logger.error(
    { key, driver, ...codes },
    `${nameOf(context, driver ?? '')} upload failed, and so did ${to} storage`,
  )
  return new StorageError(failure.code, `${failure.message} Falling back to ${to} failed too: ${second.message}`, {
    operation,
    driver,
    key,
    outcome,
    hint: isStorageError(second, 'NO_SPACE') ? second.hint : failure.hint,
    cause: new AggregateError([failure, second], 'Both drivers failed.'),
  })
}

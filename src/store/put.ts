import { discardBody } from '../body/index.js'
import {
  type BlobBody,
  type BlobInfo,
  checkWriteConditions,
  checkWriteOptions,
  type PutOptions,
  sameEtag,
} from '../driver/index.js'
import { isStorageError, StorageError } from '../errors/index.js'
import { assertKey, quoteKey } from '../keys/index.js'
import { type StoreContext, storedBlob } from './context.js'
import { putWithFallback } from './fallback.js'
import { checkLimits } from './limits.js'
import type { StorePutOptions } from './options.js'
import { routeTo } from './plan.js'
import type { StoredBlob } from './stored.js'
import { headIfThere, lookAround, type OtherVersions, settleVersions } from './versions.js'

/** Writes a blob to the driver that it is routed to. */
export async function putBlob(
  context: StoreContext,
  key: string,
  body: BlobBody,
  options: StorePutOptions,
): Promise<StoredBlob> {
  const started = performance.now()
  const { kind, driver: asked, ...rest } = options
  let stored: StoredBlob
  try {
    assertKey(key, 'put')
    checkWriteOptions(rest, 'put')
    const size = rest.size ?? sizeOf(body)
    const { contentType, metadata } = rest
    const driver = routeTo(context, asked, { key, kind, contentType, size, metadata })
    const fallback = context.fallback.targets.get(driver)
    const attributes = checkLimits(context, fallback === undefined ? [driver] : [driver, fallback], key, rest, size)
    const conditional = rest.ifMatch !== undefined || rest.ifNoneMatch !== undefined
    stored = await (conditional
      ? putConditionally(context, driver, key, body, rest)
      : context.gate.shared(key, async () => {
          const before = await lookAround(context, key, driver, rest.signal)
          const outcome = await putWithFallback(context, { driver, key, body, options: rest, attributes })
          if (outcome.pendingFor === undefined) await settleVersions(context, key, before)
          return outcome
        }))
  } catch (error) {
    // Whoever read the body has released it already; this is for those who never came to it.
    discardBody(body)
    throw error
  }
  if (stored.pendingFor === undefined) {
    const ms = performance.now() - started
    context.events.emit('put', { key, driver: stored.driver, path: stored.path, size: stored.size, ms })
  }
  return stored
}

/** A put that depends on the current version never falls back: whether the condition holds is for its driver to say. */
function putConditionally(
  context: StoreContext,
  driver: string,
  key: string,
  body: BlobBody,
  options: PutOptions,
): Promise<StoredBlob> {
  return context.gate.shared(key, async () => {
    const before = await lookAround(context, key, driver, options.signal)
    const guarded = await guard(context, driver, key, options, before)
    const info = await putGuarded(context, driver, key, body, guarded, options)
    await settleVersions(context, key, before)
    return storedBlob(context, info, driver)
  })
}

/**
 * The condition as `driver` must judge it, where the current version of the key is not on that driver: it is checked
 * against the current version here, and the driver makes sure that its own has not changed meanwhile.
 */
async function guard(
  context: StoreContext,
  driver: string,
  key: string,
  options: PutOptions,
  before: OtherVersions,
): Promise<PutOptions> {
  const current = before.pending?.md5 ?? before.copies[0]?.etag
  if (current === undefined) return options
  if (before.pending === undefined && options.ifMatch !== undefined && !sameEtag(options.ifMatch, current))
    return options
  const own = await headIfThere(context, driver, key, options.signal)
  // Of two copies the driver's own is the one that is read.
  if (before.pending === undefined && own !== undefined) return options
  checkWriteConditions(key, current, options, 'put')
  return own === undefined
    ? { ...options, ifMatch: undefined, ifNoneMatch: '*' }
    : { ...options, ifNoneMatch: undefined, ifMatch: own.etag }
}

async function putGuarded(
  context: StoreContext,
  driver: string,
  key: string,
  body: BlobBody,
  guarded: PutOptions,
  asked: PutOptions,
): Promise<BlobInfo> {
  try {
    return await context.drivers.ask(driver, 'put', key, (target) => target.put(key, body, guarded))
  } catch (error) {
    if (asked.ifMatch === undefined || !isStorageError(error, 'ALREADY_EXISTS')) throw error
    throw new StorageError('PRECONDITION_FAILED', `${quoteKey(key)} has another etag than ifMatch.`, {
      operation: 'put',
      key,
      driver,
      outcome: 'unchanged',
      cause: error,
    })
  }
}

/** Bytes, where the body tells by itself. */
function sizeOf(body: BlobBody): number | undefined {
  if (typeof body === 'string') return Buffer.byteLength(body)
  if (body instanceof Uint8Array || body instanceof ArrayBuffer) return body.byteLength
  return body instanceof Blob ? body.size : undefined
}

import { type BlobInfo, weaklySameEtag } from '../driver/index.js'
import { isStorageError, StorageError } from '../errors/index.js'
import { quoteKey } from '../keys/index.js'
import type { OutboxRecord } from '../outbox/index.js'
import type { StoreContext } from './context.js'
import { failureKind } from './failures.js'

/** What a key had elsewhere before a change of it began. */
export interface OtherVersions {
  /** The version that waits in the outbox. */
  readonly pending: OutboxRecord | undefined
  /** Copies on other drivers that the change will outdate. */
  readonly copies: readonly OtherCopy[]
}

export interface OtherCopy {
  readonly driver: string
  readonly etag: string
}

/**
 * Looks where else the key has a version before a put to `driver` begins: always in the outbox; near copies of what goes
 * far away; with `exclusive` also the far copies of what stays near.
 */
export async function lookAround(
  context: StoreContext,
  key: string,
  driver: string,
  signal?: AbortSignal | undefined,
): Promise<OtherVersions> {
  const pending = await context.outbox?.box.find(key)
  const far = !context.near.has(driver)
  const copies: OtherCopy[] = []
  if (far || context.exclusive) {
    for (const [name] of context.drivers.configured()) {
      if (name === driver || context.near.has(name) !== far) continue
      const info = await headIfThere(context, name, key, signal).catch((error) => {
        // What lies in the way on a disk must not keep a blob from going far away.
        if (!far || failureKind(error) === undefined) throw error
        context.logger.warn({ key, driver: name, code: error.code }, 'Whether there is an older copy could not be seen')
        return undefined
      })
      if (info) copies.push({ driver: name, etag: info.etag })
    }
  }
  return { pending, copies }
}

/** The driver's own version of the key; undefined where it has none. */
export async function headIfThere(
  context: StoreContext,
  driver: string,
  key: string,
  signal?: AbortSignal | undefined,
): Promise<BlobInfo | undefined> {
  try {
    return await context.drivers.ask(driver, 'head', key, (asked) => asked.head(key, { signal }))
  } catch (error) {
    if (isStorageError(error, 'NOT_FOUND')) return undefined
    throw error
  }
}

/**
 * Removes what a change that succeeded has outdated: exactly the versions seen before it began, so that a newer one by
 * somebody else stays. The waiting version must go, since it would be read first; a copy that stays is only logged.
 */
export async function settleVersions(context: StoreContext, key: string, before: OtherVersions): Promise<void> {
  if (before.pending) await context.outbox?.box.remove(before.pending)
  for (const copy of before.copies) {
    try {
      await removeVersion(context, copy.driver, key, copy.etag)
    } catch (error) {
      if (isStorageError(error, 'PRECONDITION_FAILED')) continue
      const { code, message } = error as StorageError
      context.logger.warn({ key, driver: copy.driver, code, reason: message }, 'An older copy could not be removed')
    }
  }
}

/**
 * Deletes this version of the key on a driver. PRECONDITION_FAILED where another one is there; a key that is gone is
 * fine. Where the driver has no conditional delete there is an instant between looking and deleting.
 */
export async function removeVersion(
  context: StoreContext,
  driver: string,
  key: string,
  etag: string,
  signal?: AbortSignal | undefined,
): Promise<void> {
  const conditional = context.drivers.need(driver, 'delete').capabilities.conditionalDelete && !etag.startsWith('W/')
  if (conditional && (await removeIfMatch(context, driver, key, etag, signal))) return
  const info = await headIfThere(context, driver, key, signal)
  if (info === undefined) return
  // A weak etag turns strong as the file grows older; it then still names the same version.
  if (!weaklySameEtag(info.etag, etag)) {
    throw new StorageError('PRECONDITION_FAILED', `${quoteKey(key)} was changed meanwhile.`, {
      operation: 'delete',
      driver,
      key,
      outcome: 'unchanged',
    })
  }
  await context.drivers.ask(driver, 'delete', key, (asked) => asked.delete(key, { signal }))
}

/** False where the driver turns out to have no conditional delete: some learn that from their endpoint's first answer. */
async function removeIfMatch(
  context: StoreContext,
  driver: string,
  key: string,
  ifMatch: string,
  signal: AbortSignal | undefined,
): Promise<boolean> {
  try {
    await context.drivers.ask(driver, 'delete', key, (asked) => asked.delete(key, { ifMatch, signal }))
    return true
  } catch (error) {
    if (isStorageError(error, 'NOT_SUPPORTED')) return false
    // A missing key fails the condition too.
    const left = isStorageError(error, 'PRECONDITION_FAILED') ? await headIfThere(context, driver, key, signal) : true
    if (left !== undefined) throw error
    return true
  }
}

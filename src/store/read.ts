import { openReader } from '../body/index.js'
import {
  type BlobReader,
  checkRange,
  checkReadConditions,
  type GetOptions,
  type HeadOptions,
  resolveRange,
  type SignalOptions,
} from '../driver/index.js'
import { isStorageError, StorageError } from '../errors/index.js'
import type { PutRecord } from '../outbox/index.js'
import { pendingBlob, type StoreContext, storedBlob } from './context.js'
import { failureKind } from './failures.js'
import type { Location } from './paths/index.js'
import { notFound, type ReadPlan, readPlan, resolve } from './plan.js'
import type { StoredBlob } from './stored.js'
import { StoredReader } from './stored-reader.js'
import { tellFailed } from './tell-failed.js'

/** Opens a blob wherever it is. */
export async function getBlob(
  context: StoreContext,
  path: string,
  options: GetOptions,
): Promise<BlobReader<StoredBlob>> {
  const started = performance.now()
  let reader: BlobReader<StoredBlob>
  try {
    reader = await openBlob(context, path, options)
  } catch (error) {
    tellFailed(context, 'get', path, started, error)
    throw error
  }
  const { key, driver, size, path: found, pendingFor } = reader.info
  const ms = performance.now() - started
  context.events.emit('get', { key, driver, path: found, size, pending: pendingFor !== undefined, ms })
  return reader
}

/** {@link getBlob} for the store's own needs: nobody is told. */
export async function openBlob(
  context: StoreContext,
  path: string,
  options: GetOptions,
): Promise<BlobReader<StoredBlob>> {
  if (options.range !== undefined) checkRange(options.range)
  return findBlob<BlobReader<StoredBlob>>(context, path, 'get', options, {
    pending: (record) => openPending(context, record, options),
    stored: async ({ driver, key }) => {
      const opened = await context.drivers.ask(driver, 'get', key, (asked) => asked.get(key, options))
      return new StoredReader(opened, storedBlob(context, opened.info, driver))
    },
  })
}

/** What {@link getBlob} would say, without the bytes. */
export function headBlob(
  context: StoreContext,
  path: string,
  options: HeadOptions,
  operation = 'head',
): Promise<StoredBlob> {
  return findBlob(context, path, operation, options, {
    pending: async (record) => {
      const info = pendingBlob(context, record)
      checkReadConditions(info, options, operation)
      return info
    },
    stored: async ({ driver, key }) => {
      const info = await context.drivers.ask(driver, operation, key, (asked) => asked.head(key, options))
      return storedBlob(context, info, driver)
    },
  })
}

/** A waiting version: whole, from the outbox. */
async function openPending(
  context: StoreContext,
  record: PutRecord,
  options: GetOptions,
): Promise<BlobReader<StoredBlob>> {
  const info = pendingBlob(context, record)
  checkReadConditions(info, options, 'get')
  const range = options.range && resolveRange(options.range, info.size, info.key)
  const box = context.outbox?.box
  if (box === undefined) throw notFound(info.path, 'get', info.key)
  const body = await box.read(record, range)
  const { signal } = options
  if (signal) {
    const onAbort = () => body.destroy(aborted('get', info.key, signal))
    signal.addEventListener('abort', onAbort, { once: true })
    body.once('close', () => signal.removeEventListener('abort', onAbort))
    if (signal.aborted) onAbort()
  }
  return openReader(info, body, range)
}

interface Finders<T> {
  pending(record: PutRecord): Promise<T>
  stored(location: Location): Promise<T>
}

/**
 * Asks one place after the other: for each key the outbox, then the drivers of the plan. A driver that is down does not
 * stop the search, but then a blob that is nowhere else is not known to be missing: its failure is the answer.
 */
export async function findBlob<T>(
  context: StoreContext,
  path: string,
  operation: string,
  { signal }: SignalOptions,
  finders: Finders<T>,
): Promise<T> {
  const resolution = resolve(context, path)
  const [likeliest] = resolution.candidates
  const { key } = likeliest
  if (signal?.aborted) throw aborted(operation, key, signal)
  const search = new Search(context, finders)
  // Nearly every read ends here: where else the blob may be is worked out only where it does not.
  const first = context.drivers.get(likeliest.driver) ? [likeliest] : []
  const here = (await search.outbox(key)) ?? (await search.drivers(first))
  if (here) return here.value
  const plan = await readPlan(context, resolution)
  for (const one of new Set(resolution.candidates.map((candidate) => candidate.key))) {
    const steps = plan.steps.filter((step) => step.key === one)
    const found =
      one === key
        ? await search.drivers(steps.slice(first.length))
        : ((await search.outbox(one)) ?? (await search.drivers(steps)))
    if (found) return found.value
  }
  // A blob that moved from a place not asked yet to one asked before was there all the time.
  const again = plan.steps.length > 1 && search.failure === undefined ? plan.steps.slice(0, 1) : []
  const found = (await search.outbox(key)) ?? (await search.drivers(again))
  if (found) return found.value
  throw search.failure ?? missing(context, plan, path, operation, key)
}

class Search<T> {
  readonly #context: StoreContext
  readonly #finders: Finders<T>
  /** For each key that is deleted the driver on which the delete is still to come. */
  readonly #gone = new Map<string, string>()
  /** The first driver's failure that left the question open. */
  failure: StorageError | undefined

  constructor(context: StoreContext, finders: Finders<T>) {
    this.#context = context
    this.#finders = finders
  }

  async outbox(key: string): Promise<{ readonly value: T } | undefined> {
    for (let last: string | undefined; ; ) {
      const record = await this.#context.outbox?.box.find(key)
      if (record?.operation === 'delete') this.#gone.set(key, record.driver)
      else this.#gone.delete(key)
      if (record?.operation !== 'put' || record.token === last) return undefined
      const found = await this.#attempt(() => this.#finders.pending(record))
      if (found) return found
      // It went before it could be opened. What came after it may be a delete, and then its driver has an older version.
      last = record.token
    }
  }

  async drivers(steps: readonly Location[]): Promise<{ readonly value: T } | undefined> {
    for (const step of steps) {
      // A tombstone is an answer: the driver need not be asked, and may be down.
      if (this.#gone.get(step.key) === step.driver) continue
      const found = await this.#attempt(() => this.#finders.stored(step))
      if (found) return found
    }
    return undefined
  }

  async #attempt(look: () => Promise<T>): Promise<{ readonly value: T } | undefined> {
    try {
      return { value: await look() }
    } catch (error) {
      if (isStorageError(error, 'NOT_FOUND')) return undefined
      if (failureKind(error) === undefined) throw error
      this.failure ??= error as StorageError
      return undefined
    }
  }
}

function missing(context: StoreContext, plan: ReadPlan, path: string, operation: string, key: string): StorageError {
  if (plan.missing === undefined) return notFound(path, operation, key)
  try {
    context.drivers.need(plan.missing, operation)
  } catch (error) {
    return (error as StorageError).with({ key })
  }
  return notFound(path, operation, key)
}

/** ABORTED with the caller's reason. */
export function aborted(operation: string, key: string | undefined, signal: AbortSignal): StorageError {
  return new StorageError('ABORTED', `The ${operation} was aborted.`, { operation, key, cause: signal.reason })
}

import { discardBody, Intake, openReader } from '../body/index.js'
import type {
  BlobBody,
  BlobDriver,
  BlobInfo,
  BlobReader,
  DeleteOptions,
  DeleteResult,
  DriverCapabilities,
  GetOptions,
  HeadOptions,
  ListEntry,
  ListOptions,
  PutOptions,
  SignalOptions,
} from '../driver/index.js'
import { StorageError } from '../errors/index.js'
import { assertKey } from '../keys/index.js'
import { isOutboxHost, type Outbox } from '../outbox/index.js'
import { BreakableStream } from './breakable-stream.js'
import { type DriverOperation, errorOf, type FailOptions, type Failure, type Fault, FaultPlan } from './faults.js'

/** The timers of a FaultyDriver. The global ones by default; those of a test's fake clock fit as well. */
export interface TestClock {
  setTimeout(callback: () => void, ms: number): unknown
  clearTimeout(handle: never): void
}

export interface FaultyDriverOptions {
  readonly clock?: TestClock | undefined
}

/** One call that reached a driver under test. */
export interface RecordedCall {
  readonly operation: DriverOperation
  /** The key; of copy and move the source. */
  readonly key?: string | undefined
}

/**
 * A driver that hands everything on to another one, and fails when told to. Its timers keep no process alive.
 *
 * ```ts
 * const s3 = new FaultyDriver(new MemoryDriver())
 * s3.fail('put', 'UNAVAILABLE', 2)                       // the next two puts
 * s3.fail('put', 'TIMEOUT', 1, { after: true })          // published, but the answer is lost
 * s3.fail('get', 'UNAVAILABLE', 1, { afterBytes: 1000 }) // the body breaks off
 * s3.outage()                                            // everything, until
 * s3.recover()
 * ```
 */
export class FaultyDriver implements BlobDriver {
  readonly kind: string
  /** The calls so far, failed ones included, in order. */
  readonly calls: RecordedCall[] = []
  /** Optional methods are there exactly where the inner driver has them. */
  readonly copy?: NonNullable<BlobDriver['copy']>
  readonly move?: NonNullable<BlobDriver['move']>
  readonly signUrl?: NonNullable<BlobDriver['signUrl']>
  readonly signUpload?: NonNullable<BlobDriver['signUpload']>
  readonly publicUrl?: NonNullable<BlobDriver['publicUrl']>
  readonly localPath?: NonNullable<BlobDriver['localPath']>
  readonly setVisibility?: NonNullable<BlobDriver['setVisibility']>
  readonly getVisibility?: NonNullable<BlobDriver['getVisibility']>
  readonly createOutbox?: () => Outbox
  readonly #inner: BlobDriver
  readonly #clock: TestClock
  readonly #plan = new FaultPlan()
  /** What an outage must break off: puts and reads under way. */
  readonly #running = new Set<(failure: Failure) => void>()
  #outage: Failure | undefined
  #delay = 0
  #heard: Date | undefined

  constructor(inner: BlobDriver, options: FaultyDriverOptions = {}) {
    this.#inner = inner
    this.#clock = options.clock ?? globalThis
    this.kind = inner.kind
    const { copy, move, signUrl, signUpload, publicUrl, localPath, setVisibility, getVisibility } = inner
    if (copy) this.copy = (from, to, o) => this.#call('copy', from, o?.signal, () => copy.call(inner, from, to, o))
    if (move) this.move = (from, to, o) => this.#call('move', from, o?.signal, () => move.call(inner, from, to, o))
    if (signUrl) this.signUrl = (key, o) => this.#call('signUrl', key, o?.signal, () => signUrl.call(inner, key, o))
    if (signUpload) {
      this.signUpload = (key, o) => this.#call('signUpload', key, o?.signal, () => signUpload.call(inner, key, o))
    }
    if (publicUrl) this.publicUrl = (key) => publicUrl.call(inner, key)
    if (localPath) {
      this.localPath = (key, o) => this.#call('localPath', key, o?.signal, () => localPath.call(inner, key, o))
    }
    if (setVisibility) {
      this.setVisibility = (key, visibility, o) =>
        this.#call('setVisibility', key, o?.signal, () => setVisibility.call(inner, key, visibility, o))
    }
    if (getVisibility) {
      this.getVisibility = (key, o) =>
        this.#call('getVisibility', key, o?.signal, () => getVisibility.call(inner, key, o))
    }
    if (isOutboxHost(inner)) this.createOutbox = () => inner.createOutbox()
  }

  get capabilities(): DriverCapabilities {
    return this.#inner.capabilities
  }

  get identity(): string | undefined {
    return this.#inner.identity
  }

  get localRoot(): string | undefined {
    return this.#inner.localRoot
  }

  /** As of the last call that was let through: a storage that is down tells no time. */
  get storageTime(): Date | undefined {
    return this.#heard
  }

  get description(): string | undefined {
    return this.#inner.description
  }

  /** Makes the next `times` calls (1 by default, Infinity for all) of `operation` fail; `*` is any operation. */
  fail(operation: DriverOperation | '*', failure: Failure, times = 1, options: FailOptions = {}): void {
    this.#plan.add(operation, { ...options, failure }, times)
  }

  /** From now on every call fails, and so does what is under way; by default as a storage that cannot be reached. */
  outage(failure: Failure = 'UNAVAILABLE'): void {
    this.#outage = failure
    for (const breakOff of [...this.#running]) breakOff(failure)
  }

  /** All is well again: no outage, no delay, no failure to come. */
  recover(): void {
    this.#outage = undefined
    this.#delay = 0
    this.#plan.clear()
  }

  /** Every call from now on waits so many milliseconds first, unless its signal is aborted. */
  delay(ms: number): void {
    this.#delay = ms
  }

  async put(key: string, body: BlobBody, options: PutOptions = {}): Promise<BlobInfo> {
    try {
      return await this.#call('put', key, options.signal, (fault) =>
        this.#put(key, body, options, fault?.afterBytes, fault),
      )
    } catch (error) {
      discardBody(body)
      throw error
    }
  }

  get(key: string, options: GetOptions = {}): Promise<BlobReader> {
    return this.#call('get', key, options.signal, async (fault) => {
      const reader = await this.#inner.get(key, options)
      return this.#breakable(reader, fault)
    })
  }

  head(key: string, options: HeadOptions = {}): Promise<BlobInfo> {
    return this.#call('head', key, options.signal, () => this.#inner.head(key, options))
  }

  delete(key: string, options: DeleteOptions = {}): Promise<void> {
    return this.#call('delete', key, options.signal, () => this.#inner.delete(key, options))
  }

  deleteMany(keys: readonly string[], options: SignalOptions = {}): Promise<DeleteResult[]> {
    return this.#call('deleteMany', undefined, options.signal, () => this.#inner.deleteMany(keys, options))
  }

  async *list(options: ListOptions = {}): AsyncGenerator<ListEntry, void, undefined> {
    const entries = await this.#call('list', undefined, options.signal, async () => this.#inner.list(options))
    for await (const entry of entries) {
      if (this.#outage !== undefined) throw this.#error(this.#outage, 'list', undefined, 'unchanged')
      yield entry
    }
  }

  async close(): Promise<void> {
    await this.#inner.close?.()
  }

  /** The inner put, which a failure can break off while the body goes through. */
  async #put(
    key: string,
    body: BlobBody,
    options: PutOptions,
    limit: number | undefined,
    fault: Fault | undefined,
  ): Promise<BlobInfo> {
    const controller = new AbortController()
    let broken: Error | undefined
    let failed: { readonly error: unknown } | undefined
    const breakOff = (failure: Failure) => {
      broken ??= this.#error(failure, 'put', key, 'unknown')
      controller.abort()
    }
    const { signal } = options
    const abort = () => controller.abort(signal?.reason)
    if (signal?.aborted) abort()
    const intake = new Intake(body, { ...options, key, signal: controller.signal })
    signal?.addEventListener('abort', abort, { once: true })
    this.#running.add(breakOff)
    async function* through() {
      let bytes = 0
      try {
        for await (const chunk of intake.read()) {
          bytes += chunk.byteLength
          if (limit !== undefined && fault !== undefined && bytes > limit) breakOff(fault.failure)
          if (broken) throw broken
          yield chunk
        }
        if (limit !== undefined && fault !== undefined) breakOff(fault.failure)
        if (broken) throw broken
      } catch (error) {
        failed ??= { error }
        throw error
      }
    }
    try {
      const { onProgress, ...rest } = options
      return await this.#inner.put(key, through(), { ...rest, size: intake.size, signal: controller.signal })
    } catch (error) {
      // The inner driver can only say that its body failed; the caller is told why.
      throw broken ?? failed?.error ?? error
    } finally {
      this.#running.delete(breakOff)
      signal?.removeEventListener('abort', abort)
    }
  }

  /** The same read, which a failure can break off. */
  #breakable(reader: BlobReader, fault: Fault | undefined): BlobReader {
    const { key } = reader.info
    const errorOfRead = (failure: Failure) => this.#error(failure, 'get', key, 'unchanged')
    const stream = new BreakableStream(reader, fault?.afterBytes, () => errorOfRead(fault?.failure ?? 'INTERNAL'))
    const breakOff = (failure: Failure) => stream.destroy(errorOfRead(failure))
    this.#running.add(breakOff)
    stream.once('close', () => this.#running.delete(breakOff))
    return openReader(reader.info, stream, reader.range)
  }

  async #call<T>(
    operation: DriverOperation,
    key: string | undefined,
    signal: AbortSignal | undefined,
    work: (fault: Fault | undefined) => Promise<T>,
  ): Promise<T> {
    this.calls.push({ operation, key })
    if (operation !== 'list' && operation !== 'deleteMany') assertKey(key, operation)
    await this.#wait(operation, key, signal)
    if (this.#outage !== undefined) throw this.#error(this.#outage, operation, key, 'unchanged')
    const fault = this.#plan.take(operation)
    if (fault === undefined) {
      try {
        return await work(undefined)
      } finally {
        if (this.#outage === undefined) this.#heard = this.#inner.storageTime
      }
    }
    const streamed = operation === 'put' || operation === 'get'
    if (streamed && fault.afterBytes !== undefined) return work(fault)
    if (!fault.after) throw this.#error(fault.failure, operation, key, 'unchanged')
    const result = await work(undefined)
    if (operation === 'get') await (result as BlobReader).cancel()
    throw this.#error(fault.failure, operation, key, 'unknown')
  }

  async #wait(operation: DriverOperation, key: string | undefined, signal: AbortSignal | undefined): Promise<void> {
    if (this.#delay === 0) return
    await new Promise<void>((resolve, reject) => {
      const abort = () => {
        this.#clock.clearTimeout(timer as never)
        const facts = { operation, driver: this.kind, key, outcome: 'unchanged', cause: signal?.reason } as const
        reject(new StorageError('ABORTED', `The ${operation} was aborted.`, facts))
      }
      const timer = this.#clock.setTimeout(() => {
        signal?.removeEventListener('abort', abort)
        resolve()
      }, this.#delay)
      const { unref } = Object(timer) as { unref?: unknown }
      if (typeof unref === 'function') unref.call(timer)
      if (signal?.aborted) abort()
      else signal?.addEventListener('abort', abort, { once: true })
    })
  }

  #error(failure: Failure, operation: string, key: string | undefined, outcome: 'unchanged' | 'unknown'): Error {
    return errorOf(failure, { operation, driver: this.kind, key, outcome })
  }
}

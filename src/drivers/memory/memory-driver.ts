import { discardBody, Intake, openReader } from '../../body/index.js'
import {
  type BlobBody,
  type BlobDriver,
  type BlobInfo,
  type BlobReader,
  type CopyOptions,
  checkAttributes,
  checkListOptions,
  checkRange,
  checkReadConditions,
  checkWriteConditions,
  checkWriteOptions,
  type DeleteOptions,
  type DeleteResult,
  type DriverCapabilities,
  type GetOptions,
  type HeadOptions,
  type ListEntry,
  type ListOptions,
  MAX_METADATA_BYTES,
  type PutOptions,
  resolveRange,
  type SignalOptions,
  type Visibility,
} from '../../driver/index.js'
import { isStorageError, StorageError } from '../../errors/index.js'
import { assertKey, compareKeys, MAX_KEY_BYTES, quoteKey } from '../../keys/index.js'
import { MemoryOutbox, type Outbox, type OutboxHost } from '../../outbox/index.js'
import { listEntries } from './listing.js'
import { aborted, copyVersion, detach, makeVersion, readVersion, showVersion, type Version } from './version.js'

export interface MemoryDriverOptions {
  /** Capabilities to switch off (or limits to lower), so that a test sees how an application copes. */
  readonly capabilities?: Partial<DriverCapabilities> | undefined
  /** Milliseconds since 1970, for `lastModified`; `Date.now` by default. */
  readonly clock?: (() => number) | undefined
  /** Where `publicUrl` points to. Without it there are no public URLs. */
  readonly publicBaseUrl?: string | undefined
}

/**
 * Blobs in the memory of this process: for tests, and for what may be gone at the next start. It keeps the whole
 * contract of {@link BlobDriver}; bytes are copied on their way in and on their way out.
 */
export class MemoryDriver implements BlobDriver, OutboxHost {
  readonly kind = 'memory'
  readonly capabilities: DriverCapabilities
  readonly #clock: () => number
  readonly #publicBaseUrl: string | undefined
  readonly #versions = new Map<string, Version>()
  readonly #outbox = new MemoryOutbox()
  /** The keys in order, made by the first list after a key came or went. */
  #sorted: readonly string[] | undefined
  #closed = false

  constructor(options: MemoryDriverOptions = {}) {
    this.#clock = options.clock ?? Date.now
    this.#publicBaseUrl = options.publicBaseUrl?.replace(/\/+$/, '')
    this.capabilities = {
      createOnly: true,
      conditionalUpdate: true,
      conditionalDelete: true,
      conditionalCopy: true,
      signedUrls: false,
      signedUploads: false,
      publicUrls: this.#publicBaseUrl !== undefined,
      visibility: true,
      maxKeyBytes: MAX_KEY_BYTES,
      maxMetadataBytes: MAX_METADATA_BYTES,
      ...options.capabilities,
    }
  }

  get storageTime(): Date {
    return new Date(this.#clock())
  }

  put(key: string, body: BlobBody, options: PutOptions = {}): Promise<BlobInfo> {
    return this.#run('put', key, undefined, async () => {
      checkWriteOptions(options, 'put')
      if (options.ifNoneMatch !== undefined) this.#need('createOnly', 'put')
      if (options.ifMatch !== undefined) this.#need('conditionalUpdate', 'put')
      if (options.visibility === 'public') this.#need('visibility', 'put')
      this.#checkKeyLength(key, 'put')
      const attributes = checkAttributes(key, options)
      this.#checkMetadataSize(attributes.metadata)
      const { maxSize: ours } = this.capabilities
      const maxSize = ours === undefined ? options.maxSize : Math.min(ours, options.maxSize ?? ours)
      const intake = new Intake(body, { ...options, maxSize, key })
      const chunks: Uint8Array[] = []
      // The chunk may be a buffer that its owner fills again.
      for await (const chunk of intake.read()) chunks.push(Uint8Array.from(chunk))
      const version = makeVersion(key, joined(chunks), attributes, this.#clock(), options.writeToken)
      if (options.signal?.aborted) throw aborted('put', key, options.signal)
      // From here on nothing waits, so that the condition is judged in the instant of the publish.
      this.#assertOpen('put')
      checkWriteConditions(key, this.#versions.get(key)?.info.etag, options, 'put')
      this.#publish(version)
      return detach(version.info)
    }).catch((error: unknown) => {
      discardBody(body)
      throw error
    })
  }

  get(key: string, options: GetOptions = {}): Promise<BlobReader> {
    return this.#run('get', key, options.signal, async () => {
      const { range, signal } = options
      if (range !== undefined) checkRange(range)
      const version = this.#find(key, 'get')
      checkReadConditions(version.info, options, 'get')
      const resolved = range === undefined ? undefined : resolveRange(range, version.info.size, key)
      const start = resolved?.start ?? 0
      const end = resolved === undefined ? version.info.size : resolved.end + 1
      return openReader(detach(version.info), readVersion(version, start, end, signal), resolved)
    })
  }

  head(key: string, options: HeadOptions = {}): Promise<BlobInfo> {
    return this.#run('head', key, options.signal, async () => {
      const { info } = this.#find(key, 'head')
      checkReadConditions(info, options, 'head')
      return detach(info)
    })
  }

  delete(key: string, options: DeleteOptions = {}): Promise<void> {
    return this.#run('delete', key, options.signal, async () => {
      checkWriteOptions(options, 'delete')
      if (options.ifMatch !== undefined) this.#need('conditionalDelete', 'delete')
      checkWriteConditions(key, this.#versions.get(key)?.info.etag, options, 'delete')
      this.#remove(key)
    })
  }

  deleteMany(keys: readonly string[], options: SignalOptions = {}): Promise<DeleteResult[]> {
    return this.#run('deleteMany', undefined, options.signal, async () => {
      const results: DeleteResult[] = []
      for (const key of keys) {
        try {
          await this.delete(key, options)
          results.push({ key })
        } catch (error) {
          results.push({ key, error: error as Error })
        }
      }
      return results
    })
  }

  async *list(options: ListOptions = {}): AsyncGenerator<ListEntry, void, undefined> {
    checkListOptions(options)
    this.#assertOpen('list')
    this.#sorted ??= [...this.#versions.keys()].sort(compareKeys)
    for (const entry of listEntries(this.#sorted, (key) => this.#versions.get(key), options)) {
      if (options.signal?.aborted) throw aborted('list', undefined, options.signal)
      yield entry
    }
  }

  copy(source: string, destination: string, options: CopyOptions = {}): Promise<BlobInfo> {
    return this.#transfer('copy', source, destination, options)
  }

  move(source: string, destination: string, options: CopyOptions = {}): Promise<BlobInfo> {
    return this.#transfer('move', source, destination, options)
  }

  /** `publicBaseUrl` and the key, each segment percent-encoded. NOT_SUPPORTED without a `publicBaseUrl`. */
  publicUrl(key: string): string {
    assertKey(key, 'publicUrl')
    this.#need('publicUrls', 'publicUrl')
    return `${this.#publicBaseUrl}/${key.split('/').map(encodeURIComponent).join('/')}`
  }

  setVisibility(key: string, visibility: Visibility, options: SignalOptions = {}): Promise<void> {
    return this.#run('setVisibility', key, options.signal, async () => {
      this.#need('visibility', 'setVisibility')
      checkAttributes(key, { visibility })
      this.#publish(showVersion(this.#find(key, 'setVisibility'), visibility))
    })
  }

  getVisibility(key: string, options: SignalOptions = {}): Promise<Visibility> {
    return this.#run('getVisibility', key, options.signal, async () => {
      this.#need('visibility', 'getVisibility')
      return this.#find(key, 'getVisibility').info.visibility ?? 'private'
    })
  }

  /** Holds what waits for another driver, in memory beside the blobs and as long as they. */
  createOutbox(): Outbox {
    return this.#outbox
  }

  /** Lets go of all blobs. */
  async close(): Promise<void> {
    this.#closed = true
    this.#versions.clear()
    this.#sorted = undefined
  }

  #transfer(operation: 'copy' | 'move', source: string, destination: string, options: CopyOptions): Promise<BlobInfo> {
    return this.#run(operation, source, options.signal, async () => {
      assertKey(destination, operation)
      checkWriteOptions(options, operation)
      if (options.ifNoneMatch !== undefined) this.#need('conditionalCopy', operation)
      this.#checkKeyLength(destination, operation)
      const version = this.#find(source, operation)
      checkWriteConditions(destination, this.#versions.get(destination)?.info.etag, options, operation)
      if (source === destination) return detach(version.info)
      const copied = copyVersion(version, destination, this.#clock(), options.writeToken)
      this.#publish(copied)
      if (operation === 'move') this.#remove(source)
      return detach(copied.info)
    })
  }

  #publish(version: Version): void {
    const { key } = version.info
    if (!this.#versions.has(key)) this.#sorted = undefined
    this.#versions.set(key, version)
  }

  #remove(key: string): void {
    if (this.#versions.delete(key)) this.#sorted = undefined
  }

  #find(key: string, operation: string): Version {
    const version = this.#versions.get(key)
    if (version !== undefined) return version
    throw new StorageError('NOT_FOUND', `There is no blob at ${quoteKey(key)}.`, { operation, outcome: 'unchanged' })
  }

  #need(capability: keyof DriverCapabilities, operation: string): void {
    if (this.capabilities[capability]) return
    throw new StorageError('NOT_SUPPORTED', `The memory driver has no ${capability}.`, {
      operation,
      driver: this.kind,
      outcome: 'unchanged',
    })
  }

  /** Only a limit that was lowered has anything to say here. */
  #checkKeyLength(key: string, operation: string): void {
    const { maxKeyBytes } = this.capabilities
    if (Buffer.byteLength(key) <= maxKeyBytes) return
    const message = `The key ${quoteKey(key)} has more than the ${maxKeyBytes} bytes that this driver takes.`
    throw new StorageError('INVALID_KEY', message, { operation, outcome: 'unchanged' })
  }

  #checkMetadataSize(metadata: Readonly<Record<string, string>>): void {
    const { maxMetadataBytes } = this.capabilities
    const bytes = Object.entries(metadata).reduce((sum, pair) => sum + Buffer.byteLength(pair.join('')), 0)
    if (bytes <= maxMetadataBytes) return
    const message = `The metadata has ${bytes} bytes, more than the ${maxMetadataBytes} that this driver takes.`
    throw new StorageError('INVALID_ARGUMENT', message, { operation: 'put', outcome: 'unchanged' })
  }

  #assertOpen(operation: string): void {
    if (!this.#closed) return
    throw new StorageError('CONFIGURATION', 'The memory driver was closed.', {
      operation,
      driver: this.kind,
      hint: 'Make a new MemoryDriver, or close this one later.',
      outcome: 'unchanged',
    })
  }

  /** What every call does around its own work: checks, and errors that say which driver and key they are about. */
  async #run<T>(
    operation: string,
    key: string | undefined,
    signal: AbortSignal | undefined,
    work: () => Promise<T>,
  ): Promise<T> {
    try {
      if (operation !== 'deleteMany') assertKey(key, operation)
      this.#assertOpen(operation)
      if (signal?.aborted) throw aborted(operation, key, signal)
      return await work()
    } catch (error) {
      if (!isStorageError(error))
        throw new StorageError('INTERNAL', `The ${operation} failed.`, { operation, key, cause: error })
      throw error.with({ driver: this.kind, operation, key: error.key ?? key })
    }
  }
}

function joined(chunks: readonly Uint8Array[]): Uint8Array {
  return chunks.length === 1 && chunks[0] !== undefined ? chunks[0] : Buffer.concat(chunks)
}

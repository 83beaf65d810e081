import { normalize } from 'node:path'
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
import { StorageError } from '../../errors/index.js'
import { assertKey, MAX_KEY_BYTES } from '../../keys/index.js'
import type { Outbox, OutboxHost } from '../../outbox/index.js'
import { Calls } from './calls.js'
import { closeRead, closeSoon } from './confinement.js'
import { listAreas } from './list.js'
import { OpenBody } from './open-body.js'
import type { FsDriverOptions } from './options.js'
import { assemble, type FsParts } from './parts.js'
import { type SweepResult, sweepAreas } from './sweep.js'

const DELETE_CONCURRENCY = 8

/**
 * Blobs as plain files below a directory. A plain key is the plain path, so that other tools find the files, and files
 * that other tools put there are blobs too. Every change is published by one rename of a file that is durable already.
 */
export class FsDriver implements BlobDriver, OutboxHost {
  readonly kind = 'fs'
  readonly description: string
  /** The root as configured, made absolute. */
  readonly localRoot: string
  /**
   * The file that now holds the blob, below the root or its mount as configured. Found and refused as `get` does; who
   * opens it later follows whatever symlink has taken its place since. Not there with a file system of your own (`fs`).
   */
  readonly localPath?: (key: string, options?: SignalOptions) => Promise<string>
  readonly capabilities: DriverCapabilities
  readonly #parts: FsParts
  readonly #publicBaseUrl: string | undefined
  readonly #calls = new Calls()

  /** Touches no disk. CONFIGURATION where the options cannot be meant. */
  constructor(options: FsDriverOptions) {
    this.#parts = assemble(options)
    this.#publicBaseUrl = options.publicBaseUrl
    this.description = `root ${this.#parts.root}`
    this.localRoot = this.#parts.root
    if (options.fs === undefined) this.localPath = (key, { signal } = {}) => this.#localPath(key, signal)
    const visibility = options.publicBaseUrl !== undefined
    this.capabilities = {
      createOnly: true,
      conditionalUpdate: true,
      conditionalDelete: true,
      conditionalCopy: true,
      signedUrls: false,
      signedUploads: false,
      publicUrls: visibility,
      visibility,
      maxKeyBytes: MAX_KEY_BYTES,
      maxMetadataBytes: MAX_METADATA_BYTES,
    }
  }

  async put(key: string, body: BlobBody, options: PutOptions = {}): Promise<BlobInfo> {
    try {
      return await this.#calls.run('put', key, options.signal, () => this.#put(key, body, options))
    } catch (error) {
      discardBody(body)
      throw error
    }
  }

  async #put(key: string, body: BlobBody, options: PutOptions): Promise<BlobInfo> {
    const attributes = checkAttributes(key, options)
    checkWriteOptions(options, 'put')
    if (attributes.visibility === 'public') this.#needVisibility('put')
    const { size, maxSize, sha256, signal, idleTimeout, onProgress, ifMatch, ifNoneMatch } = options
    const record = this.#parts.writer.needsRecord(key, attributes, sha256)
    const hashes = record ? (['sha256'] as const) : []
    const intake = new Intake(body, { key, size, maxSize, sha256, signal, idleTimeout, onProgress, hashes })
    return this.#parts.writer.write(key, intake, attributes, record, { operation: 'put', signal, ifMatch, ifNoneMatch })
  }

  get(key: string, options: GetOptions = {}): Promise<BlobReader> {
    return this.#calls.run('get', key, options.signal, async () => {
      if (options.range) checkRange(options.range)
      const { handle, info } = await this.#parts.lookup.open(key)
      try {
        checkReadConditions(info, options, 'get')
        const range = options.range && resolveRange(options.range, info.size, key)
        const { start, length } = range
          ? { start: range.start, length: range.end - range.start + 1 }
          : { start: 0, length: info.size }
        if (options.signal?.aborted) throw new StorageError('ABORTED', 'The get was aborted.')
        const body: OpenBody = new OpenBody(handle, {
          disk: this.#parts.disk,
          key,
          size: info.size,
          start,
          length,
          signal: options.signal,
          onClose: () => this.#calls.closed(body),
        })
        this.#calls.opened(body)
        return openReader(info, body, range)
      } catch (error) {
        await closeSoon(this.#parts.disk, handle, info.size)
        throw error
      }
    })
  }

  head(key: string, options: HeadOptions = {}): Promise<BlobInfo> {
    return this.#calls.run('head', key, options.signal, async () => {
      const { handle, info } = await this.#parts.lookup.open(key)
      await closeSoon(this.#parts.disk, handle, info.size)
      checkReadConditions(info, options, 'head')
      return info
    })
  }

  /** Asks the kernel for the names that the key may have; whatever has one of them is for `head` to judge. */
  async mayHave(key: string): Promise<boolean> {
    // What cannot be asked is for `head` to judge too.
    return this.#parts.lookup.mayHave(key).catch(() => true)
  }

  delete(key: string, options: DeleteOptions = {}): Promise<void> {
    return this.#calls.run('delete', key, options.signal, async () => {
      checkWriteOptions(options, 'delete')
      await this.#parts.writer.remove(key, { operation: 'delete', ifMatch: options.ifMatch, signal: options.signal })
    })
  }

  deleteMany(keys: readonly string[], options: SignalOptions = {}): Promise<DeleteResult[]> {
    return this.#calls.run('deleteMany', undefined, options.signal, async () => {
      const results: DeleteResult[] = []
      let next = 0
      const work = async () => {
        for (let i = next++; i < keys.length; i = next++) {
          const key = keys[i] as string
          results[i] = await this.#calls
            .attempt('delete', key, options.signal, () =>
              this.#parts.writer.remove(key, { operation: 'delete', ...options }),
            )
            .then(
              () => ({ key }),
              (error: Error) => ({ key, error }),
            )
        }
      }
      await Promise.all(Array.from({ length: Math.min(DELETE_CONCURRENCY, keys.length) }, work))
      return results
    })
  }

  async *list(options: ListOptions = {}): AsyncGenerator<ListEntry> {
    checkListOptions(options)
    const entries = listAreas(this.#parts, options)
    try {
      for (;;) {
        const { value } = await this.#calls.run('list', undefined, options.signal, () => entries.next())
        if (!value) return
        yield value
      }
    } finally {
      await entries.return(undefined)
    }
  }

  copy(source: string, destination: string, options: CopyOptions = {}): Promise<BlobInfo> {
    return this.#transferred('copy', source, destination, options)
  }

  /** Within one volume it is a rename, whatever the size. */
  move(source: string, destination: string, options: CopyOptions = {}): Promise<BlobInfo> {
    return this.#transferred('move', source, destination, options)
  }

  #transferred(
    operation: 'copy' | 'move',
    source: string,
    destination: string,
    options: CopyOptions,
  ): Promise<BlobInfo> {
    return this.#calls.run(operation, source, options.signal, async () => {
      assertKey(destination, operation)
      checkWriteOptions(options, operation)
      if (source !== destination) return this.#parts.transfer[operation](source, destination, options)
      const { handle, info } = await this.#parts.lookup.open(source)
      await closeRead(handle)
      checkWriteConditions(destination, info.etag, options, operation)
      return info
    })
  }

  /** The key below `publicBaseUrl`, each segment percent-encoded. NOT_SUPPORTED without that option. */
  publicUrl(key: string): string {
    assertKey(key, 'publicUrl')
    const base = this.#publicBaseUrl ?? this.#needVisibility('publicUrl')
    return `${base.replace(/\/+$/, '')}/${key.split('/').map(encodeURIComponent).join('/')}`
  }

  setVisibility(key: string, visibility: Visibility, options: SignalOptions = {}): Promise<void> {
    return this.#calls.run('setVisibility', key, options.signal, async () => {
      checkAttributes(key, { visibility })
      this.#needVisibility('setVisibility')
      await this.#parts.transfer.setVisibility(key, visibility, options.signal)
    })
  }

  getVisibility(key: string, options: SignalOptions = {}): Promise<Visibility> {
    return this.#calls.run('getVisibility', key, options.signal, async () => {
      this.#needVisibility('getVisibility')
      const { handle, info } = await this.#parts.lookup.open(key)
      await closeRead(handle)
      return info.visibility ?? 'private'
    })
  }

  /**
   * Removes what crashed processes left behind: unfinished bodies, locks, records without a blob. Never anything that a
   * living process may need, so that it may run at any time; it reads every directory.
   */
  sweep(options: SignalOptions = {}): Promise<SweepResult> {
    return this.#calls.run('sweep', undefined, options.signal, () =>
      sweepAreas(this.#parts.areas, this.#parts.directories, options.signal),
    )
  }

  /** The outbox beside the blobs, in the root's internal directory. Whoever opens it closes it. */
  createOutbox(): Outbox {
    return this.#parts.outbox
  }

  #localPath(key: string, signal: AbortSignal | undefined): Promise<string> {
    return this.#calls.run('localPath', key, signal, async () => {
      const { handle, file } = await this.#parts.lookup.open(key)
      await closeRead(handle)
      return normalize(file)
    })
  }

  /** Waits for the calls that run, and ends the reads that are open. Later calls reject with CONFIGURATION. */
  close(): Promise<void> {
    return this.#calls.close()
  }

  #needVisibility(operation: string): never | '' {
    if (this.#publicBaseUrl !== undefined) return ''
    throw new StorageError('NOT_SUPPORTED', `${operation}: this FsDriver has no public URL.`, {
      operation,
      driver: this.kind,
      hint: 'Give FsDriver a publicBaseUrl under which a web server serves the root.',
      outcome: 'unchanged',
    })
  }
}

import { join, resolve } from 'node:path'
import { discardBody, Intake, openReader } from '../../body/index.js'
import { diskFrom } from '../../disk/index.js'
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
import { FsOutbox, type Outbox, type OutboxHost } from '../../outbox/index.js'
import { type Area, Areas } from './area.js'
import { BodyStream } from './body-stream.js'
import { Calls } from './calls.js'
import { Confinement, closeRead } from './confinement.js'
import { Directories, pathOf } from './directories.js'
import { INTERNAL_DIRECTORY } from './internal-names.js'
import { listAreas } from './list.js'
import { KeyLocks } from './locks.js'
import { Lookup } from './lookup.js'
import { DEFAULT_PART_SIZE, type FsDriverOptions } from './options.js'
import { makeOwner } from './owner.js'
import { Publisher } from './publisher.js'
import { Records, versionOf } from './records.js'
import { Staging } from './staging.js'
import { type SweepResult, sweepAreas } from './sweep.js'
import { Transfer } from './transfer.js'
import { mayHaveRecord, modifiedAt, statEtag } from './version.js'
import type { WalkedBlob } from './walk.js'
import { Writer } from './writer.js'

const DELETE_CONCURRENCY = 8

/**
 * Blobs as plain files below a directory. A plain key is the plain path, so that other tools find the files, and files
 * that other tools put there are blobs too. Every change is published by one rename of a file that is durable already.
 */
export class FsDriver implements BlobDriver, OutboxHost {
  readonly kind = 'fs'
  readonly description: string
  readonly capabilities: DriverCapabilities
  readonly #root: string
  readonly #outbox: Outbox
  readonly #publicBaseUrl: string | undefined
  readonly #contentEtags: boolean
  readonly #areas: Areas
  readonly #confinement: Confinement
  readonly #directories: Directories
  readonly #records: Records
  readonly #lookup: Lookup
  readonly #publisher: Publisher
  readonly #writer: Writer
  readonly #transfer: Transfer
  readonly #calls = new Calls()

  /** Touches no disk. CONFIGURATION where the options cannot be meant. */
  constructor(options: FsDriverOptions) {
    const { root, durability = 'fsync', mounts = {}, allowRoots = [], publicBaseUrl, fileMode, dirMode } = options
    const disk = diskFrom(options.fs)
    const owner = makeOwner()
    this.#areas = new Areas(disk, root, mounts)
    this.#root = resolve(root)
    this.description = `root ${this.#root}`
    const directory = join(this.#root, INTERNAL_DIRECTORY, 'outbox')
    this.#outbox = new FsOutbox({ disk, directory, durability })
    this.#publicBaseUrl = publicBaseUrl
    this.#contentEtags = options.etag === 'content'
    this.#confinement = new Confinement(disk, allowRoots)
    this.#directories = new Directories(disk, this.#confinement, durability, dirMode)
    this.#records = new Records(disk, durability)
    const etagPartSize = this.#contentEtags ? (options.partSize ?? DEFAULT_PART_SIZE) : undefined
    const staging = new Staging(disk, owner, { durability, fileMode, etagPartSize })
    const locks = new KeyLocks(disk, owner)
    const visibility = publicBaseUrl !== undefined
    this.#lookup = new Lookup(this.#areas, this.#confinement, this.#directories, this.#records, visibility)
    const freshName = () => staging.freshName()
    this.#publisher = new Publisher(disk, durability, locks, this.#records, freshName)
    this.#writer = new Writer({
      areas: this.#areas,
      directories: this.#directories,
      locks,
      lookup: this.#lookup,
      publisher: this.#publisher,
      staging,
      alwaysRecord: this.#contentEtags,
    })
    this.#transfer = new Transfer(this.#lookup, this.#writer, this.#publisher, durability)
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
    const record = this.#writer.needsRecord(key, attributes, sha256)
    const hashes = record ? (['sha256'] as const) : []
    const intake = new Intake(body, { key, size, maxSize, sha256, signal, idleTimeout, onProgress, hashes })
    return this.#writer.write(key, intake, attributes, record, { operation: 'put', signal, ifMatch, ifNoneMatch })
  }

  get(key: string, options: GetOptions = {}): Promise<BlobReader> {
    return this.#calls.run('get', key, options.signal, async () => {
      if (options.range) checkRange(options.range)
      const { handle, info } = await this.#lookup.open(key)
      try {
        checkReadConditions(info, options, 'get')
        const range = options.range && resolveRange(options.range, info.size, key)
        const { start, length } = range
          ? { start: range.start, length: range.end - range.start + 1 }
          : { start: 0, length: info.size }
        if (options.signal?.aborted) throw new StorageError('ABORTED', 'The get was aborted.')
        const stream: BodyStream = new BodyStream(handle, {
          key,
          start,
          length,
          signal: options.signal,
          onClose: () => this.#calls.closed(stream),
        })
        this.#calls.opened(stream)
        return openReader(info, stream, range)
      } catch (error) {
        await closeRead(handle)
        throw error
      }
    })
  }

  head(key: string, options: HeadOptions = {}): Promise<BlobInfo> {
    return this.#calls.run('head', key, options.signal, async () => {
      const { handle, info } = await this.#lookup.open(key)
      await closeRead(handle)
      checkReadConditions(info, options, 'head')
      return info
    })
  }

  delete(key: string, options: DeleteOptions = {}): Promise<void> {
    return this.#calls.run('delete', key, options.signal, async () => {
      checkWriteOptions(options, 'delete')
      await this.#writer.remove(key, { operation: 'delete', ifMatch: options.ifMatch, signal: options.signal })
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
            .attempt('delete', key, options.signal, () => this.#writer.remove(key, { operation: 'delete', ...options }))
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
    const describe = (area: Area, blob: WalkedBlob) => this.#listed(area, blob)
    const entries = listAreas(this.#areas, this.#directories, describe, options)
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
      if (source !== destination) return this.#transfer[operation](source, destination, options)
      const { handle, info } = await this.#lookup.open(source)
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
      await this.#transfer.setVisibility(key, visibility, options.signal)
    })
  }

  getVisibility(key: string, options: SignalOptions = {}): Promise<Visibility> {
    return this.#calls.run('getVisibility', key, options.signal, async () => {
      this.#needVisibility('getVisibility')
      const { handle, info } = await this.#lookup.open(key)
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
      sweepAreas(this.#areas, this.#directories, options.signal),
    )
  }

  /** The outbox beside the blobs, in the root's internal directory. Whoever opens it closes it. */
  createOutbox(): Outbox {
    return this.#outbox
  }

  /** Waits for the calls that run, and ends the reads that are open. Later calls reject with CONFIGURATION. */
  close(): Promise<void> {
    return this.#calls.close()
  }

  async #listed(area: Area, { key, body, directory, name }: WalkedBlob): Promise<ListEntry> {
    let etag = statEtag(body, false)
    // One stat is all that a blob costs, but for those whose stamp cannot tell.
    if ((this.#contentEtags || etag.startsWith('W/')) && mayHaveRecord(body)) {
      const path = pathOf(await area.real(), directory)
      const version = versionOf(await this.#records.readAt(this.#confinement, path, name), body)
      etag = version?.etag ?? statEtag(body, version !== undefined)
    }
    return { type: 'blob', key, size: Number(body.size), etag, lastModified: modifiedAt(body) }
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

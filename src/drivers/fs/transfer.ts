import { Intake } from '../../body/index.js'
import { type Disk, type Durability, syncHandle, systemCode } from '../../disk/index.js'
import type { BlobInfo, CopyOptions, Visibility } from '../../driver/index.js'
import { isStorageError, StorageError } from '../../errors/index.js'
import { closeRead, notFound } from './confinement.js'
import type { Lookup, OpenBlob } from './lookup.js'
import { OpenBody } from './open-body.js'
import { aborted, type Change, type Current, halfDone, type Publisher, type Target } from './publisher.js'
import type { RecordedVersion } from './records.js'
import { identityOf, mayHaveRecord, nextStamp, sameBody, stampSeconds, timesOf } from './version.js'
import { closeTarget, type Writer } from './writer.js'

/** Copies, moves, and changes of attributes: what makes a version out of one that is there already. */
export class Transfer {
  readonly #disk: Disk
  readonly #lookup: Lookup
  readonly #writer: Writer
  readonly #publisher: Publisher
  readonly #durability: Durability

  constructor(disk: Disk, lookup: Lookup, writer: Writer, publisher: Publisher, durability: Durability) {
    this.#disk = disk
    this.#lookup = lookup
    this.#writer = writer
    this.#publisher = publisher
    this.#durability = durability
  }

  async copy(source: string, destination: string, options: CopyOptions): Promise<BlobInfo> {
    return (await this.#copy(source, destination, { ...options, operation: 'copy' })).info
  }

  async #copy(source: string, destination: string, change: Change) {
    const opened = await this.#lookup.open(source)
    const { handle, info, attributes, version } = opened
    const record = this.#writer.needsRecord(destination, attributes, version?.sha256)
    const { signal } = change
    const body = new OpenBody(handle, {
      disk: this.#disk,
      key: source,
      size: info.size,
      start: 0,
      length: info.size,
      signal,
      onClose() {},
    })
    const stream = body.stream()
    const intake = new Intake(stream, {
      key: destination,
      size: info.size,
      sha256: version?.sha256,
      idleTimeout: 0,
      signal,
      hashes: record ? ['sha256'] : [],
    })
    try {
      return { opened, info: await this.#writer.write(destination, intake, attributes, record, change) }
    } catch (error) {
      if (!isStorageError(error, 'CHECKSUM_MISMATCH')) throw error
      throw new StorageError('CORRUPT', 'The source does not have the sha256 that was recorded for it.', {
        key: source,
        outcome: 'unchanged',
        cause: error,
      })
    } finally {
      stream.destroy()
    }
  }

  async move(source: string, destination: string, options: CopyOptions): Promise<BlobInfo> {
    const change: Change = { ...options, operation: 'move' }
    for (let attempt = 0; attempt < 20; attempt++) {
      try {
        return await this.#rename(source, destination, change)
      } catch (error) {
        const code = systemCode(error)
        // Another volume, or a file of another user, whose time we may not set.
        if (code === 'EXDEV' || code === 'EPERM') return this.#copyAndRemove(source, destination, change)
        // Its directory was left empty by a delete and removed.
        if (code !== 'ENOENT') throw error
      }
    }
    throw new StorageError('UNAVAILABLE', 'The directory of the key kept being removed.', { outcome: 'unchanged' })
  }

  async #rename(source: string, destination: string, change: Change): Promise<BlobInfo> {
    await closeRead((await this.#lookup.open(source)).handle)
    const to = await this.#writer.openTarget(destination)
    let from: Target | undefined
    try {
      from = await this.#writer.findTarget(source)
      if (!from) throw notFound()
      const here = from
      const info = await this.#holdBoth(here, to, change, async () => this.#renameLocked(here, to, change))
      await this.#publisher.settle(to)
      await this.#publisher.settle(here)
      await this.#writer.prune(source)
      return info
    } catch (error) {
      await this.#writer.prune(destination)
      throw error
    } finally {
      await closeTarget(to)
      if (from) await closeTarget(from)
    }
  }

  async #renameLocked(from: Target, to: Target, change: Change): Promise<BlobInfo> {
    const current = await this.#publisher.current(from, false)
    if (!current) throw notFound()
    const replaced = await this.#publisher.current(to, true)
    this.#publisher.check(to.key, replaced, change)
    const opened = await this.#lookup.open(from.key)
    try {
      const version = await this.#carry(opened, to, replaced)
      if (change.signal?.aborted) throw aborted(change)
      await this.#publisher.place(to, current.target.directory.at(current.name), replaced, change)
      const recorded = mayHaveRecord(opened.body)
      // The source's record goes last: a rename that a crash undoes must find it.
      if (recorded) await this.#publisher.settle(to)
      await this.#publisher.clear(from, recorded).catch((error) => {
        throw halfDone('The blob moved, but an older file of its key could not be removed.', from, error)
      })
      return this.#lookup.describe(to.key, version?.body ?? opened.body, version)
    } finally {
      await closeRead(opened.handle)
    }
  }

  /** Lets the destination's record know the body, so that its attributes are there when it arrives. */
  async #carry(opened: OpenBlob, to: Target, replaced: Current | undefined): Promise<RecordedVersion | undefined> {
    const { handle, attributes, version } = opened
    if (!version && !this.#writer.needsRecord(to.key, attributes, undefined)) return undefined
    let body = opened.body
    if (!mayHaveRecord(body)) {
      await this.#stamp(opened, nextStamp(true))
      body = identityOf(await handle.stat({ bigint: true }))
    }
    const carried: RecordedVersion = { attributes, sha256: version?.sha256, etag: version?.etag, body }
    await this.#publisher.record(to, [carried], replaced)
    return carried
  }

  async #stamp({ handle }: OpenBlob, stamp: number): Promise<void> {
    await handle.utimes(stampSeconds(stamp), stampSeconds(stamp))
    if (this.#durability === 'fsync') await syncHandle(handle)
  }

  /** Both locks, always in the same order, so that two moves cannot wait for each other. */
  #holdBoth<T>(a: Target, b: Target, { signal }: Change, action: () => Promise<T>): Promise<T> {
    const id = ({ directory, name }: Target) => `${directory.path}/${name}`
    const [first, second] = id(a) < id(b) ? [a, b] : [b, a]
    return this.#publisher.hold(first, signal, () => this.#publisher.hold(second, signal, action))
  }

  async #copyAndRemove(source: string, destination: string, change: Change): Promise<BlobInfo> {
    for (let attempt = 0; attempt < 5; attempt++) {
      // Only the first may find the destination absent: later ones replace our own copy.
      const { opened, info } = await this.#copy(
        source,
        destination,
        attempt === 0 ? change : { ...change, ifNoneMatch: undefined },
      )
      if (await this.#removeCopied(source, opened, change)) return info
    }
    throw new StorageError('UNAVAILABLE', 'The source kept changing while it was moved.', { outcome: 'unknown' })
  }

  /** Removes the source if it is still what was copied. */
  async #removeCopied(source: string, copied: OpenBlob, { signal }: Change): Promise<boolean> {
    const target = await this.#writer.findTarget(source)
    if (!target) return true
    try {
      const removed = await this.#publisher.hold(target, signal, async () => {
        const current = await this.#publisher.current(target, false)
        if (current && !sameBody(current.body, copied.body)) return false
        await this.#publisher.clear(target)
        return true
      })
      await this.#publisher.settle(target)
      return removed
    } finally {
      await closeTarget(target)
      await this.#writer.prune(source)
    }
  }

  /** Changes an attribute in place: the record knows the new stamp first, then the body takes it. */
  async setVisibility(key: string, visibility: Visibility, signal: AbortSignal | undefined): Promise<void> {
    const target = await this.#writer.findTarget(key)
    if (!target) throw notFound()
    try {
      await this.#publisher.hold(target, signal, async () => {
        const current = await this.#publisher.current(target, true)
        if (!current) throw notFound()
        const opened = await this.#lookup.open(key)
        try {
          const stamp = nextStamp(true)
          const attributes = { ...opened.attributes, visibility }
          const next = (mtimeNs: bigint): RecordedVersion => ({
            ...opened.version,
            attributes,
            body: { ...opened.body, mtimeNs },
          })
          const expected = timesOf(stamp)
          await this.#publisher.record(current.target, expected.map(next), current)
          await this.#stamp(opened, stamp)
          const { mtimeNs } = await opened.handle.stat({ bigint: true })
          // A disk that keeps coarser times than microseconds.
          if (!expected.includes(mtimeNs)) await this.#publisher.record(current.target, [next(mtimeNs)], current)
        } finally {
          await closeRead(opened.handle)
        }
      })
    } finally {
      await closeTarget(target)
    }
  }
}

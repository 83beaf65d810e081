import { type Disk, type Durability, systemCode } from '../../disk/index.js'
import { checkWriteConditions, type WriteConditions } from '../../driver/index.js'
import { StorageError } from '../../errors/index.js'
import { candidates } from './area.js'
import { type OpenDirectory, special } from './confinement.js'
import type { KeyLocks } from './locks.js'
import { CLASH_SUFFIX } from './names.js'
import { type RecordedVersion, type Records, versionOf } from './records.js'
import type { StagedBody } from './staging.js'
import { type BodyIdentity, identityOf, mayHaveRecord, statEtag } from './version.js'

/** The place of a key, its directory open. */
export interface Target {
  readonly key: string
  readonly directory: OpenDirectory
  readonly name: string
  /** Where another program may have put the same key; see Area.rawPlace. Its directory is open too. */
  readonly raw?: Target | undefined
}

/** The file that holds a key's current version. */
export interface Current {
  readonly target: Target
  /** Its name: the target's, or with the clash suffix. */
  readonly name: string
  readonly body: BodyIdentity
  readonly versions: readonly RecordedVersion[]
}

export interface Change extends WriteConditions {
  readonly operation: string
  readonly signal?: AbortSignal | undefined
}

/** Checks and publishes, or removes, under the lock of the key: the one place where what readers see is changed. */
export class Publisher {
  readonly #disk: Disk
  readonly #durability: Durability
  readonly #locks: KeyLocks
  readonly #records: Records
  readonly #freshName: () => string

  constructor(disk: Disk, durability: Durability, locks: KeyLocks, records: Records, freshName: () => string) {
    this.#disk = disk
    this.#durability = durability
    this.#locks = locks
    this.#records = records
    this.#freshName = freshName
  }

  /** Runs `action` under the lock of the key, raw place included. */
  hold<T>(target: Target, signal: AbortSignal | undefined, action: () => Promise<T>): Promise<T> {
    const { raw } = target
    const inner = raw ? () => this.#locks.hold(raw.directory, raw.name, signal, action) : action
    return this.#locks.hold(target.directory, target.name, signal, inner)
  }

  /** The file that readers of the key find now. ACCESS_DENIED where it is no regular file. */
  async current(target: Target, withRecord: boolean): Promise<Current | undefined> {
    for (const name of candidates({ directory: [], name: target.name })) {
      const stat = await target.directory.lstat(name)
      if (stat === undefined || stat.isDirectory()) continue
      if (!stat.isFile()) throw special()
      const body = identityOf(stat)
      const look = withRecord && mayHaveRecord(body)
      const versions = look ? await this.#records.read(target.directory, target.name) : []
      return { target, name, body, versions }
    }
    return target.raw ? this.current(target.raw, withRecord) : undefined
  }

  etagOf({ body, versions }: Current): string {
    const version = versionOf(versions, body)
    return version?.etag ?? statEtag(body, version !== undefined)
  }

  /** Publishes what lies staged beside the target. Nothing is changed unless it resolves, or says `unknown`. */
  async publish(
    target: Target,
    { stage, closed }: Pick<StagedBody, 'stage' | 'closed'>,
    version: RecordedVersion | undefined,
    change: Change,
  ): Promise<void> {
    // Where nothing is decided by what is there, it is looked at while the lock is taken: it only tells what to tidy up.
    const decides = version !== undefined || change.ifMatch !== undefined || change.ifNoneMatch !== undefined
    const early = decides ? undefined : this.current(target, false)
    early?.catch(() => {})
    try {
      await this.hold(target, change.signal, async () => {
        const current = await (early ?? this.current(target, version !== undefined || change.ifMatch !== undefined))
        this.check(target.key, current, change)
        if (version) await this.record(target, [version], current)
        await closed
        if (change.signal?.aborted) throw aborted(change)
        await this.place(target, target.directory.at(stage), current, change)
      })
    } finally {
      // Also where the lock was not to be had: its path ends with the directory's handle.
      await early?.catch(() => {})
    }
    await this.settle(target)
  }

  /** Throws unless the conditions allow the change. */
  check(key: string, current: Current | undefined, change: Change): void {
    checkWriteConditions(key, current && this.etagOf(current), change, change.operation)
  }

  /** Remembers what the version that is about to be published may turn out to be, and still the one that it replaces. */
  async record(target: Target, next: readonly RecordedVersion[], current: Current | undefined): Promise<void> {
    const replaced = current?.target === target ? versionOf(current.versions, current.body) : undefined
    const versions = replaced ? [...next, replaced] : next
    await this.#records.write(target.directory, target.name, this.#freshName(), versions)
  }

  /** Gives the file at `from` the name of the target, and removes what that leaves hidden behind it. */
  async place(target: Target, from: string, current: Current | undefined, change: Change): Promise<void> {
    const { directory, name } = target
    const createOnly = change.ifNoneMatch !== undefined
    const isFile = current?.target === target && current.name === name
    const there = isFile ? undefined : await directory.lstat(name)
    let final = there?.isDirectory() ? `${name}${CLASH_SUFFIX}` : name
    try {
      await this.#give(from, directory.at(final), createOnly, change)
    } catch (error) {
      // A directory was made at the name in the meantime.
      if (final !== name || !['EISDIR', 'ENOTEMPTY'].includes(systemCode(error) ?? '')) throw error
      final = `${name}${CLASH_SUFFIX}`
      await this.#give(from, directory.at(final), createOnly, change)
    }
    if (current && (current.target !== target || current.name !== final)) {
      // Readers prefer the new one from here on: what cannot be removed is only hidden, and the sweep's affair.
      await current.target.directory.unlink(current.name).catch(() => {})
    }
  }

  async #give(from: string, to: string, createOnly: boolean, change: Change): Promise<void> {
    if (createOnly) {
      try {
        // Unlike rename it cannot replace what a program that knows nothing of our locks has just put there.
        await this.#disk.link(from, to)
        await this.#disk.unlink(from).catch(() => {})
        return
      } catch (error) {
        const code = systemCode(error)
        if (code === 'EEXIST') {
          throw new StorageError('ALREADY_EXISTS', 'The key exists already.', {
            operation: change.operation,
            outcome: 'unchanged',
            status: 412,
            cause: error,
          })
        }
        if (!['EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS', 'EMLINK', 'EXDEV'].includes(code ?? '')) throw error
      }
    }
    await this.#disk.rename(from, to)
  }

  /** Removes what readers find; false where there was nothing. */
  async remove(target: Target, change: Change): Promise<boolean> {
    const removal = async () => {
      const current = await this.current(target, change.ifMatch !== undefined)
      this.check(target.key, current, change)
      if (!current) return false
      if (change.signal?.aborted) throw aborted(change)
      await this.clear(target)
      return true
    }
    const removed = await this.hold(target, change.signal, removal).catch((error) => {
      // No room even for the lock: deleting is the way out, and without a condition there is nothing to race with.
      if (!['ENOSPC', 'EDQUOT'].includes(systemCode(error) ?? '') || change.ifMatch !== undefined) throw error
      return removal()
    })
    if (removed) await this.settle(target)
    return removed
  }

  /**
   * Unlinks every file of the key, the one that readers prefer last, so that no older one comes to light. `recorded`: a
   * body with a record has left already.
   */
  async clear(target: Target, recorded = false): Promise<void> {
    if (target.raw) await this.clear(target.raw)
    let hasRecord = recorded
    for (const name of [...candidates({ directory: [], name: target.name })].reverse()) {
      const stat = await target.directory.lstat(name)
      if (!stat?.isFile()) continue
      hasRecord ||= mayHaveRecord(identityOf(stat))
      await target.directory.unlink(name)
    }
    // No disk promises to keep two removals in order: a body that came back after a crash would lack its attributes.
    if (hasRecord) await this.settle(target)
    // Without its body a record says nothing.
    await this.#records.remove(target.directory, target.name).catch(() => {})
  }

  /** Makes what was published or removed durable. Fails with an outcome that is unknown: readers see it already. */
  async settle(target: Target): Promise<void> {
    if (this.#durability === 'none') return
    try {
      await target.directory.sync()
      await target.raw?.directory.sync()
    } catch (error) {
      throw halfDone('The change is visible, but the disk did not make it durable.', target, error)
    }
  }
}

/** A change of which readers see a part already. */
export function halfDone(message: string, { key }: Target, cause: unknown): StorageError {
  return new StorageError('UNAVAILABLE', message, { key, outcome: 'unknown', cause })
}

export function aborted({ operation, signal }: Change): StorageError {
  return new StorageError('ABORTED', `The ${operation} was aborted.`, {
    operation,
    outcome: 'unchanged',
    cause: signal?.reason,
  })
}

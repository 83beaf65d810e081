import type { Intake } from '../../body/index.js'
import { systemCode } from '../../disk/index.js'
import { type BlobInfo, type CheckedAttributes, checkWriteConditions } from '../../driver/index.js'
import { StorageError } from '../../errors/index.js'
import type { Area, Areas } from './area.js'
import type { Directories, MakeWay } from './directories.js'
import type { KeyLocks } from './locks.js'
import { type Lookup, plainAttributes } from './lookup.js'
import { CLASH_SUFFIX } from './names.js'
import type { Change, Publisher, Target } from './publisher.js'
import type { RecordedVersion } from './records.js'
import type { OpenStage, StagedBody, Staging } from './staging.js'
import { isCoarse } from './version.js'

export interface WriterParts {
  readonly areas: Areas
  readonly directories: Directories
  readonly locks: KeyLocks
  readonly lookup: Lookup
  readonly publisher: Publisher
  readonly staging: Staging
  /** Whether every blob gets a record, because etags are made from the content. */
  readonly alwaysRecord: boolean
}

/** How often a directory may vanish under a change before that gives up. */
const ATTEMPTS = 20

/** Whether there is something about the blob that its file and name do not tell. */
export function isWorthRecording(key: string, attributes: CheckedAttributes): boolean {
  const { visibility, contentType, metadata, ...headers } = attributes
  return (
    visibility === 'public' ||
    contentType !== plainAttributes(key).contentType ||
    Object.keys(metadata).length > 0 ||
    Object.values(headers).some((value) => value !== undefined)
  )
}

/** Carries a body from its intake to its key. */
export class Writer {
  readonly #parts: WriterParts
  readonly #marked = new Map<Area, Promise<void>>()

  constructor(parts: WriterParts) {
    this.#parts = parts
  }

  /** Whether a write of these attributes keeps a record; its body is hashed on the way then. */
  needsRecord(key: string, attributes: CheckedAttributes, sha256: string | undefined): boolean {
    return this.#parts.alwaysRecord || sha256 !== undefined || isWorthRecording(key, attributes)
  }

  /** Stages the body, then publishes it. The intake is read or released on every path. */
  async write(
    key: string,
    intake: Intake,
    attributes: CheckedAttributes,
    withRecord: boolean,
    change: Change,
  ): Promise<BlobInfo> {
    const { publisher, lookup } = this.#parts
    let target: Target
    let stage: OpenStage
    try {
      ;({ target, stage } = await this.#openStage(key))
    } catch (error) {
      intake.release()
      throw error
    }
    try {
      const staged = await stage.fill(intake, withRecord)
      const version = withRecord || isCoarse(staged.body) ? versionFrom(staged, attributes) : undefined
      try {
        await publisher.publish(target, staged, version, change)
      } catch (error) {
        await staged.closed.catch(() => {})
        await stage.discard()
        throw error
      }
      return lookup.describe(key, staged.body, version)
    } catch (error) {
      await this.prune(key)
      throw error
    } finally {
      await closeTarget(target)
    }
  }

  /** Removes the blob. One that does not exist is no error, unless a condition says so. */
  async remove(key: string, change: Change): Promise<void> {
    const { publisher } = this.#parts
    for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
      const target = await this.findTarget(key)
      if (!target) {
        checkWriteConditions(key, undefined, change, change.operation)
        return
      }
      let removed = false
      try {
        if (change.ifMatch === undefined && !(await publisher.current(target, false))) return
        removed = await publisher.remove(target, change)
        return
      } catch (error) {
        // Another process has just emptied the directory and removed it. There may be a new one.
        if (systemCode(error) !== 'ENOENT') throw error
      } finally {
        await closeTarget(target)
        if (removed) await this.prune(key)
      }
    }
    throw keptBeingRemoved()
  }

  /** Removes the directories of the key as far as they are empty. */
  async prune(key: string): Promise<void> {
    const area = this.#parts.areas.of(key)
    await this.#parts.directories.prune(area, (await area.place(key)).directory)
  }

  /** Opens the directory of the key for a change, and makes it where it is missing. */
  async openTarget(key: string): Promise<Target> {
    const { areas, directories } = this.#parts
    const area = areas.of(key)
    await this.#mark(area)
    const place = await area.place(key)
    const directory = await directories.make(area, place.directory, this.makeWay)
    return this.#withRaw(area, { key, directory, name: place.name }, place)
  }

  /** Opens the directory of the key for a removal; undefined where neither it nor another program's exists. */
  async findTarget(key: string): Promise<Target | undefined> {
    const { areas, directories } = this.#parts
    const area = areas.of(key)
    const place = await area.place(key)
    const directory = await openIfThere(directories, area, place.directory)
    if (directory) return this.#withRaw(area, { key, directory, name: place.name }, place)
    const raw = await area.rawPlace(key, place)
    const rawDirectory = raw && (await openIfThere(directories, area, raw.directory))
    return raw && rawDirectory && { key, directory: rawDirectory, name: raw.name }
  }

  async #withRaw(area: Area, target: Target, place: { readonly directory: readonly string[]; readonly name: string }) {
    try {
      const raw = await area.rawPlace(target.key, place)
      const directory = raw && (await openIfThere(this.#parts.directories, area, raw.directory))
      return raw && directory ? { ...target, raw: { key: target.key, directory, name: raw.name } } : target
    } catch (error) {
      await target.directory.close()
      throw error
    }
  }

  /** Moves the blob `name` aside, for a directory is to take its name. */
  readonly makeWay: MakeWay = (parent, name) =>
    this.#parts.locks.hold(parent, name, undefined, async () => {
      if ((await parent.lstat(name))?.isFile()) await parent.rename(name, `${name}${CLASH_SUFFIX}`)
    })

  async #openStage(key: string): Promise<{ readonly target: Target; readonly stage: OpenStage }> {
    for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
      const target = await this.openTarget(key)
      try {
        return { target, stage: await this.#parts.staging.open(target.directory) }
      } catch (error) {
        await closeTarget(target)
        // A delete that left the directory empty has just removed it.
        if (systemCode(error) !== 'ENOENT') throw error
      }
    }
    throw keptBeingRemoved()
  }

  #mark(area: Area): Promise<void> {
    const marked =
      this.#marked.get(area) ??
      this.#parts.directories.mark(area).catch((error) => {
        this.#marked.delete(area)
        throw error
      })
    this.#marked.set(area, marked)
    return marked
  }
}

function keptBeingRemoved(): StorageError {
  return new StorageError('UNAVAILABLE', 'The directory of the key kept being removed.', { outcome: 'unchanged' })
}

export async function closeTarget(target: Target): Promise<void> {
  await target.directory.close()
  await target.raw?.directory.close()
}

function versionFrom(staged: StagedBody, attributes: CheckedAttributes): RecordedVersion {
  const { body, digest, contentEtag } = staged
  return { body, attributes, sha256: digest.sha256, etag: contentEtag }
}

async function openIfThere(directories: Directories, area: Area, names: readonly string[]) {
  try {
    return await directories.open(area, names)
  } catch (error) {
    if (systemCode(error) === 'ENOENT' || systemCode(error) === 'ENOTDIR') return undefined
    throw error
  }
}

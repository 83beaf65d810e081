import { type Disk, type Durability, makeDirectories, syncDirectory, systemCode } from '../../disk/index.js'
import { StorageError } from '../../errors/index.js'
import type { Area } from './area.js'
import { type Confinement, type OpenDirectory, special } from './confinement.js'
import { INTERNAL_DIRECTORY } from './internal-names.js'

/** Moves the blob that is in the way of a directory aside; see CLASH_SUFFIX. */
export type MakeWay = (parent: OpenDirectory, name: string) => Promise<void>

/** Milliseconds within which whoever made a directory has made its entry durable. */
const YOUNG = 10_000

/** Opens the directories of blobs, and makes them on the way where a write needs them. */
export class Directories {
  readonly #disk: Disk
  readonly #confinement: Confinement
  readonly #durability: Durability
  readonly #mode: number | undefined
  /** Directories made here whose entry is not durable yet: nothing below them is durable before they are. */
  readonly #unsettled = new Map<string, Promise<void>>()
  /** Paths of directories made here, their entries durable, that were not opened yet. */
  readonly #made = new Set<string>()
  /** Young directories whose entries are durable. */
  readonly #durable = new Set<string>()

  constructor(disk: Disk, confinement: Confinement, durability: Durability, mode: number | undefined) {
    this.#disk = disk
    this.#confinement = confinement
    this.#durability = durability
    this.#mode = mode
  }

  /** The directory; undefined where there is none. */
  async open(area: Area, names: readonly string[]): Promise<OpenDirectory | undefined> {
    try {
      return await this.#confinement.openDirectory(pathOf(await area.real(), names))
    } catch (error) {
      const code = systemCode(error)
      if (code === 'ENOENT') return undefined
      if (code === 'ENOTDIR') {
        await this.#assertBase(area)
        return undefined
      }
      throw error
    }
  }

  /** The directory, made with its ancestors where it is missing; the new entries are durable. */
  async make(area: Area, names: readonly string[], makeWay: MakeWay): Promise<OpenDirectory> {
    const base = await this.#makeBase(area)
    const path = pathOf(base, names)
    const parent = names.slice(0, -1)
    for (let attempt = 0; attempt < 20; attempt++) {
      try {
        const directory = await this.#confinement.openDirectory(path)
        try {
          await this.#settled(base, names)
          await this.#assureEntry(area, names, directory)
        } catch (error) {
          await directory.close()
          throw error
        }
        return directory
      } catch (error) {
        const code = systemCode(error)
        if (code !== 'ENOENT' && code !== 'ENOTDIR') throw error
        if (names.length === 0) {
          if (code === 'ENOTDIR') throw noDirectory(error)
          area.forget()
          return this.make(area, names, makeWay)
        }
      }
      const above = await this.make(area, parent, makeWay)
      try {
        await this.#makeOne(above, path, names[names.length - 1] ?? '', makeWay)
      } finally {
        await above.close()
      }
    }
    throw new StorageError('UNAVAILABLE', 'The directory of the key kept being removed.', { outcome: 'unchanged' })
  }

  async #makeOne(above: OpenDirectory, path: string, name: string, makeWay: MakeWay): Promise<void> {
    const there = await above.lstat(name)
    if (there?.isFile()) await makeWay(above, name)
    try {
      await this.#disk.mkdir(above.at(name), this.#mode)
    } catch (error) {
      if (systemCode(error) !== 'EEXIST' && systemCode(error) !== 'ENOENT') throw error
      const now = await above.lstat(name)
      // A symlink that may be followed would have been opened.
      if (now && !now.isDirectory() && !now.isFile()) throw special(error)
    }
    if (this.#durability === 'none') return
    // Also where somebody else made it at the same time: their fsync may still be to come.
    const settling = above.sync()
    const settled = settling.then(
      () => {},
      () => {},
    )
    this.#unsettled.set(path, settling)
    settled.then(() => this.#unsettled.delete(path))
    await settling
    this.#made.add(path)
  }

  async #settled(base: string, names: readonly string[]): Promise<void> {
    if (this.#unsettled.size === 0) return
    for (let i = names.length; i > 0; i--) await this.#unsettled.get(pathOf(base, names.slice(0, i)))
  }

  /**
   * Another process may have made the directory and not have come to its fsync yet. Young directories are made durable
   * in their parents here too, once; old ones have had the time.
   */
  async #assureEntry(area: Area, names: readonly string[], directory: OpenDirectory): Promise<void> {
    if (this.#durability === 'none' || names.length === 0) return
    const { dev, ino, birthtimeMs } = await directory.stat()
    const id = `${dev}:${ino}`
    if (Date.now() - Number(birthtimeMs) > YOUNG || this.#durable.has(id)) return
    if (!this.#made.delete(directory.path)) {
      const parent = names.slice(0, -1)
      const above = await this.open(area, parent)
      if (above) {
        try {
          await above.sync()
          await this.#assureEntry(area, parent, above)
        } finally {
          await above.close()
        }
      }
    }
    if (this.#durable.size > 1000) this.#durable.clear()
    this.#durable.add(id)
  }

  async #makeBase(area: Area): Promise<string> {
    try {
      return await area.real()
    } catch (error) {
      if (systemCode(error) === 'ELOOP') throw noBase('is a symlink that leads round in a circle', error)
      if (systemCode(error) === 'ENOTDIR') throw noBase('lies below a file', error)
      if (systemCode(error) !== 'ENOENT') throw error
    }
    try {
      await makeDirectories(this.#disk, area.base, this.#durability, this.#mode)
    } catch (error) {
      if (systemCode(error) === 'ENOENT' || systemCode(error) === 'EEXIST') throw noBase('is a dangling symlink', error)
      if (systemCode(error) === 'ENOTDIR') throw noBase('lies below a file', error)
      throw error
    }
    return area.real()
  }

  /** Makes the mark by which later writes learn how this disk treats names. */
  async mark(area: Area): Promise<void> {
    const base = await this.#makeBase(area)
    const path = `${base}/${INTERNAL_DIRECTORY}`
    try {
      await this.#disk.mkdir(path, this.#mode)
      await syncDirectory(this.#disk, base, this.#durability)
    } catch (error) {
      if (systemCode(error) === 'ENOTDIR') throw noDirectory(error)
      if (systemCode(error) !== 'EEXIST') throw error
      const there = await this.#disk.lstat(path)
      if (!there.isDirectory()) throw noBase(`holds a ${INTERNAL_DIRECTORY} that is no directory`, error)
    }
  }

  /** Removes the directory and those above it, the base excepted, as far as they are empty. Never fails. */
  async prune(area: Area, names: readonly string[]): Promise<void> {
    for (let i = names.length; i > 0; i--) {
      try {
        const above = await this.open(area, names.slice(0, i - 1))
        if (!above) return
        try {
          await this.#disk.rmdir(above.at(names[i - 1] ?? ''))
        } finally {
          await above.close()
        }
      } catch {
        // Not empty, as nearly always; or gone already. An empty directory does no harm.
        return
      }
    }
  }

  async #assertBase(area: Area): Promise<void> {
    const stat = await this.#disk.stat(await area.real())
    if (!stat.isDirectory()) throw noDirectory()
  }
}

export function pathOf(base: string, names: readonly string[]): string {
  return names.length === 0 ? base : `${base === '/' ? '' : base}/${names.join('/')}`
}

function noDirectory(cause?: unknown): StorageError {
  return noBase('is a file, not a directory', cause)
}

function noBase(problem: string, cause?: unknown): StorageError {
  return new StorageError('CONFIGURATION', `The root or mount of the key ${problem}.`, {
    hint: 'Point root and mounts of FsDriver at directories.',
    outcome: 'unchanged',
    ...(cause === undefined ? {} : { cause }),
  })
}

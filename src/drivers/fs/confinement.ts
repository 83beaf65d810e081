import { type BigIntStats, constants } from 'node:fs'
import type { Disk, DiskHandle } from '../../disk/index.js'
import { SharedSync, systemCode } from '../../disk/index.js'
import { StorageError } from '../../errors/index.js'

const { O_RDONLY, O_NOFOLLOW = 0, O_NONBLOCK = 0, O_DIRECTORY = 0 } = constants

/** What was opened has moved away from its path meanwhile: looking again may find it. */
export class MovedError extends Error {
  override readonly name = 'MovedError'
}

/**
 * Opens files and directories so that no symlink leads outside. What was opened is asked for its own path: on Linux by
 * its link in /proc, which no other process can forge or race; elsewhere by looking at the path before and after.
 * A symlink on the way is followed only if what it leads to lies in one of `allowRoots`.
 */
export class Confinement {
  readonly #disk: Disk
  readonly #allowRoots: readonly string[]
  readonly #syncs = new SharedSync()
  #allowed: Promise<readonly string[]> | undefined
  #links: boolean | undefined

  constructor(disk: Disk, allowRoots: readonly string[]) {
    this.#disk = disk
    this.#allowRoots = allowRoots
    if (process.platform !== 'linux') this.#links = false
  }

  /** Whether there are roots that symlinks may lead to. */
  get followsLinks(): boolean {
    return this.#allowRoots.length > 0
  }

  /** Opens a regular file for reading, and tells what it is. Its `real` path is `path` unless a symlink was allowed. */
  async openFile(path: string): Promise<{ readonly handle: DiskHandle; readonly stat: BigIntStats }> {
    // Without O_NONBLOCK the open of a FIFO waits for a writer.
    let handle: DiskHandle
    try {
      handle = await this.#disk.open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK)
    } catch (error) {
      throw ['ELOOP', 'ENXIO', 'EMLINK'].includes(systemCode(error) ?? '') ? special(error) : error
    }
    try {
      const verified = this.#verify(handle, path)
      if (verified !== true) await verified
      const told = this.#disk.handleStat(handle)
      const stat = told instanceof Promise ? await told : told
      if (stat.isDirectory()) throw notFound()
      if (!stat.isFile()) throw special()
      return { handle, stat }
    } catch (error) {
      await handle.close().catch(() => {})
      throw error
    }
  }

  /** What lies at `path`, symlinks not followed; undefined where nothing does. Good for a look, not for a decision. */
  async lstat(path: string): Promise<BigIntStats | undefined> {
    try {
      return await this.#disk.lstat(path)
    } catch (error) {
      if (systemCode(error) === 'ENOENT' || systemCode(error) === 'ENOTDIR') return undefined
      throw error
    }
  }

  /** Opens a directory; names in it are then reached through the handle, wherever its path leads by then. */
  async openDirectory(path: string): Promise<OpenDirectory> {
    const handle = await this.#disk.open(path, O_RDONLY | O_DIRECTORY | O_NONBLOCK)
    try {
      const links = await this.#verify(handle, path)
      const via = links ? `/proc/self/fd/${handle.fd}` : path
      return new OpenDirectory(this.#disk, handle, path, via, this, this.#syncs)
    } catch (error) {
      await handle.close().catch(() => {})
      throw error
    }
  }

  /**
   * Throws unless the handle is what lies at `path`, or lies in an allowed root. Answers whether /proc told so, at once
   * where it did and nothing stands out.
   */
  #verify(handle: DiskHandle, path: string): true | Promise<boolean> {
    const link = this.#linkOf(handle)
    return link === path || this.#verifyLink(handle, path, link)
  }

  async #verifyLink(
    handle: DiskHandle,
    path: string,
    told: string | undefined | Promise<string | undefined>,
  ): Promise<boolean> {
    const link = await told
    if (link !== undefined) {
      if (link === path || link === `${path} (deleted)`) return true
      await this.#judge(link, path)
      return true
    }
    const real = await this.#disk.realpath(path)
    if (real !== path) await this.#judge(real, path)
    const [opened, named] = [await handle.stat({ bigint: true }), await this.#disk.lstat(real)]
    if (opened.ino !== named.ino) throw new MovedError('The path names another file than the one opened.')
    return false
  }

  #linkOf(handle: DiskHandle): string | undefined | Promise<string | undefined> {
    if (this.#links === false) return undefined
    try {
      const link = this.#disk.handlePath(handle)
      if (link instanceof Promise)
        return link.then(
          (path) => this.#told(path),
          (error) => this.#untold(error),
        )
      return this.#told(link)
    } catch (error) {
      return this.#untold(error)
    }
  }

  #told(link: string): string {
    this.#links = true
    return link
  }

  #untold(error: unknown): undefined {
    // No /proc here, or a file system in memory.
    if (this.#links || systemCode(error) !== 'ENOENT') throw error
    this.#links = false
  }

  async #judge(real: string, path: string): Promise<void> {
    this.#allowed ??= Promise.all(this.#allowRoots.map((root) => this.#disk.realpath(root).catch(() => root)))
    for (const root of await this.#allowed) {
      if (real === root || real.startsWith(root.endsWith('/') ? root : `${root}/`)) return
    }
    const now = await this.#disk.realpath(path)
    if (now === path) throw new MovedError('The file moved while it was opened.')
    throw new StorageError('ACCESS_DENIED', 'A symlink leads outside the storage.', {
      hint: 'Only symlinks to directories within allowRoots are followed.',
      outcome: 'unchanged',
    })
  }
}

export interface DirectoryEntry {
  readonly name: string
  readonly directory: boolean
  /** Neither a file nor a directory, or the file system does not say in a listing. */
  readonly unknown: boolean
}

/** An open, verified directory. */
export class OpenDirectory {
  readonly path: string
  readonly #disk: Disk
  readonly #handle: DiskHandle
  readonly #via: string
  readonly #confinement: Confinement
  readonly #syncs: SharedSync

  constructor(disk: Disk, handle: DiskHandle, path: string, via: string, confinement: Confinement, syncs: SharedSync) {
    this.#confinement = confinement
    this.#syncs = syncs
    this.#disk = disk
    this.#handle = handle
    this.path = path
    this.#via = via
  }

  /** A path to `name` in this very directory, for one system call. */
  at(name: string): string {
    return `${this.#via}/${name}`
  }

  /** What this directory is, wherever it lies by now. */
  async stat(): Promise<BigIntStats> {
    return this.#disk.handleStat(this.#handle)
  }

  /** What `name` is, symlinks not followed; undefined where nothing has that name. */
  async lstat(name: string): Promise<BigIntStats | undefined> {
    try {
      return await this.#disk.lstat(this.at(name))
    } catch (error) {
      if (systemCode(error) === 'ENOENT') return undefined
      throw error
    }
  }

  /** The names in it, unordered. */
  async names(): Promise<readonly DirectoryEntry[]> {
    const entries = await this.#disk.readdir(this.#via)
    return entries.map((entry) => ({
      name: String(entry.name),
      directory: entry.isDirectory(),
      unknown: !entry.isFile() && !entry.isDirectory(),
    }))
  }

  /** The target of the symlink `name`; undefined where there is none. */
  async readlink(name: string): Promise<string | undefined> {
    try {
      return await this.#disk.readlink(this.at(name))
    } catch (error) {
      if (systemCode(error) === 'ENOENT' || systemCode(error) === 'EINVAL') return undefined
      throw error
    }
  }

  /** Whether the symlink `name` leads to a directory that may be entered. */
  async allowsLink(name: string): Promise<boolean> {
    if (!this.#confinement.followsLinks) return false
    try {
      await (await this.#confinement.openDirectory(`${this.path}/${name}`)).close()
      return true
    } catch {
      return false
    }
  }

  /** Removes `name`; false where nothing had that name. */
  async unlink(name: string): Promise<boolean> {
    try {
      await this.#disk.unlink(this.at(name))
      return true
    } catch (error) {
      if (systemCode(error) === 'ENOENT') return false
      throw error
    }
  }

  /** Renames within the directory. */
  rename(from: string, to: string): Promise<void> {
    return this.#disk.rename(this.at(from), this.at(to))
  }

  /** Makes the entries that it has now durable. Some file systems have no fsync for directories and say EINVAL. */
  async sync(): Promise<void> {
    try {
      // Not by its path: another directory may have that by now.
      const { dev, ino } = await this.stat()
      await this.#syncs.sync(`${dev}:${ino}`, this.#handle)
    } catch (error) {
      if (systemCode(error) !== 'EINVAL') throw error
    }
  }

  /** Never fails: nothing was written through the handle, and it is gone whatever close says. */
  async close(): Promise<void> {
    try {
      await this.#disk.closeUnwritten(this.#handle)
    } catch {
      // See above.
    }
  }
}

/** Closes a handle that was only read from; see OpenDirectory.close. */
export async function closeRead(handle: DiskHandle): Promise<void> {
  await handle.close().catch(() => {})
}

/** Bytes up to which a file that was deleted while this was its last handle is freed at once. */
const SMALL = 128 * 1024

/**
 * As {@link closeRead}, of a file of `size` bytes, and without a trip to the thread pool where the kernel has nothing to do: the
 * trip costs ten times the call.
 */
export async function closeSoon(disk: Disk, handle: DiskHandle, size: number): Promise<void> {
  if (size > SMALL) return closeRead(handle)
  try {
    const closing = disk.closeUnwritten(handle)
    if (closing) await closing
  } catch {
    // As in OpenDirectory.close.
  }
}

export function notFound(cause?: unknown): StorageError {
  return new StorageError('NOT_FOUND', 'There is no such blob.', cause === undefined ? {} : { cause })
}

export function special(cause?: unknown): StorageError {
  return new StorageError('ACCESS_DENIED', 'What lies at the key is no regular file.', {
    hint: 'A symlink, FIFO, socket or device has the name of this blob; it is neither followed nor opened.',
    outcome: 'unchanged',
    ...(cause === undefined ? {} : { cause }),
  })
}

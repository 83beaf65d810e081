import { join } from 'node:path'
import {
  type Disk,
  type Durability,
  diskError,
  fsyncDirectory,
  LockFiles,
  makeDirectories,
  makeOwner,
  SharedSync,
  syncHandle,
  systemCode,
  writeFully,
} from '../disk/index.js'
import { StorageError, type StorageErrorOptions } from '../errors/index.js'
import { isId, newId } from './token.js'

/** Options of {@link FsOutbox}. */
export interface FsOutboxOptions {
  readonly disk: Disk
  /** Where everything lives; made on first use with mode 0700. Nothing else may write there. */
  readonly directory: string
  readonly durability: Durability
}

/** Milliseconds for which a lock of another boot, host or container must stay as it is before it counts as dead. */
const LEASE = 10_000

/**
 * The outbox on disk: `records/` (one file per pending change), `bodies/` (immutable, named by token), `rejected/`
 * (records set aside), `conflicts/`, `owners/` (which process has the outbox open), `locks/` (one per key that is
 * just being changed), `claims/` (one per key of which something is just carried out), `marks/` (what happened once), `changes`
 * (news for the other processes) and `id` (names the outbox in its tokens).
 */
export class OutboxFolder {
  readonly disk: Disk
  readonly durability: Durability
  readonly directory: string
  readonly records: string
  readonly bodies: string
  readonly rejected: string
  readonly conflicts: string
  readonly owners: string
  readonly locks: string
  readonly claims: string
  readonly marks: string
  readonly changes: string
  /** Signs what is to be known as this process's. */
  readonly signatures: LockFiles
  /** Names this process, as long as it has the outbox open, in the tokens that it takes. */
  readonly owner = newId()
  readonly #syncs = new SharedSync()
  #made: Promise<void> | undefined
  #id: string | undefined

  constructor({ disk, directory, durability }: FsOutboxOptions) {
    this.disk = disk
    this.directory = directory
    this.durability = durability
    this.signatures = new LockFiles({ disk, owner: makeOwner(), lease: LEASE })
    this.records = join(directory, 'records')
    this.bodies = join(directory, 'bodies')
    this.rejected = join(directory, 'rejected')
    this.conflicts = join(directory, 'conflicts')
    this.owners = join(directory, 'owners')
    this.locks = join(directory, 'locks')
    this.claims = join(directory, 'claims')
    this.marks = join(directory, 'marks')
    this.changes = join(directory, 'changes')
  }

  /** Names this outbox for as long as it exists; undefined before it was made or found. */
  get id(): string | undefined {
    return this.#id
  }

  /** Makes the folders and says who works in them, once, before the first file is made. */
  make(): Promise<void> {
    this.#made ??= this.#make().catch((error) => {
      this.#made = undefined
      throw error
    })
    return this.#made
  }

  /** Looks for the outbox's name without making anything. */
  async readId(): Promise<void> {
    const text = await readSmall(this.disk, join(this.directory, 'id'))
    if (text !== undefined && isId(text)) this.#id = text
  }

  /** Makes the entries of a folder durable, together with whoever asks at the same time. */
  async sync(path: string): Promise<void> {
    if (this.durability === 'none') return
    await this.#syncs.sync(path, { sync: () => fsyncDirectory(this.disk, path) })
  }

  /** Publishes a whole file: durable, then under its name, then the name durable. */
  async writeFile(folder: string, name: string, bytes: Uint8Array, temporary = `.${name}.tmp`): Promise<void> {
    const { disk, durability } = this
    const [from, to] = [join(folder, temporary), join(folder, name)]
    let named = false
    try {
      const handle = await disk.open(from, 'wx', 0o600)
      try {
        await writeFully(handle, bytes)
        if (durability === 'fsync') await syncHandle(handle)
      } finally {
        await handle.close()
      }
      await disk.rename(from, to)
      named = true
      await this.sync(folder)
    } catch (error) {
      // What was refused must not come back with the next start.
      if (!named) {
        await unlinkIfThere(disk, from).catch(() => {})
        throw error
      }
      try {
        await unlinkIfThere(disk, to)
        await this.sync(folder)
      } catch {
        throw outboxError(error, 'Writing to the outbox').with({ outcome: 'unknown' })
      }
      throw error
    }
  }

  /** Says that this process holds nothing unfinished any more. */
  async leave(): Promise<void> {
    if (this.#made === undefined) return
    this.#made = undefined
    await unlinkIfThere(this.disk, join(this.owners, this.owner))
  }

  async #make(): Promise<void> {
    const { disk, durability } = this
    const folders = [this.directory, this.records, this.bodies, this.owners, this.locks, this.claims]
    for (const path of folders) await makeDirectories(disk, path, durability, 0o700)
    await this.#makeId()
    // Not synced: after a power failure no process is left that it could speak for.
    await this.signatures.tryTake(join(this.owners, this.owner))
  }

  /** Of several processes that come at once one names the outbox: link, unlike rename, gives way to who was first. */
  async #makeId(): Promise<void> {
    await this.readId()
    if (this.#id !== undefined) return
    const { disk, durability } = this
    const path = join(this.directory, 'id')
    const temporary = join(this.directory, `.id.${this.owner}.tmp`)
    const handle = await disk.open(temporary, 'w', 0o600)
    try {
      await writeFully(handle, Buffer.from(newId()))
      if (durability === 'fsync') await syncHandle(handle)
    } finally {
      await handle.close()
    }
    try {
      await disk.link(temporary, path)
    } catch (error) {
      const code = systemCode(error) ?? ''
      if (code !== 'EEXIST' && !['EPERM', 'ENOSYS', 'ENOTSUP', 'EOPNOTSUPP'].includes(code)) throw error
      await this.readId()
      // No hard links here, or a name that a crash tore.
      if (this.#id === undefined) await disk.rename(temporary, path)
    } finally {
      await unlinkIfThere(disk, temporary)
    }
    await this.sync(this.directory)
    await this.readId()
  }
}

/** The files of a folder; none where the folder is not there yet. */
export async function namesIn(disk: Disk, path: string): Promise<string[]> {
  return (await entriesIn(disk, path)).filter((entry) => entry.isFile()).map(({ name }) => name)
}

/** The symlinks of a folder, or what stands for them on a disk without. */
export async function linksIn(disk: Disk, path: string): Promise<string[]> {
  return (await entriesIn(disk, path)).filter((entry) => !entry.isDirectory()).map(({ name }) => name)
}

async function entriesIn(disk: Disk, path: string) {
  try {
    return await disk.readdir(path)
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return []
    throw error
  }
}

/** A file of at most 4 KiB; undefined where there is none. */
export async function readSmall(disk: Disk, path: string): Promise<string | undefined> {
  try {
    const handle = await disk.open(path, 'r')
    try {
      const buffer = Buffer.alloc(4096)
      const { bytesRead } = await handle.read(buffer, 0, buffer.byteLength, 0)
      return buffer.toString('utf8', 0, bytesRead)
    } finally {
      await handle.close()
    }
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return undefined
    throw error
  }
}

/** Removes a file that may be gone already. */
export async function unlinkIfThere(disk: Disk, path: string): Promise<void> {
  try {
    await disk.unlink(path)
  } catch (error) {
    if (systemCode(error) !== 'ENOENT') throw error
  }
}

/**
 * A failed system call of the outbox. What would say something about a key anywhere else says something about the
 * outbox's own folder here.
 */
export function outboxError(
  error: unknown,
  doing: string,
  facts: Omit<StorageErrorOptions, 'cause'> = {},
): StorageError {
  const failure = diskError(error, doing, facts)
  if (failure === error) return failure
  switch (failure.code) {
    case 'NOT_FOUND':
    case 'ALREADY_EXISTS':
    case 'INVALID_KEY':
      return new StorageError('CONFIGURATION', failure.message, {
        ...facts,
        hint: 'The folder of the outbox is not as the outbox made it: see cause.',
        cause: error,
      })
    default:
      return failure
  }
}

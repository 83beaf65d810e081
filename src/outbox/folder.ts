import { randomBytes } from 'node:crypto'
import { join } from 'node:path'
import {
  type Disk,
  type Durability,
  diskError,
  makeDirectories,
  makeOwner,
  systemCode,
  writeFully,
} from '../disk/index.js'
import { StorageError, type StorageErrorOptions } from '../errors/index.js'

/** Options of {@link FsOutbox}. */
export interface FsOutboxOptions {
  readonly disk: Disk
  /** Where everything lives; made on first use with mode 0700. Nothing else may write there. */
  readonly directory: string
  readonly durability: Durability
}

/**
 * The outbox on disk: `records/` (one file per pending write), `bodies/` (immutable, named by token), `rejected/`
 * (records set aside), `owners/` (which process holds unfinished bodies) and `marks/`
 * (what happened once).
 */
export class OutboxFolder {
  readonly disk: Disk
  readonly durability: Durability
  readonly records: string
  readonly bodies: string
  readonly rejected: string
  readonly owners: string
  readonly marks: string
  readonly directory: string
  /** Names this outbox in the bodies that it has not finished. */
  readonly owner = randomBytes(8).toString('hex')
  #made: Promise<void> | undefined

  constructor({ disk, directory, durability }: FsOutboxOptions) {
    this.disk = disk
    this.directory = directory
    this.durability = durability
    this.records = join(directory, 'records')
    this.bodies = join(directory, 'bodies')
    this.rejected = join(directory, 'rejected')
    this.owners = join(directory, 'owners')
    this.marks = join(directory, 'marks')
  }

  /** Makes the folders and says who works in them, once, before the first file is made. */
  make(): Promise<void> {
    this.#made ??= this.#make().catch((error) => {
      this.#made = undefined
      throw error
    })
    return this.#made
  }

  /** Says that this process holds nothing unfinished any more. */
  async leave(): Promise<void> {
    if (this.#made === undefined) return
    this.#made = undefined
    await unlinkIfThere(this.disk, join(this.owners, this.owner))
  }

  async #make(): Promise<void> {
    const { disk, durability } = this
    for (const path of [this.directory, this.records, this.bodies, this.owners]) {
      await makeDirectories(disk, path, durability, 0o700)
    }
    // Not synced: after a power failure no process is left that it could speak for.
    const handle = await disk.open(join(this.owners, this.owner), 'w', 0o600)
    try {
      await writeFully(handle, Buffer.from(makeOwner()))
    } finally {
      await handle.close()
    }
  }
}

/** The files of a folder; none where the folder is not there yet. */
export async function namesIn(disk: Disk, path: string): Promise<string[]> {
  try {
    return (await disk.readdir(path)).filter((entry) => entry.isFile()).map(({ name }) => name)
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return []
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

import { constants } from 'node:fs'
import type { Intake, IntakeDigest } from '../../body/index.js'
import { type Disk, type DiskHandle, type Durability, syncHandle, writeFully } from '../../disk/index.js'
import type { OpenDirectory } from './confinement.js'
import { stageName } from './internal-names.js'
import { PartsEtag } from './parts-etag.js'
import { type BodyIdentity, identityOf, nextStamp, stampSeconds } from './version.js'

const { O_WRONLY, O_CREAT, O_EXCL, O_NOFOLLOW = 0 } = constants

/** A body, whole and durable under a hidden name beside its destination; publishing it is one rename. */
export interface StagedBody {
  readonly stage: string
  readonly body: BodyIdentity
  /** The close of the file, under way: publish nothing before it has resolved. Its failure must be waited for. */
  readonly closed: Promise<void>
  readonly digest: IntakeDigest
  /** Set where etags are made from the content. */
  readonly contentEtag?: string | undefined
}

export interface StagingOptions {
  readonly durability: Durability
  readonly fileMode?: number | undefined
  /** Bytes of a part, where etags are made from the content as S3 makes them. */
  readonly etagPartSize?: number | undefined
}

/** Writes bodies beside their destination. What fails leaves nothing behind. */
export class Staging {
  readonly #disk: Disk
  readonly #owner: string
  readonly #options: StagingOptions
  #serial = 0

  constructor(disk: Disk, owner: string, options: StagingOptions) {
    this.#disk = disk
    this.#owner = owner
    this.#options = options
  }

  /** A name in a directory of blobs that no key has, and that sweep gives back to the disk once we are dead. */
  freshName(): string {
    return stageName(this.#owner, ++this.#serial)
  }

  /** Creates the staged file. ENOENT if the directory was removed meanwhile. */
  async open(directory: OpenDirectory): Promise<OpenStage> {
    const stage = this.freshName()
    // The mode goes through the umask and the directory's default ACL, unless an exact one is asked for.
    const mode = this.#options.fileMode ?? 0o666
    const handle = await this.#disk.open(directory.at(stage), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, mode)
    return new OpenStage(this.#disk, directory, stage, handle, this.#options)
  }
}

/** A staged file that is being written. */
export class OpenStage {
  readonly name: string
  readonly #disk: Disk
  readonly #directory: OpenDirectory
  readonly #handle: DiskHandle
  readonly #options: StagingOptions
  #closed = false

  constructor(disk: Disk, directory: OpenDirectory, name: string, handle: DiskHandle, options: StagingOptions) {
    this.#disk = disk
    this.#directory = directory
    this.name = name
    this.#handle = handle
    this.#options = options
  }

  /** Takes the whole body, checked, and makes it durable. On failure the file is gone. */
  async fill(intake: Intake, withRecord: boolean): Promise<StagedBody> {
    const { durability, fileMode, etagPartSize } = this.#options
    const handle = this.#handle
    const etag = etagPartSize === undefined ? undefined : new PartsEtag(etagPartSize)
    try {
      if (fileMode !== undefined) await handle.chmod(fileMode)
      const whole = intake.take()
      if (whole) {
        etag?.update(whole)
        await writeFully(handle, whole)
      } else {
        for await (const chunk of intake.read()) {
          etag?.update(chunk)
          await writeFully(handle, chunk)
        }
      }
      // Stamped before the fsync: the stamp is what binds the attributes, and must be as durable as the body.
      const seconds = stampSeconds(nextStamp(withRecord))
      await handle.utimes(seconds, seconds)
      // A failed fsync is never tried again: the kernel has dropped the pages by then, and would say yes.
      if (durability === 'fsync') await syncHandle(handle)
      const body = identityOf(await this.#disk.handleStat(handle))
      this.#closed = true
      const closed = handle.close()
      // Reported by whoever waits for it, however late that is.
      closed.catch(() => {})
      return { stage: this.name, body, closed, digest: intake.digest, contentEtag: etag?.digest() }
    } catch (error) {
      await this.discard()
      throw error
    }
  }

  /** Gives the file up. What cannot be removed is left to the sweep. */
  async discard(): Promise<void> {
    if (!this.#closed) await this.#handle.close().catch(() => {})
    this.#closed = true
    await this.#directory.unlink(this.name).catch(() => {})
  }
}

import { createHash } from 'node:crypto'
import type { BigIntStats } from 'node:fs'
import { type DiskHandle, systemCode } from '../../disk/index.js'
import { type BlobInfo, type CheckedAttributes, contentTypeOf } from '../../driver/index.js'
import { isStorageError, StorageError } from '../../errors/index.js'
import { type Area, type Areas, candidates, type Place } from './area.js'
import { type Confinement, closeRead, MovedError, notFound } from './confinement.js'
import { type Directories, pathOf } from './directories.js'
import { type RecordedVersion, type Records, versionOf } from './records.js'
import { type BodyIdentity, identityOf, mayHaveRecord, modifiedAt, sameBody, statEtag } from './version.js'

/** One version of a blob, opened. Whoever gets it closes the handle. */
export interface OpenBlob {
  readonly handle: DiskHandle
  /** Where the file was found: below the root or mount as configured, symlinks in that not resolved. */
  readonly file: string
  readonly body: BodyIdentity
  readonly attributes: CheckedAttributes
  readonly info: BlobInfo
  /** What the record says; undefined where there is nothing to remember. */
  readonly version: RecordedVersion | undefined
}

/** The attributes of a blob of which nothing is remembered. */
export function plainAttributes(key: string): CheckedAttributes {
  return { contentType: contentTypeOf(key), metadata: {} }
}

/** How often a reader looks again when versions change under its hands. */
const ATTEMPTS = 50

/** Finds the file of a key, and opens body and attributes as one version. */
export class Lookup {
  readonly #areas: Areas
  readonly #confinement: Confinement
  readonly #directories: Directories
  readonly #records: Records
  readonly #showVisibility: boolean

  constructor(
    areas: Areas,
    confinement: Confinement,
    directories: Directories,
    records: Records,
    showVisibility: boolean,
  ) {
    this.#areas = areas
    this.#confinement = confinement
    this.#directories = directories
    this.#records = records
    this.#showVisibility = showVisibility
  }

  /** Opens the current version. NOT_FOUND; ACCESS_DENIED for what is no regular file, or lies behind a symlink. */
  async open(key: string): Promise<OpenBlob> {
    const area = this.#areas.of(key)
    for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
      try {
        const opened = await this.#openOnce(area, key)
        if (opened !== undefined) return opened
      } catch (error) {
        if (!(error instanceof MovedError)) throw error
      }
    }
    throw new StorageError('UNAVAILABLE', 'The blob kept changing while it was opened.')
  }

  describe(key: string, body: BodyIdentity, version: RecordedVersion | undefined): BlobInfo {
    const { visibility, ...attributes } = version?.attributes ?? plainAttributes(key)
    return {
      key,
      size: Number(body.size),
      etag: version?.etag ?? statEtag(body, version !== undefined),
      lastModified: modifiedAt(body),
      ...attributes,
      ...(version?.sha256 === undefined ? {} : { sha256: version.sha256 }),
      ...(this.#showVisibility ? { visibility: visibility ?? 'private' } : {}),
    }
  }

  /** False only where no name that the key may have is taken. */
  async mayHave(key: string): Promise<boolean> {
    const area = this.#areas.of(key)
    for (const { directory, name } of await area.places(key)) {
      const path = pathOf(area.base, directory)
      const [plain, clash] = candidates({ directory, name })
      // As in #openOnce.
      for (const candidate of [plain, clash, plain]) {
        if ((await area.identify(`${path}/${candidate}`)) !== undefined) return true
      }
    }
    return false
  }

  async #openOnce(area: Area, key: string): Promise<OpenBlob | undefined> {
    let base: string
    try {
      base = await area.real()
    } catch (error) {
      throw systemCode(error) === 'ENOENT' ? notFound(error) : error
    }
    for (const { directory, name } of await area.places(key)) {
      const path = pathOf(base, directory)
      const [plain, clash] = candidates({ directory, name })
      // The plain name once more at the end: the blob may have moved between the two while we looked.
      for (const candidate of [plain, clash, plain]) {
        const opened = await this.#tryOpen(`${path}/${candidate}`)
        const file = `${pathOf(area.base, directory)}/${candidate}`
        if (opened) return this.#bind(key, path, { directory, name }, candidate, { ...opened, file })
      }
    }
    // Says so where the base itself is no directory.
    await (await this.#directories.open(area, []))?.close()
    throw notFound()
  }

  async #tryOpen(path: string) {
    try {
      return await this.#confinement.openFile(path)
    } catch (error) {
      const code = systemCode(error)
      if (code === 'ENOENT' || code === 'ENOTDIR' || isStorageError(error, 'NOT_FOUND')) return undefined
      throw error
    }
  }

  /** Joins the open body with the attributes that belong to it; undefined if it was replaced before they were read. */
  async #bind(
    key: string,
    directory: string,
    place: Place,
    candidate: string,
    opened: { readonly handle: DiskHandle; readonly stat: BigIntStats; readonly file: string },
  ): Promise<OpenBlob | undefined> {
    const { handle, file } = opened
    const body = identityOf(opened.stat)
    const found = (version: RecordedVersion | undefined): OpenBlob => ({
      handle,
      file,
      body,
      version,
      attributes: version?.attributes ?? plainAttributes(key),
      info: this.describe(key, body, version),
    })
    if (!mayHaveRecord(body)) return found(undefined)
    try {
      const versions = await this.#records.readAt(this.#confinement, directory, place.name)
      const version = versionOf(versions, body)
      if (version) return found(version)
      if (await this.#isCurrent(handle, `${directory}/${candidate}`, body)) {
        return found(await this.#restored(handle, body, versions))
      }
      await closeRead(handle)
      return undefined
    } catch (error) {
      await closeRead(handle)
      throw error
    }
  }

  async #isCurrent(handle: DiskHandle, path: string, body: BodyIdentity): Promise<boolean> {
    if ((await handle.stat({ bigint: true })).nlink === 0n) return false
    const now = await this.#confinement.lstat(path)
    return now !== undefined && sameBody(identityOf(now), body)
  }

  /**
   * A backup gives a file another inode and may cut its time to seconds. A record of the same second and size whose
   * hash the body has is the body's own.
   */
  async #restored(
    handle: DiskHandle,
    body: BodyIdentity,
    versions: readonly RecordedVersion[],
  ): Promise<RecordedVersion | undefined> {
    const second = (time: bigint) => time / 1_000_000_000n
    const similar = versions.filter(
      (version) =>
        version.sha256 !== undefined &&
        version.body.size === body.size &&
        second(version.body.mtimeNs) === second(body.mtimeNs),
    )
    if (similar.length === 0) return undefined
    const sha256 = await hashOf(handle, Number(body.size))
    const match = similar.find((version) => version.sha256 === sha256)
    return match && { ...match, body }
  }
}

async function hashOf(handle: DiskHandle, size: number): Promise<string> {
  const hash = createHash('sha256')
  const buffer = Buffer.allocUnsafe(Math.min(size, 256 * 1024) || 1)
  for (let position = 0; position < size; ) {
    const { bytesRead } = await handle.read(buffer, 0, buffer.length, position)
    if (bytesRead === 0) break
    hash.update(buffer.subarray(0, bytesRead))
    position += bytesRead
  }
  return hash.digest('hex')
}

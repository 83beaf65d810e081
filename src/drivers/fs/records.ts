import { constants } from 'node:fs'
import { type Disk, type DiskHandle, type Durability, syncHandle, systemCode, writeFully } from '../../disk/index.js'
import type { CheckedAttributes } from '../../driver/index.js'
import { type Confinement, closeRead, type OpenDirectory } from './confinement.js'
import { recordName } from './internal-names.js'
import { type BodyIdentity, sameBody } from './version.js'

/** What is remembered about one version of a blob beyond what its file tells. */
export interface RecordedVersion {
  readonly body: BodyIdentity
  readonly attributes: CheckedAttributes
  /** Lower-case hex. */
  readonly sha256?: string | undefined
  /** Set where etags are made from the content. */
  readonly etag?: string | undefined
}

const { O_RDONLY, O_WRONLY, O_CREAT, O_EXCL, O_NOFOLLOW = 0, O_NONBLOCK = 0 } = constants
/** Two versions of at most 2 KiB of metadata and a few headers each, escaped at worst. */
const MAX_RECORD_BYTES = 256 * 1024

/**
 * The attribute record of a blob lies beside it and holds the version that is about to be published and
 * the one that it replaces. A reader takes the version that belongs to the body it has open, so that body and
 * attributes change in the one instant in which the body is renamed.
 */
export class Records {
  readonly #disk: Disk
  readonly #durability: Durability

  constructor(disk: Disk, durability: Durability) {
    this.#disk = disk
    this.#durability = durability
  }

  /** Through a directory opened already. A record that cannot be understood counts as none. */
  async read(directory: OpenDirectory, name: string): Promise<readonly RecordedVersion[]> {
    let handle: DiskHandle
    try {
      handle = await this.#disk.open(directory.at(recordName(name)), O_RDONLY | O_NOFOLLOW | O_NONBLOCK)
    } catch (error) {
      if (isNoRecord(error)) return []
      throw error
    }
    return readRecord(handle)
  }

  /** By path, for readers. */
  async readAt(confinement: Confinement, directory: string, name: string): Promise<readonly RecordedVersion[]> {
    try {
      return await readRecord((await confinement.openFile(`${directory}/${recordName(name)}`)).handle)
    } catch (error) {
      if (isNoRecord(error)) return []
      throw error
    }
  }

  /** Replaces the record, durably: what it says must hold before the body that it speaks of appears. */
  async write(
    directory: OpenDirectory,
    name: string,
    stage: string,
    versions: readonly RecordedVersion[],
  ): Promise<void> {
    const path = directory.at(stage)
    const handle = await this.#disk.open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0o666)
    try {
      try {
        await writeFully(handle, Buffer.from(JSON.stringify({ v: 1, versions: versions.map(toJson) })))
        if (this.#durability === 'fsync') await syncHandle(handle)
      } finally {
        await handle.close()
      }
      await this.#disk.rename(path, directory.at(recordName(name)))
    } catch (error) {
      await directory.unlink(stage).catch(() => {})
      throw error
    }
    if (this.#durability === 'fsync') await directory.sync()
  }

  async remove(directory: OpenDirectory, name: string): Promise<void> {
    await directory.unlink(recordName(name))
  }
}

/** The version that belongs to the body. */
export function versionOf(versions: readonly RecordedVersion[], body: BodyIdentity): RecordedVersion | undefined {
  return versions.find((version) => sameBody(version.body, body))
}

function isNoRecord(error: unknown): boolean {
  return ['ENOENT', 'ENOTDIR', 'ELOOP', 'ENXIO', 'ACCESS_DENIED', 'NOT_FOUND'].includes(systemCode(error) ?? '')
}

async function readRecord(handle: DiskHandle): Promise<readonly RecordedVersion[]> {
  try {
    const { size } = await handle.stat({ bigint: true })
    if (size > MAX_RECORD_BYTES) return []
    const bytes = Buffer.alloc(Number(size))
    let length = 0
    while (length < bytes.length) {
      const { bytesRead } = await handle.read(bytes, length, bytes.length - length, length)
      if (bytesRead === 0) break
      length += bytesRead
    }
    return fromJson(bytes.subarray(0, length).toString('utf8'))
  } finally {
    await closeRead(handle)
  }
}

function toJson({ body, ...rest }: RecordedVersion) {
  return { ino: String(body.ino), size: String(body.size), mtimeNs: String(body.mtimeNs), ...rest }
}

/** The record as untrusted input: what is not as it was written is dropped. */
function fromJson(text: string): readonly RecordedVersion[] {
  let record: unknown
  try {
    record = JSON.parse(text)
  } catch {
    return []
  }
  const versions = isObject(record) && record.v === 1 && Array.isArray(record.versions) ? record.versions : []
  return versions.flatMap((version: unknown) => {
    const recorded = isObject(version) ? versionFrom(version) : undefined
    return recorded ? [recorded] : []
  })
}

function versionFrom(json: Readonly<Record<string, unknown>>): RecordedVersion | undefined {
  const { ino, size, mtimeNs, attributes, sha256, etag } = json
  const numbers = [ino, size, mtimeNs]
  if (!numbers.every((value) => typeof value === 'string' && /^\d{1,25}$/.test(value))) return undefined
  if (!isObject(attributes) || !areAttributes(attributes)) return undefined
  if (sha256 !== undefined && !(typeof sha256 === 'string' && /^[0-9a-f]{64}$/.test(sha256))) return undefined
  if (etag !== undefined && !(typeof etag === 'string' && /^[0-9a-f]{32}(-\d{1,6})?$/.test(etag))) return undefined
  return {
    body: { ino: BigInt(ino as string), size: BigInt(size as string), mtimeNs: BigInt(mtimeNs as string) },
    attributes: attributes as unknown as CheckedAttributes,
    sha256: sha256 as string | undefined,
    etag: etag as string | undefined,
  }
}

const headers = ['cacheControl', 'contentDisposition', 'contentEncoding', 'contentLanguage'] as const
const CONTROL = /[\u0000-\u001f\u007f]/

function areAttributes(json: Readonly<Record<string, unknown>>): boolean {
  const text = (value: unknown) => typeof value === 'string' && !CONTROL.test(value)
  return (
    text(json.contentType) &&
    headers.every((name) => json[name] === undefined || text(json[name])) &&
    (json.visibility === undefined || json.visibility === 'private' || json.visibility === 'public') &&
    isObject(json.metadata) &&
    Object.values(json.metadata).every(text)
  )
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

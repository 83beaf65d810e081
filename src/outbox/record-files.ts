import { join } from 'node:path'
import { makeDirectories, systemCode } from '../disk/index.js'
import { type OutboxFolder, unlinkIfThere } from './folder.js'
import type { BodyPlace, LoadedRecord } from './pending-index.js'
import { decodeRecord, encodeRecord, type RecordProblem } from './record.js'
import { recordName } from './record-name.js'
import type { OutboxRecord } from './types.js'

const FIRST_READ_BYTES = 4096
const MAX_HEADER_BYTES = 1024 * 1024

/** The files of the records: written whole, read as untrusted input, removed in an order that no crash can spoil. */
export class RecordFiles {
  readonly #folder: OutboxFolder

  constructor(folder: OutboxFolder) {
    this.#folder = folder
  }

  /** Makes a record durable. Its name is the one commit, and comes after everything that it stands for. */
  async write(record: OutboxRecord, inline: Uint8Array | undefined): Promise<LoadedRecord> {
    const { records, bodies } = this.#folder
    const header = encodeRecord(record, inline !== undefined)
    const name = recordName(record)
    const bytes = inline ? Buffer.concat([header, inline]) : header
    await this.#folder.writeFile(records, name, bytes, `.${record.token}.tmp`)
    if (record.operation === 'delete') return { record, body: undefined }
    const body = inline
      ? { path: join(records, name), offset: header.byteLength }
      : { path: join(bodies, record.token), offset: 0 }
    return { record, body }
  }

  /** What a file says; undefined where it is gone. */
  async read(name: string): Promise<LoadedRecord | RecordProblem | undefined> {
    const path = join(this.#folder.records, name)
    const file = await this.#readHeader(path)
    if (file === undefined || 'problem' in file) return file
    const parsed = decodeRecord(file.line, name)
    if ('problem' in parsed) return parsed
    const { record, inline } = parsed
    if (record.operation === 'delete') return { record, body: undefined }
    if (inline) {
      if (file.size !== file.offset + record.size) return { problem: 'its body is not whole', newer: false }
      return { record, body: { path, offset: file.offset } }
    }
    const body: BodyPlace = { path: join(this.#folder.bodies, record.token), offset: 0 }
    const size = await this.#sizeOf(body.path)
    if (size === record.size) return { record, body }
    // Removed between the first look and now: then so was the record.
    if (size === undefined && (await this.#sizeOf(path)) === undefined) return undefined
    return { problem: size === undefined ? 'its body is missing' : 'its body is not whole', newer: false }
  }

  /** Whether the record still stands; another process may have removed it. */
  async isThere(name: string): Promise<boolean> {
    return (await this.#sizeOf(join(this.#folder.records, name))) !== undefined
  }

  /** Removes records, durably, and then their bodies: a body without a record is garbage, the reverse a loss. */
  async remove(names: readonly string[], tokens: readonly string[]): Promise<void> {
    const { disk, records, bodies } = this.#folder
    for (const name of names) await unlinkIfThere(disk, join(records, name))
    await this.#folder.sync(records)
    for (const token of tokens) {
      try {
        await unlinkIfThere(disk, join(bodies, token))
      } catch {
        // Unreferenced from here on: it goes with the sweep after this process has ended.
      }
    }
  }

  /** Moves a record out of the way. Its body stays where it is, under the token in the record's name. */
  async setAside(name: string): Promise<void> {
    const { disk, rejected, records, durability } = this.#folder
    try {
      await makeDirectories(disk, rejected, durability, 0o700)
      await disk.rename(join(records, name), join(rejected, name))
    } catch (error) {
      // It stays among the records then, where it is rejected again the next time; another process may have moved it.
      if (systemCode(error) === undefined) throw error
    }
  }

  async #readHeader(path: string): Promise<Header | RecordProblem | undefined> {
    const { disk } = this.#folder
    let handle: Awaited<ReturnType<typeof disk.open>>
    try {
      handle = await disk.open(path, 'r')
    } catch (error) {
      if (systemCode(error) === 'ENOENT') return undefined
      throw error
    }
    try {
      const size = Number((await disk.handleStat(handle)).size)
      for (let length = FIRST_READ_BYTES; ; length *= 16) {
        const buffer = Buffer.alloc(Math.min(length, size, MAX_HEADER_BYTES))
        let filled = 0
        while (filled < buffer.byteLength) {
          const { bytesRead } = await handle.read(buffer, filled, buffer.byteLength - filled, filled)
          if (bytesRead === 0) break
          filled += bytesRead
        }
        const end = buffer.indexOf(0x0a)
        if (end >= 0) return { line: buffer.toString('utf8', 0, end), offset: end + 1, size }
        if (length >= size || length >= MAX_HEADER_BYTES)
          return { problem: 'it is torn: it has no header', newer: false }
      }
    } finally {
      await disk.closeUnwritten(handle)
    }
  }

  /** Bytes of the file; undefined where there is none. */
  async #sizeOf(path: string): Promise<number | undefined> {
    try {
      const stats = await this.#folder.disk.lstat(path)
      return stats.isFile() ? Number(stats.size) : undefined
    } catch (error) {
      if (systemCode(error) === 'ENOENT') return undefined
      throw error
    }
  }
}

interface Header {
  readonly line: string
  /** Bytes of the line with its end. */
  readonly offset: number
  /** Bytes of the file. */
  readonly size: number
}

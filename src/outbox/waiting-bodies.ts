import type { Readable } from 'node:stream'
import { type DiskHandle, systemCode } from '../disk/index.js'
import { StorageError } from '../errors/index.js'
import { quoteKey } from '../keys/index.js'
import { bodyStream, readWhole } from './body-stream.js'
import type { OutboxFolder } from './folder.js'
import type { PendingRecords } from './pending-records.js'
import { recordName } from './record-name.js'
import type { OutboxRange, PutRecord } from './types.js'

/** The bodies of the records that wait, for reading. */
export class WaitingBodies {
  readonly #folder: OutboxFolder
  readonly #records: PendingRecords

  constructor(folder: OutboxFolder, records: PendingRecords) {
    this.#folder = folder
    this.#records = records
  }

  /** A part of a body, or all of it. NOT_FOUND where its record was removed, CORRUPT where it alone is missing. */
  async stream(record: PutRecord, range?: OutboxRange): Promise<Readable> {
    const { handle, offset } = await this.#open(record)
    const { start, end } = range ?? { start: 0, end: record.size - 1 }
    return bodyStream(handle, offset + start, end - start + 1, record.key)
  }

  /** All of a body at once. Fails as `stream` does, and as what it answers. */
  async whole(record: PutRecord): Promise<Uint8Array> {
    const { handle, offset } = await this.#open(record)
    try {
      return await readWhole(handle, offset, record.size, record.key)
    } finally {
      await this.#folder.disk.closeUnwritten(handle)
    }
  }

  async #open(record: PutRecord): Promise<{ readonly handle: DiskHandle; readonly offset: number }> {
    const facts = { operation: 'get', key: record.key }
    const name = recordName(record)
    const gone = (cause?: unknown) =>
      new StorageError('NOT_FOUND', `${quoteKey(record.key)} waits no longer.`, { ...facts, cause })
    const body = (await this.#records.loaded(name))?.body
    if (body === undefined) throw gone()
    try {
      return { handle: await this.#folder.disk.open(body.path, 'r'), offset: body.offset }
    } catch (error) {
      if (systemCode(error) !== 'ENOENT') throw error
      if (!(await this.#records.isThere(name))) throw gone(error)
      throw new StorageError('CORRUPT', 'A body that waits in the outbox is missing.', { ...facts, cause: error })
    }
  }
}

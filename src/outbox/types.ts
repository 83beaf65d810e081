import type { Readable } from 'node:stream'
import type { CheckedAttributes } from '../driver/index.js'

/** What the outbox is told about a body that it is to hold. */
export interface OutboxEntry {
  readonly key: string
  readonly operation: 'put'
  /** Name, in the store, of the driver that the body is meant for. */
  readonly driver: string
  readonly attributes: CheckedAttributes
}

/** A body that waits in the outbox for its driver, and everything needed to hand it over. */
export interface OutboxRecord extends OutboxEntry {
  /** Counts the changes of this key while it waits, from 1. The highest is the one that counts. */
  readonly generation: number
  /** Names this one write; no other ever has the same. */
  readonly token: string
  /** Bytes. */
  readonly size: number
  /** Lower-case hex. */
  readonly sha256: string
  /** Lower-case hex; the etag that S3 gives to a body put in one request. It is the etag while the body waits. */
  readonly md5: string
  /** When it was taken, by the clock of this machine. Shown, never used to decide anything. */
  readonly createdAt: Date
}

/** A record that cannot be trusted: torn, foreign, or without its body. It is kept aside with its body, not removed. */
export interface RejectedRecord {
  /** The file's name, without a folder. */
  readonly name: string
  /** Why, as a sentence. */
  readonly problem: string
}

/** A body on its way into the outbox. Nothing of it is visible before `commit`, and nothing is left after `discard`. */
export interface OutboxStage {
  readonly token: string
  /** Bytes written so far. */
  readonly size: number
  /** Takes a chunk; once this settles the chunk's memory is the caller's again. */
  write(chunk: Uint8Array): Promise<void>
  /**
   * Makes the body durable, then its record, as the next generation of the key. Once this resolves the body is not lost
   * any more. Older generations of the key are removed afterwards. Where it rejects, the stage is discarded.
   */
  commit(entry: OutboxEntry): Promise<OutboxRecord>
  /** Gives the body up and frees its space. Never rejects; does nothing after a commit. */
  discard(): Promise<void>
}

/** What waits, in numbers. */
export interface OutboxSummary {
  readonly count: number
  readonly bytes: number
  /** When the oldest record was taken. */
  readonly oldest?: Date | undefined
}

/**
 * Holds bodies whose driver cannot take them now, until it can. Every method opens the outbox first, once. Opening reads
 * all records, sets aside those that cannot be trusted, and removes the unfinished bodies of processes that died.
 *
 * Every method rejects with a StorageError and nothing else.
 */
export interface Outbox {
  /** Reads what is there. Repeated calls share one answer; after a failure the next call tries again. */
  open(): Promise<void>
  /** Called once for each record that is set aside, those seen before the call included. */
  onRejected(listener: (rejected: RejectedRecord) => void): void
  /** A new body, not yet bound to a key. */
  stage(): Promise<OutboxStage>
  /** The highest generation of the key, or undefined. */
  find(key: string): Promise<OutboxRecord | undefined>
  /** The highest generations in UTF-8 byte order of their keys, as they are now. */
  list(options?: OutboxListOptions): Promise<readonly OutboxRecord[]>
  /**
   * The bytes of a record from `start` to `end`, both inclusive. NOT_FOUND where the record was removed meanwhile,
   * CORRUPT where the body is not there whole. The stream must be read or destroyed.
   */
  read(record: OutboxRecord, range?: OutboxRange): Promise<Readable>
  /** Removes this generation of its key and all older ones; newer ones stay. Removing again does nothing. */
  remove(record: OutboxRecord): Promise<void>
  summary(): Promise<OutboxSummary>
  /**
   * Notes for good that something happened once; a store asks it before it decides where to look for a blob.
   * `moved`: blobs were moved from this side to another driver under the same key.
   */
  mark(mark: OutboxMark): Promise<void>
  marked(mark: OutboxMark): Promise<boolean>
  /** Bytes free on the volume that holds the bodies; undefined where that means nothing. */
  freeSpace(): Promise<number | undefined>
  /** Discards open stages and releases handles; what waits stays. A later call opens it again. */
  close(): Promise<void>
}

export type OutboxMark = 'moved'

/** Both inclusive, inside the body. */
export interface OutboxRange {
  readonly start: number
  readonly end: number
}

export interface OutboxListOptions {
  readonly prefix?: string | undefined
  /** Only keys behind this one in UTF-8 byte order. */
  readonly startAfter?: string | undefined
  /** At most so many. */
  readonly limit?: number | undefined
}

/** A driver beside whose blobs an outbox can live. A store needs one to fall back to it. */
export interface OutboxHost {
  /**
   * The outbox beside this driver's blobs, the same object on every call. Does no I/O, and nothing of the outbox is
   * ever read or listed through the driver.
   */
  createOutbox(): Outbox
}

/** Whether `driver` can hold an outbox. */
export function isOutboxHost(driver: object): driver is OutboxHost {
  return 'createOutbox' in driver && typeof driver.createOutbox === 'function'
}

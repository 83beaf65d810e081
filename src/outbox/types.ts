import type { Readable } from 'node:stream'
import type { CheckedAttributes } from '../driver/index.js'

/**
 * What is known of the version that a waiting change replaces on its driver: nothing, that there is none, or which one
 * it is. Only what the driver itself said counts.
 */
export type OutboxBase = 'unknown' | 'absent' | { readonly etag: string }

interface EntryFacts {
  readonly key: string
  /** Name, in the store, of the driver that the change is meant for. */
  readonly driver: string
  /** What that driver said of itself, so that a change never goes to another bucket than it was meant for. */
  readonly target?: string | undefined
  readonly base: OutboxBase
  /** The last time that the driver's own clock was heard of before the change. What is older there, the change replaces. */
  readonly seen?: Date | undefined
  /** A request of this key was sent and never answered; until this time, by the clock of this machine, it may take effect. */
  readonly doubtUntil?: Date | undefined
}

/** A body that is to wait, as the outbox is told of it. */
export interface OutboxPut extends EntryFacts {
  readonly operation: 'put'
  readonly attributes: CheckedAttributes
}

/** A delete that is to wait: a tombstone. */
export interface OutboxDelete extends EntryFacts {
  readonly operation: 'delete'
  /** Carried out only once this record waits no longer: the source of a move goes after its copy has arrived. */
  readonly after?: { readonly key: string; readonly token: string } | undefined
}

export type OutboxEntry = OutboxPut | OutboxDelete

interface RecordFacts {
  /** Counts the changes of this key while it waits, from 1. The highest is the one that counts. */
  readonly generation: number
  /** Names this one write, here and in the metadata that it carries on its driver. No other ever has the same. */
  readonly token: string
  /** When it was taken, by the clock of this machine. Shown, never used to decide which version wins. */
  readonly createdAt: Date
  /** Bytes; 0 for a tombstone. */
  readonly size: number
}

export interface PutRecord extends OutboxPut, RecordFacts {
  /** Lower-case hex. */
  readonly sha256: string
  /** Lower-case hex; the etag that S3 gives to a body put in one request. It is the etag while the body waits. */
  readonly md5: string
}

export interface DeleteRecord extends OutboxDelete, RecordFacts {}

/** A change that waits in the outbox for its driver, and everything needed to carry it out. */
export type OutboxRecord = PutRecord | DeleteRecord

export interface CommitOptions {
  /**
   * Called with the key's current record, undefined for none, in the instant of the commit. Throws where the change
   * does not fit onto it, and answers what the new record takes over.
   */
  readonly onto?: ((current: OutboxRecord | undefined) => Inherited) | undefined
}

/** What a record takes over from the one that it supersedes. */
export type Inherited = Partial<Pick<EntryFacts, 'base' | 'seen' | 'doubtUntil'>>

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
  commit(entry: OutboxPut, options?: CommitOptions): Promise<PutRecord>
  /** Gives the body up and frees its space. Never rejects; does nothing after a commit. */
  discard(): Promise<void>
}

export interface StageOptions {
  readonly mayBeDiscarded?: boolean | undefined
}

/** What waits, in numbers. */
export interface OutboxSummary {
  readonly count: number
  readonly bytes: number
  /** When the oldest record was taken. */
  readonly oldest?: Date | undefined
}

/** The volume that holds what waits. */
export interface OutboxVolume {
  /** Bytes free; undefined where that means nothing. */
  readonly free?: number | undefined
  /** Why what lies there is gone when the machine or container is, such as `tmpfs`; undefined where it is not. */
  readonly ephemeral?: string | undefined
}

/** The right to carry out what waits of a key, which no other process has meanwhile. */
export interface OutboxClaim {
  /** Whether it was taken over from a process that died: what that one has sent may still take effect. */
  readonly died: boolean
  /** Gives it back. Never rejects. */
  release(): Promise<void>
  /** Keeps other processes from it for so many milliseconds more, whoever gives it back, unless the outbox closes. */
  keep(milliseconds: number): void
}

/** Both sides changed a key, and this is what became of the version that waited here. */
export interface OutboxConflict {
  /** The token of the change. */
  readonly id: string
  readonly key: string
  readonly driver: string
  readonly operation: 'put' | 'delete'
  /** The key, on the same driver, at which the version that waited is kept; undefined where it is not. */
  readonly keptAs?: string | undefined
  /** Which side is at the key now. */
  readonly winner: 'local' | 'remote'
  /** Etag of what was found on the driver; undefined where the version expected there was gone. */
  readonly remote?: string | undefined
  /** When the change was made. */
  readonly since: Date
  /** When the conflict was found. */
  readonly found: Date
}

/**
 * Holds changes whose driver cannot take them now, until it can. Every method opens the outbox first, once. Several
 * processes may have the same outbox open: each sees the others' records in the next call.
 *
 * Every method rejects with a StorageError and nothing else.
 */
export interface Outbox {
  /** Looks what is there, and removes what dead processes left unfinished. Repeated calls share one answer. */
  open(): Promise<void>
  /** Called once for each record that is set aside, those seen before the call included. */
  onRejected(listener: (rejected: RejectedRecord) => void): void
  /** Names a write. All tokens of one outbox, whatever process took them, are recognised by `isOurs`. */
  newToken(): Promise<string>
  /** Whether a token was given by this outbox, to whatever process. */
  isOurs(token: string): boolean
  /**
   * A new body, not yet bound to a key. Each stage needs a token of its own. `mayBeDiscarded`: most likely nothing comes
   * of it, so that it is hashed only when it is committed.
   */
  stage(token?: string, options?: StageOptions): Promise<OutboxStage>
  /** Makes a tombstone durable, as the next generation of the key. */
  commitDelete(entry: OutboxDelete, options?: CommitOptions): Promise<DeleteRecord>
  /** The highest generation of the key, or undefined. */
  find(key: string): Promise<OutboxRecord | undefined>
  /** The highest generations in UTF-8 byte order of their keys, as they are now. */
  list(options?: OutboxListOptions): Promise<readonly OutboxRecord[]>
  /**
   * The bytes of a record from `start` to `end`, both inclusive. NOT_FOUND where the record was removed meanwhile,
   * CORRUPT where the body is not there whole. The stream must be read or destroyed.
   */
  read(record: PutRecord, range?: OutboxRange): Promise<Readable>
  /** Removes this generation of its key and all older ones; newer ones stay. Removing again does nothing. */
  remove(record: OutboxRecord): Promise<void>
  /**
   * Removes all generations of the key if `mayGo` says so of the one that is current in the instant of the removal:
   * nothing is committed in between. Answers the record that stays.
   */
  end(key: string, mayGo: (current: OutboxRecord) => boolean): Promise<OutboxRecord | undefined>
  /** The right to carry out what waits of the record's key; undefined while another process has it, or where it is gone. */
  claim(record: OutboxRecord): Promise<OutboxClaim | undefined>
  /** Notes what a driver's own clock said, for a process that has not heard from it. Need not be durable. */
  noteTime(driver: string, time: Date): Promise<void>
  /** The time noted last, by whatever process; undefined where there is none. */
  lastTime(driver: string): Promise<Date | undefined>
  summary(): Promise<OutboxSummary>
  /** Notes a conflict for good; noting the same one again changes nothing. */
  noteConflict(conflict: OutboxConflict): Promise<void>
  /** The oldest first. */
  conflicts(): Promise<readonly OutboxConflict[]>
  /** Forgets a conflict. One that is not there is no error. */
  dismissConflict(id: string): Promise<void>
  /**
   * Notes for good that something happened once; a store asks it before it decides where to look for a blob.
   * `moved`: blobs were moved from this side to another driver under the same key.
   */
  mark(mark: OutboxMark): Promise<void>
  marked(mark: OutboxMark): Promise<boolean>
  /** Where what waits lies. */
  volume(): Promise<OutboxVolume>
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

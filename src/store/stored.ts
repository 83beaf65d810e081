import type { BlobInfo, DeleteResult, ListedBlob, ListedPrefix } from '../driver/index.js'
import type { StorageError } from '../errors/index.js'

/** Where the store keeps a blob. */
export interface Stored<D extends string = string> {
  /** The driver that holds it now. */
  readonly driver: D
  /** The string to keep in a database. A blob that waits for its driver has the path that it will have there. */
  readonly path: string
  /** The driver that the blob waits for, if it does. */
  readonly pendingFor?: D | undefined
}

/** A blob as the store knows it. */
export interface StoredBlob<D extends string = string> extends BlobInfo, Stored<D> {}

/** A blob in a list of the store. `head` tells the rest. */
export interface ListedStored<D extends string = string> extends ListedBlob, Stored<D> {}

export type StoredEntry<D extends string = string> = ListedStored<D> | ListedPrefix

/** Where a blob really is. */
export interface Located<D extends string = string> extends Stored<D> {
  readonly key: string
}

/** The answer for one path of the store's `deleteMany`. */
export interface PathDeleteResult extends DeleteResult {
  /** As it was asked. */
  readonly path: string
}

/** A change that waits in the outbox. */
export interface PendingBlob<D extends string = string> extends Located<D> {
  readonly pendingFor: D
  /** A blob that is to be handed over, or one that is to be deleted. */
  readonly operation: 'put' | 'delete'
  /** Bytes; 0 for a delete. */
  readonly size: number
  readonly generation: number
  /** When it was put or deleted. */
  readonly since: Date
  /** Set where it was carried out already, and is only looked at again after this time: see `fallback.grace`. */
  readonly verifiedAfter?: Date | undefined
  /** How often this process has tried in vain to carry it out, and why it failed last. */
  readonly attempts?: number | undefined
  readonly lastError?: StorageError | undefined
}

import type { BlobInfo, ListEntry, Visibility } from './blob.js'
import type { BlobBody } from './body.js'
import type { DriverCapabilities } from './capabilities.js'
import type {
  CopyOptions,
  DeleteOptions,
  GetOptions,
  HeadOptions,
  ListOptions,
  PutOptions,
  SignalOptions,
  SignedUpload,
  SignUploadOptions,
  SignUrlOptions,
} from './options.js'
import type { BlobReader } from './reader.js'

/** The answer for one key of `deleteMany`. */
export interface DeleteResult {
  readonly key: string
  /** Why this key was not deleted; undefined where it is gone. */
  readonly error?: Error | undefined
}

/**
 * One place where blobs live. Small on purpose: routing, fallback, paths and HTTP are built on top of it.
 *
 * Every method rejects with a StorageError and nothing else, checks its key first (INVALID_KEY), and honours `signal`
 * (ABORTED). A method that rejects with `outcome: 'unchanged'` has changed nothing. A driver shares nothing with
 * another one and may be used bare.
 */
export interface BlobDriver {
  /** What it is: `s3`, `fs`, `memory`, or a name of your own. Appears in errors and logs. */
  readonly kind: string
  /** What an operator wants to see in the log when the store starts: bucket, endpoint, root. Holds no secret. */
  readonly description?: string | undefined
  /**
   * Names the storage itself (endpoint, bucket, prefix): drivers with the same identity show the same blobs. A change
   * that waits for this driver is carried out only on the storage that it was meant for. Holds no secret.
   */
  readonly identity?: string | undefined
  /** The time of the storage's own clock in its latest answer, where it tells one. */
  readonly storageTime?: Date | undefined
  /** The absolute directory that the files of `localPath` lie below, those of keys with a place of their own aside. */
  readonly localRoot?: string | undefined
  readonly capabilities: DriverCapabilities

  /**
   * Publishes `body` at `key` as one unit with its attributes: readers see the old version or the new one, whole.
   * A body that fails, is too short, too long or does not match its checksum publishes nothing.
   * Resolves once the blob is as durable as the driver makes it.
   */
  put(key: string, body: BlobBody, options?: PutOptions): Promise<BlobInfo>

  /** Opens one version for reading. NOT_FOUND, NOT_MODIFIED, PRECONDITION_FAILED, INVALID_RANGE. */
  get(key: string, options?: GetOptions): Promise<BlobReader>

  /** What `get` would say, without the bytes. */
  head(key: string, options?: HeadOptions): Promise<BlobInfo>

  /** False only where there certainly is no blob; for drivers that know it at far less cost than `head`. */
  mayHave?(key: string): boolean | Promise<boolean>

  /** Removes the blob. A key that does not exist is no error, unless `ifMatch` is given. */
  delete(key: string, options?: DeleteOptions): Promise<void>

  /** Removes many blobs and answers for each, in the order asked. Rejects only if nothing could be tried. */
  deleteMany(keys: readonly string[], options?: SignalOptions): Promise<DeleteResult[]>

  /**
   * All blobs under `prefix` in UTF-8 byte order of their keys, read page by page as the iteration goes on. A key that
   * is there throughout is listed exactly once; internals and keys that break the rules never are.
   */
  list(options?: ListOptions): AsyncIterable<ListEntry>

  /** Copies bytes and attributes within this driver. Without it the store streams. Onto itself: nothing changes. */
  copy?(source: string, destination: string, options?: CopyOptions): Promise<BlobInfo>

  /** Moves bytes and attributes within this driver. Without it the store copies, then deletes. */
  move?(source: string, destination: string, options?: CopyOptions): Promise<BlobInfo>

  /** A URL that lets its bearer read this key for a while. Asks nobody whether the key exists. */
  signUrl?(key: string, options?: SignUrlOptions): Promise<string>

  /** A request that lets its bearer write this key, and nothing else, for a while. */
  signUpload?(key: string, options?: SignUploadOptions): Promise<SignedUpload>

  /** Where a public blob can be read without credentials. Asks nobody whether the key exists or is public. */
  publicUrl?(key: string): string

  /**
   * The absolute path of the plain file that now holds the blob, whole and as it is, for programs on this machine.
   * NOT_FOUND. Only of drivers that keep such files.
   */
  localPath?(key: string, options?: SignalOptions): Promise<string>

  setVisibility?(key: string, visibility: Visibility, options?: SignalOptions): Promise<void>
  getVisibility?(key: string, options?: SignalOptions): Promise<Visibility>

  /** Settles what is running, and releases sockets, timers and handles. Later calls reject with CONFIGURATION. */
  close?(): Promise<void>
}

import type {
  BlobDriver,
  CopyOptions,
  ListOptions,
  PutOptions,
  SignalOptions,
  SignUploadOptions,
  SignUrlOptions,
} from '../driver/index.js'
import type { SignedUrlSettings } from '../signing/index.js'
import type { Logger } from './logger.js'
import type { PathScheme } from './paths/index.js'
import type { RoutingPolicy } from './routing/index.js'

/** How a store falls back. */
export interface FallbackSettings {
  /** Fall back when a driver cannot be reached, times out or is overloaded. On by default. */
  readonly outages?: boolean | undefined
  /**
   * Fall back when a driver refuses: credentials, rights, bucket, region, encryption, ACL. It does not heal by itself.
   * On by default.
   */
  readonly refusals?: boolean | undefined
  /**
   * Milliseconds without progress after which a driver counts as unreachable; 10,000 by default. Bytes already handed
   * to it add 4 ms for each KiB, at most two minutes, since a slow line is none that is dead.
   */
  readonly within?: number | undefined
  /**
   * Milliseconds for which a request that was sent and never answered may still take effect; 30,000 by default. A blob
   * that fell back after such a request stays in the outbox until then, even if it has arrived, and is looked at again.
   */
  readonly grace?: number | undefined
  /**
   * After the first call that finds a driver unreachable the others are not made: puts and deletes fall back and reads
   * fail at once, until a probe has found it again. `false`: every call is made. Throttling counts as reachable.
   */
  readonly circuit?: false | CircuitSettings | undefined
  /** Refuse to keep a blob on a disk that is gone with the machine or container (tmpfs, overlayfs). Off by default. */
  readonly requireDurable?: boolean | undefined
  /** Bytes that may wait altogether; beyond that a put fails with both reasons. No limit by default. */
  readonly maxBytes?: number | undefined
  /** Bytes that must stay free on the volume where blobs wait; 64 MiB by default. A delete always finds room. */
  readonly minFree?: number | undefined
  /**
   * When a put is answered. `driver` (default): once its driver has it, or it fell back. `fallback`: once it is durable
   * in the outbox; its driver gets it in the background.
   */
  readonly ack?: Acknowledgement | undefined
}

/** Whose word a put waits for. */
export type Acknowledgement = 'driver' | 'fallback'

/** How a driver that could not be reached is tried again. */
export interface CircuitSettings {
  /** Milliseconds until the first probe; 1,000 by default. Each one that fails about doubles the time. */
  readonly probeAfter?: number | undefined
  /** Milliseconds between probes at most; 30,000 by default. */
  readonly probeAtMost?: number | undefined
}

/** How what waits is carried out in the background. */
export interface ReconcileSettings {
  /** Milliseconds between looks at what waits; 30,000 by default. A driver that is back is noticed sooner. */
  readonly interval?: number | undefined
  /** Records under way at once, at most; 16 by default. It begins with 4, and falls while the driver throttles. */
  readonly parallel?: number | undefined
  /**
   * On a driver without conditional deletes there is an instant between looking and deleting. `apply` (default): a
   * delete that waited is carried out all the same; `park`: it waits until the driver can do better.
   */
  readonly unsafeDelete?: 'apply' | 'park' | undefined
}

/**
 * Which version is at the key where somebody else changed it while a change of ours waited. `both`: theirs, and ours
 * beside it under a name of its own; `local`: ours; `remote`: theirs, and ours is given up. Whichever it is,
 * `store.conflicts()` tells.
 */
export type ConflictRule = 'both' | 'local' | 'remote'

/** For each driver the one that keeps its blobs while it is down. That one must be able to hold an outbox. */
export type Fallback<D extends string> = { readonly [From in D]?: D | undefined } & FallbackSettings

/**
 * What is kept of a stream while it goes to a driver that may fail midway. Beyond a limit the upload goes on without
 * a net, and the `spool` event says so. Bytes, a Blob and `() => Readable` can be read again and are never kept.
 */
export interface SpoolSettings {
  /** Bytes of one body in memory, before it goes to disk; 8 MiB by default. */
  readonly memory?: number | undefined
  /** Bytes in memory of all bodies together; 64 MiB by default. */
  readonly totalMemory?: number | undefined
  /** Bytes on disk of all bodies together; no limit by default. */
  readonly totalDisk?: number | undefined
  /** Bytes that must stay free on the volume; 256 MiB by default. */
  readonly minFree?: number | undefined
}

export interface HybridStoreOptions<D extends string = string, K extends string = string> {
  /**
   * The drivers by name. One may be undefined, such as S3 where it is switched off: what is routed there is taken by
   * its fallback as its own.
   */
  readonly drivers: { readonly [Name in D]: BlobDriver | undefined }
  /** Where a new blob goes; the first driver by default. */
  readonly policy?: RoutingPolicy<NoInfer<D>, K> | undefined
  /** What to do when a driver fails; `false`, the default, lets the put fail. */
  readonly fallback?: false | Fallback<NoInfer<D>> | undefined
  /** Hands over what waits, in the background; `false`: only `reconcile()` does. Needs a fallback. */
  readonly reconcile?: false | ReconcileSettings | undefined
  /** `both` by default. */
  readonly conflicts?: ConflictRule | undefined
  /** How paths are written; {@link uriPaths} by default. */
  readonly paths?: PathScheme<NoInfer<D>> | undefined
  /** Where log lines go; stderr by default, `false` for nowhere. */
  readonly logger?: Logger | false | undefined
  /** `false`: no copy of a stream is kept, so that one cannot fall back once it was begun. */
  readonly spool?: false | SpoolSettings | undefined
  /**
   * Whether a path of one driver is also looked up on the others, since a blob may have been moved or be older than
   * the driver. On by default; the driver of a fallback looks on others only once something was moved there.
   */
  readonly readThrough?: boolean | undefined
  /**
   * Whether a put to the fallback's driver removes an older copy on the others, at the cost of a request each time. Off
   * by default: a path of the other driver then still reads that copy.
   */
  readonly exclusive?: boolean | undefined
  /**
   * Links that the application serves itself, for blobs whose driver signs none and for those that wait, and uploads
   * that it takes itself. Without it `signUrl` and `signUpload` are NOT_SUPPORTED there. Whoever serves `baseUrl` asks
   * `verifySignedUrl` and `verifySignedUpload` what a link allows.
   */
  readonly signedUrls?: SignedUrlSettings | undefined
}

/** Says where a blob is to go. */
export interface RouteSelection<D extends string = string, K extends string = string> {
  /** What the application calls this sort of file; for the routing policy. */
  readonly kind?: K | undefined
  /** The driver, whatever the policy says. */
  readonly driver?: D | undefined
}

export interface StorePutOptions<D extends string = string, K extends string = string>
  extends PutOptions,
    RouteSelection<D, K> {
  /** As `fallback.ack`, for this put. INVALID_ARGUMENT where its driver has no fallback. */
  readonly ack?: Acknowledgement | undefined
}

export interface StoreCopyOptions<D extends string = string, K extends string = string>
  extends CopyOptions,
    RouteSelection<D, K> {}

export interface StoreSignUploadOptions<D extends string = string, K extends string = string>
  extends SignUploadOptions,
    RouteSelection<D, K> {
  /** Only an upload that leads past the application, the driver's own; else NOT_SUPPORTED. Off by default. */
  readonly direct?: boolean | undefined
}

export interface StoreSignUrlOptions extends SignUrlOptions {
  /**
   * Looks first whether the blob is there, which may be a request to a far driver: NOT_FOUND where it is not, and the
   * driver's failure where it cannot say. Off by default.
   */
  readonly verify?: boolean | undefined
  /** Only a link that leads past the application, the driver's own; else NOT_SUPPORTED. Off by default. */
  readonly direct?: boolean | undefined
}

export interface StoreListOptions extends ListOptions {
  /** Leave out a driver that cannot be reached instead of rejecting. Off by default. */
  readonly partial?: boolean | undefined
}

export interface ListPageOptions extends Omit<StoreListOptions, 'startAfter' | 'limit'> {
  /** What the page before answered. */
  readonly cursor?: string | undefined
  /** At most so many entries; 1000 by default. */
  readonly limit?: number | undefined
}

export interface RelocateOptions<D extends string = string> extends SignalOptions {
  /** The driver to move to. */
  readonly to: D
}

export interface ReconcileOptions extends SignalOptions {
  /** Try at most so many records. No limit by default. */
  readonly limit?: number | undefined
  /** Called after each record. Must not throw. */
  readonly onProgress?: ((progress: ReconcileProgress) => void) | undefined
}

/** How far a run of `reconcile` has come. */
export interface ReconcileProgress {
  /** Records that wait no longer. */
  readonly moved: number
  /** Records that could not be carried out. */
  readonly failed: number
  /** Records that this run is about. */
  readonly total: number
  /** Bytes of the bodies that were handed over. */
  readonly bytes: number
}

export interface CloseOptions {
  /** Milliseconds to go on handing over what waits before the store closes; 0 by default. */
  readonly drain?: number | undefined
}

export interface PendingOptions {
  readonly prefix?: string | undefined
  /** At most so many. No limit by default. */
  readonly limit?: number | undefined
}

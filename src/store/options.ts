import type {
  BlobDriver,
  CopyOptions,
  ListOptions,
  PutOptions,
  SignalOptions,
  SignUploadOptions,
} from '../driver/index.js'
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
}

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
    RouteSelection<D, K> {}

export interface StoreCopyOptions<D extends string = string, K extends string = string>
  extends CopyOptions,
    RouteSelection<D, K> {}

export interface StoreSignUploadOptions<D extends string = string, K extends string = string>
  extends SignUploadOptions,
    RouteSelection<D, K> {}

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
  /** Try at most so many blobs. No limit by default. */
  readonly limit?: number | undefined
}

export interface PendingOptions {
  readonly prefix?: string | undefined
  /** At most so many. No limit by default. */
  readonly limit?: number | undefined
}

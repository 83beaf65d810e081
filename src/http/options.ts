import type { StorageError } from '../errors/index.js'
import type { StoredBlob } from '../store/index.js'
import type { AccelOptions } from './accel.js'
import type { Disposition } from './disposition.js'
import type { HttpRequest } from './message.js'
import type { ProblemDetails } from './problem.js'
import type { RedirectOptions } from './redirect.js'

/** How errors become answers. */
export interface ErrorOptions {
  /**
   * Rewrites the problem details of an error (RFC 9457), such as their language. What it answers replaces the fields of
   * the same name; the status is `status` where that is set.
   */
  readonly problem?: ((failed: FailedRequest) => Partial<ProblemDetails>) | undefined
  /**
   * Called with every failure that is the server's and not the client's: answers of 500 and more, and bodies that broke
   * off after the answer had begun. For the log; must not throw.
   */
  readonly onError?: ((failed: FailedRequest) => void) | undefined
}

/** A request that failed, and why. */
export interface FailedRequest {
  readonly request: HttpRequest
  readonly error: StorageError
}

/** How a blob is delivered. Everything is safe for files of strangers by default. */
export interface DeliverOptions extends ErrorOptions {
  /** `inline` (default): shown by the browser, if its type is safe to show. `attachment`: always saved. */
  readonly disposition?: Disposition | undefined
  /** The name under which it is saved; by default the one stored with the blob, else the last part of its key. */
  readonly filename?: string | undefined
  /** Instead of the stored content type. */
  readonly contentType?: string | undefined
  /** Appended to text types that name no charset; `utf-8` by default, `false` for nothing. */
  readonly charset?: string | false | undefined
  /**
   * Types (`type/subtype`, lower case) that may be shown inline, instead of the safe list: PDF, plain text, JSON, common
   * images, audio, video. HTML, SVG and XML are in no safe list: they run scripts in the name of the site.
   */
  readonly inlineTypes?: readonly string[] | ((type: string) => boolean) | undefined
  /**
   * The Content-Security-Policy of the file itself; by default one that runs no script and gives the file an origin of its
   * own (`sandbox`). `false` for none: for files that are the application's own.
   */
  readonly contentSecurityPolicy?: string | false | undefined
  /**
   * Cache-Control; `private, no-cache, no-transform` by default. A function is given the blob, so that what is
   * stored with it may count; a 304 of S3 then costs a second request, which asks for the blob.
   */
  readonly cacheControl?: string | ((blob: CacheFacts) => string) | undefined
  /**
   * More header fields of every answer that carries the blob, or others in place of the library's own. A 304 repeats
   * Cache-Control, Content-Location, Expires and Vary.
   */
  readonly headers?: Readonly<Record<string, string>> | undefined
  /** Parts that one Range field may ask for; 16 by default. One that asks for more is ignored. */
  readonly maxRanges?: number | undefined
  /** Milliseconds that a client may take nothing before it is cut off; 120,000 by default, 0 for ever. */
  readonly stallTimeout?: number | undefined
  /** Sends clients to the driver's own link where it has one, as S3 has. Off by default: the bytes go through here. */
  readonly redirect?: boolean | RedirectOptions | undefined
  /** Lets the web server in front send local files. Off by default. */
  readonly accel?: AccelOptions | undefined
  /** Adds Server-Timing (`store;dur=1.2`): milliseconds until the storage answered. Off by default. */
  readonly serverTiming?: boolean | undefined
}

/** What is always known of a blob when its Cache-Control is written. */
export type CacheFacts = Pick<StoredBlob, 'etag' | 'lastModified' | 'size' | 'cacheControl'>

import type { Readable } from 'node:stream'
import type { ReadableStream } from 'node:stream/web'
import type { BlobInfo } from './blob.js'

/** The bytes that a read covers: from `start` to `end`, both inclusive, of a blob of `size` bytes. */
export interface ResolvedRange {
  readonly start: number
  readonly end: number
  readonly size: number
}

/**
 * An open read of one version of a blob. Take its bytes by exactly one of `body`, `stream()`, `bytes()`, `text()` and
 * `json()`; a second one throws INVALID_ARGUMENT. A reader that is not read must be cancelled, or bound by
 * `await using`. A source that fails midway is a StorageError on the stream, never a short body.
 */
export interface BlobReader<Info extends BlobInfo = BlobInfo> extends AsyncDisposable {
  readonly info: Info
  /** Set exactly when a range was asked for. */
  readonly range?: ResolvedRange | undefined
  /** The bytes as a Node stream. */
  readonly body: Readable
  /** The bytes as a web stream. */
  stream(): ReadableStream<Uint8Array>
  /** All bytes, in memory. */
  bytes(): Promise<Uint8Array>
  /** All bytes, decoded as UTF-8. */
  text(): Promise<string>
  /** All bytes, parsed as JSON; INVALID_ARGUMENT if they are none. */
  json(): Promise<unknown>
  /** Releases what the read holds (file handle, socket). Settles once it is released; may be called at any time. */
  cancel(): Promise<void>
}

import type { Readable } from 'node:stream'
import type { ReadableStream } from 'node:stream/web'

/**
 * What may be put. Strings are written as UTF-8. Bytes, a Blob and a function can be read again when an attempt fails;
 * a stream or an iterable is read once, and destroyed or returned on every path.
 * A chunk of an iterable is copied before the next one is asked for, so that its owner may fill the same buffer again.
 */
export type BlobBody =
  | string
  | Uint8Array
  | ArrayBuffer
  | Blob
  | Readable
  | ReadableStream<Uint8Array>
  | AsyncIterable<Uint8Array>
  | (() => Readable)

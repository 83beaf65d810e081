import type { Readable } from 'node:stream'

/** An open source that becomes a stream only where somebody wants one: a small blob is read faster without. */
export interface LazySource {
  /** All bytes, once; the source is released when it settles. Fails as the stream does. */
  readWhole(): Promise<Uint8Array>
  /** The bytes as a stream, which owns the source from then on. */
  stream(): Readable
  /** Releases what it holds; settles when that is done. */
  release(): Promise<void>
}

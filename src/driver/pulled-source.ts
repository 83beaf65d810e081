import type { Readable } from 'node:stream'

/**
 * A stream of which the bytes can also be had in buffers of the reader's own, which it may use again and again. Whoever
 * reads so reads nothing in another way, and destroys the stream at the end. It fails as the stream does, by `error` too.
 */
export interface PulledSource {
  /** Fills the buffer from its start, and answers how many bytes there are: 0 at the end. One call at a time. */
  readInto(buffer: Uint8Array): Promise<number>
}

/** Whether a stream can be read as a {@link PulledSource}. */
export function isPulled(stream: Readable): stream is Readable & PulledSource {
  return 'readInto' in stream
}

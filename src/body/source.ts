import { Readable } from 'node:stream'
import type { BlobBody } from '../driver/index.js'
import { StorageError } from '../errors/index.js'

/** Any accepted body, opened in one way. */
export interface BodySource {
  /** Bytes, where known before reading. */
  readonly size: number | undefined
  /** Whether `open` may be called again. */
  readonly replayable: boolean
  /** The whole body, where it is in memory already. The caller's own buffer: never write to it. */
  readonly bytes: Uint8Array | undefined
  /** The chunks. A one-shot source throws INVALID_ARGUMENT the second time. */
  open(): AsyncIterable<unknown>
  /** Lets go of a source that will not be read, or not further. Never throws, never waits. */
  release(): void
}

/** Recognises the body's kind. INVALID_ARGUMENT for anything else, and for a stream that was read before. */
export function bodySource(body: BlobBody): BodySource {
  if (typeof body === 'string') return memorySource(Buffer.from(body))
  if (body instanceof Uint8Array) return memorySource(body)
  if (body instanceof ArrayBuffer) return memorySource(new Uint8Array(body))
  if (body instanceof Blob) {
    return { size: body.size, replayable: true, bytes: undefined, open: () => body.stream(), release() {} }
  }
  if (typeof body === 'function') return factorySource(body)
  if (body instanceof Readable) return streamSource(body)
  if (isWebStream(body)) return webSource(body)
  if (isAsyncIterable(body)) return iterableSource(body)
  const kind = body === null ? 'null' : typeof body
  throw invalid(
    `A body of type ${kind} is not accepted.`,
    'Pass a string, bytes, a Blob, a stream or an async iterable of bytes.',
  )
}

/** Lets go of a body that a call refused before it was read. A stream that somebody else reads is left to them. */
export function discardBody(body: BlobBody): void {
  try {
    bodySource(body).release()
  } catch {
    // Not a body that could be held open, or one that is read already.
  }
}

function memorySource(bytes: Uint8Array): BodySource {
  return {
    size: bytes.byteLength,
    replayable: true,
    bytes,
    async *open() {
      yield bytes
    },
    release() {},
  }
}

function factorySource(make: () => Readable): BodySource {
  let current: Readable | undefined
  return {
    size: undefined,
    replayable: true,
    bytes: undefined,
    open() {
      current?.destroy()
      current = make()
      return streamSource(current).open()
    },
    release() {
      current?.destroy()
    },
  }
}

function streamSource(stream: Readable): BodySource {
  if (stream.readableDidRead || stream.readableEnded) {
    throw invalid('The body stream was read already.', 'Pass a stream that nothing else reads.')
  }
  if (stream.destroyed && !stream.errored) {
    throw invalid('The body stream was destroyed already.', 'Pass a stream that is still open.')
  }
  // The stream may fail before its first chunk is asked for; the iteration reports it, so it must not kill the process.
  stream.on('error', () => {})
  return oneShot(
    () => stream,
    () => stream.destroy(),
  )
}

function webSource(stream: ReadableStream<Uint8Array>): BodySource {
  if (stream.locked) throw invalid('The body stream is locked.', 'Pass a stream that nothing else reads.')
  return oneShot(
    () => stream as unknown as AsyncIterable<unknown>,
    () => {
      if (!stream.locked) stream.cancel().catch(() => {})
    },
  )
}

function iterableSource(iterable: AsyncIterable<Uint8Array>): BodySource {
  return oneShot(
    () => iterable,
    () => {},
  )
}

function oneShot(open: () => AsyncIterable<unknown>, release: () => void): BodySource {
  let opened = false
  return {
    size: undefined,
    replayable: false,
    bytes: undefined,
    open() {
      if (opened)
        throw invalid('The body stream was read already.', 'Pass bytes, a Blob or () => stream to allow retries.')
      opened = true
      return open()
    },
    release,
  }
}

function isWebStream(body: object): body is ReadableStream<Uint8Array> {
  return 'getReader' in body && typeof body.getReader === 'function'
}

function isAsyncIterable(body: unknown): body is AsyncIterable<Uint8Array> {
  return typeof body === 'object' && body !== null && Symbol.asyncIterator in body
}

function invalid(message: string, hint: string): StorageError {
  return new StorageError('INVALID_ARGUMENT', message, { operation: 'put', hint, outcome: 'unchanged' })
}

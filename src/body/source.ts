import { Readable } from 'node:stream'
import { types } from 'node:util'
import { type BlobBody, keepsChunks } from '../driver/index.js'
import { StorageError } from '../errors/index.js'

/** One reading of a body. */
export interface OpenBody {
  readonly chunks: AsyncIterable<unknown>
  /** Set where a chunk may be a buffer that its owner fills again, so that it must be copied before the next is taken. */
  readonly reused?: boolean | undefined
  /** Lets go of what this reading holds, a read under way included. Never throws, never waits. */
  release(): void
}

/** Any accepted body, opened in one way. */
export interface BodySource {
  /** Bytes, where known before reading. */
  readonly size: number | undefined
  /** Whether `open` may be called again. */
  readonly replayable: boolean
  /** The whole body, where it is in memory already. The caller's own buffer: never write to it. */
  readonly bytes: Uint8Array | undefined
  /** Begins a reading. A one-shot source throws INVALID_ARGUMENT the second time. */
  open(): OpenBody
  /** Lets go of a source that will not be opened. Never throws, never waits. */
  release(): void
}

/** Recognises the body's kind. INVALID_ARGUMENT for anything else, and for a stream that was read before. */
export function bodySource(body: BlobBody): BodySource {
  if (typeof body === 'string') return memorySource(Buffer.from(body))
  // Not by instanceof: a test runner's sandbox has an Uint8Array of its own.
  if (types.isUint8Array(body)) return memorySource(body)
  if (types.isArrayBuffer(body)) return memorySource(new Uint8Array(body))
  if (body instanceof Blob) return blobSource(body)
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
    open: () => ({ chunks: once(bytes), release() {} }),
    release() {},
  }
}

async function* once(bytes: Uint8Array): AsyncGenerator<Uint8Array, void, undefined> {
  yield bytes
}

function blobSource(blob: Blob): BodySource {
  const open = () => readWeb(blob.stream() as ReadableStream<Uint8Array>)
  return { size: blob.size, replayable: true, bytes: undefined, open, release() {} }
}

function factorySource(make: () => Readable): BodySource {
  function open() {
    const made: unknown = make()
    if (made instanceof Readable) return streamSource(made).open()
    throw invalid('The function given as body returned no Readable.', 'Return a new Node stream from each call.')
  }
  return { size: undefined, replayable: true, bytes: undefined, open, release() {} }
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
  const release = () => {
    stream.destroy()
  }
  return oneShot(() => ({ chunks: stream, release }), release)
}

function webSource(stream: ReadableStream<Uint8Array>): BodySource {
  if (stream.locked) throw invalid('The body stream is locked.', 'Pass a stream that nothing else reads.')
  return oneShot(
    () => readWeb(stream),
    () => {
      if (!stream.locked) stream.cancel().catch(() => {})
    },
  )
}

/** Not by the stream's own iterator: that would wait for a read under way before it cancels, for ever where it is stuck. */
function readWeb(stream: ReadableStream<Uint8Array>): OpenBody {
  const reader = stream.getReader()
  async function* read() {
    try {
      for (;;) {
        const { done, value } = await reader.read()
        if (done) return
        yield value
      }
    } finally {
      reader.releaseLock()
    }
  }
  const release = () => {
    reader.cancel().catch(() => {})
  }
  return { chunks: read(), release }
}

function iterableSource(iterable: AsyncIterable<Uint8Array>): BodySource {
  return oneShot(
    () => ({ chunks: iterable, reused: !keepsChunks(iterable), release() {} }),
    () => {},
  )
}

function oneShot(open: () => OpenBody, release: () => void): BodySource {
  let opened = false
  return {
    size: undefined,
    replayable: false,
    bytes: undefined,
    open() {
      if (opened) {
        throw invalid('The body stream was read already.', 'Pass bytes, a Blob or () => stream to allow retries.')
      }
      opened = true
      return open()
    },
    release() {
      if (!opened) release()
    },
  }
}

function isWebStream(body: unknown): body is ReadableStream<Uint8Array> {
  return typeof body === 'object' && body !== null && 'getReader' in body && typeof body.getReader === 'function'
}

function isAsyncIterable(body: unknown): body is AsyncIterable<Uint8Array> {
  return typeof body === 'object' && body !== null && Symbol.asyncIterator in body
}

function invalid(message: string, hint: string): StorageError {
  return new StorageError('INVALID_ARGUMENT', message, { operation: 'put', hint, outcome: 'unchanged' })
}

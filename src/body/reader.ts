import type { Readable } from 'node:stream'
import { finished } from 'node:stream/promises'
import type { ReadableStream } from 'node:stream/web'
import type { BlobInfo, BlobReader, ResolvedRange } from '../driver/index.js'
import { isStorageError, StorageError } from '../errors/index.js'
import type { LazySource } from './lazy-source.js'
import { webStream } from './web-stream.js'

/**
 * Makes a reader of an open source. It must fail with a StorageError if it ends short, and must release what it holds when
 * destroyed.
 */
export function openReader<Info extends BlobInfo>(
  info: Info,
  source: Readable | LazySource,
  range?: ResolvedRange | undefined,
): BlobReader<Info> {
  return new SourceReader(info, source, range)
}

class SourceReader<Info extends BlobInfo> implements BlobReader<Info> {
  readonly info: Info
  readonly range: ResolvedRange | undefined
  /** Undefined once it is a stream. */
  #lazy: LazySource | undefined
  #stream: Readable | undefined
  #taken = false
  #cancelled = false

  constructor(info: Info, source: Readable | LazySource, range: ResolvedRange | undefined) {
    this.info = info
    this.range = range
    if ('readWhole' in source) this.#lazy = source
    else this.#stream = unheard(source)
  }

  get body(): Readable {
    this.#take()
    return this.#opened()
  }

  stream(): ReadableStream<Uint8Array> {
    return webStream(this.body)
  }

  async bytes(): Promise<Uint8Array> {
    this.#take()
    const chunks: Uint8Array[] = []
    try {
      if (this.#lazy) return await this.#lazy.readWhole()
      for await (const chunk of this.#opened()) chunks.push(chunk)
    } catch (cause) {
      if (isStorageError(cause)) throw cause
      const message = this.#cancelled ? 'The read was cancelled.' : 'The source of the read failed.'
      const code = this.#cancelled ? 'ABORTED' : 'INTERNAL'
      throw new StorageError(code, message, { operation: 'get', key: this.info.key, cause })
    }
    return chunks.length === 1 && chunks[0] ? chunks[0] : Buffer.concat(chunks)
  }

  async text(): Promise<string> {
    return Buffer.from(await this.bytes()).toString('utf8')
  }

  async json(): Promise<unknown> {
    const text = await this.text()
    try {
      return JSON.parse(text)
    } catch (cause) {
      throw new StorageError('INVALID_ARGUMENT', 'The blob holds no JSON.', {
        operation: 'get',
        key: this.info.key,
        hint: 'Read it as text or bytes.',
        cause,
      })
    }
  }

  async cancel(): Promise<void> {
    this.#taken = true
    this.#cancelled = true
    if (this.#lazy) return this.#lazy.release()
    const stream = this.#opened()
    if (stream.closed) return
    stream.destroy()
    // A failure of the source is no failure of giving it up.
    await finished(stream).catch(() => {})
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.cancel()
  }

  #take(): void {
    if (this.#taken) {
      throw new StorageError('INVALID_ARGUMENT', 'The body of this read was taken or cancelled already.', {
        operation: 'get',
        key: this.info.key,
        hint: 'Take body, stream(), bytes(), text() or json() once; get the blob again to read it again.',
      })
    }
    this.#taken = true
  }

  #opened(): Readable {
    this.#stream ??= unheard((this.#lazy as LazySource).stream())
    this.#lazy = undefined
    return this.#stream
  }
}

/** Until somebody reads, nobody listens; the failure is kept by the stream and reported to its reader. */
function unheard(stream: Readable): Readable {
  return stream.on('error', () => {})
}

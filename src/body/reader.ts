import type { Readable } from 'node:stream'
import { finished } from 'node:stream/promises'
import type { ReadableStream } from 'node:stream/web'
import type { BlobInfo, BlobReader, ResolvedRange } from '../driver/index.js'
import { isStorageError, StorageError } from '../errors/index.js'
import { webStream } from './web-stream.js'

/** A source that can hand over all of its bytes at once, faster than by streaming them. Fails as the stream does. */
export interface WholeSource {
  /** All bytes, once; the source is closed when it settles. */
  readWhole(): Promise<Uint8Array>
}

/**
 * Makes a reader of an open source, which may be a {@link WholeSource} too. `source` must fail with a StorageError if it ends short, and must release what it
 * holds when destroyed.
 */
export function openReader<Info extends BlobInfo>(
  info: Info,
  source: Readable & Partial<WholeSource>,
  range?: ResolvedRange | undefined,
): BlobReader<Info> {
  return new StreamReader(info, source, range)
}

class StreamReader<Info extends BlobInfo> implements BlobReader<Info> {
  readonly info: Info
  readonly range: ResolvedRange | undefined
  readonly #source: Readable & Partial<WholeSource>
  #taken = false
  #cancelled = false

  constructor(info: Info, source: Readable & Partial<WholeSource>, range: ResolvedRange | undefined) {
    this.info = info
    this.range = range
    this.#source = source
    // Until somebody reads, nobody listens; the failure is kept by the stream and reported to its reader.
    source.on('error', () => {})
  }

  get body(): Readable {
    return this.#take()
  }

  stream(): ReadableStream<Uint8Array> {
    return webStream(this.#take())
  }

  async bytes(): Promise<Uint8Array> {
    const source = this.#take()
    const chunks: Uint8Array[] = []
    try {
      if (source.readWhole) return await source.readWhole()
      for await (const chunk of source) chunks.push(chunk)
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
    if (this.#source.closed) return
    this.#source.destroy()
    // A failure of the source is no failure of giving it up.
    await finished(this.#source).catch(() => {})
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.cancel()
  }

  #take(): Readable & Partial<WholeSource> {
    if (this.#taken) {
      throw new StorageError('INVALID_ARGUMENT', 'The body of this read was taken or cancelled already.', {
        operation: 'get',
        key: this.info.key,
        hint: 'Take body, stream(), bytes(), text() or json() once; get the blob again to read it again.',
      })
    }
    this.#taken = true
    return this.#source
  }
}

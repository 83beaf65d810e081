import type { Readable } from 'node:stream'
import type { ReadableStream } from 'node:stream/web'
import type { BlobReader, ResolvedRange } from '../driver/index.js'
import type { StoredBlob } from './stored.js'

/** A driver's reader that says what the store knows of the blob. */
export class StoredReader implements BlobReader<StoredBlob> {
  readonly info: StoredBlob
  readonly #reader: BlobReader

  constructor(reader: BlobReader, info: StoredBlob) {
    this.#reader = reader
    this.info = info
  }

  get range(): ResolvedRange | undefined {
    return this.#reader.range
  }

  get body(): Readable {
    return this.#reader.body
  }

  stream(): ReadableStream<Uint8Array> {
    return this.#reader.stream()
  }

  bytes(): Promise<Uint8Array> {
    return this.#reader.bytes()
  }

  text(): Promise<string> {
    return this.#reader.text()
  }

  json(): Promise<unknown> {
    return this.#reader.json()
  }

  cancel(): Promise<void> {
    return this.#reader.cancel()
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#reader.cancel()
  }
}

import { createHash } from 'node:crypto'
import { Readable } from 'node:stream'
import { expect } from 'vitest'
import type { BlobBody, BlobInfo } from '../../src/driver/index.js'
import type { Id } from './world.js'

/** In memory, in the record's file, and in a file of its own beside it. */
export const SIZES = [0, 17, 700, 66_000] as const

const CHUNK_BYTES = 16_384

interface Content {
  readonly bytes: Buffer
  readonly md5: string
}

/** The contents of one sequence. Each names itself in its bytes and in its attributes, so that neither can be mixed up. */
export class Contents {
  readonly #contents: Content[] = []
  readonly #byHash = new Map<string, Id>()

  make(size: number): Id {
    const id = this.#contents.length
    const text = `#${id};`
    const length = Math.max(size, size === 0 && id === 0 ? 0 : text.length)
    const bytes = Buffer.alloc(length, text)
    const md5 = createHash('md5').update(bytes).digest('hex')
    this.#contents.push({ bytes, md5 })
    this.#byHash.set(md5, id)
    return id
  }

  attributes(id: Id): { readonly contentType: string; readonly metadata: Record<string, string> } {
    return { contentType: `text/x-${id}`, metadata: { id: `${id}` } }
  }

  body(id: Id, as: 'bytes' | 'stream' | 'lazy'): BlobBody {
    const { bytes } = this.#of(id)
    if (as === 'bytes') return bytes
    return as === 'stream' ? this.stream(id) : () => this.stream(id)
  }

  /** `at` is called before each chunk, and may end the stream by throwing. */
  stream(id: Id, at: (sent: number) => unknown = () => {}): Readable {
    const { bytes } = this.#of(id)
    async function* chunks() {
      for (let sent = 0; sent < bytes.byteLength; sent += CHUNK_BYTES) {
        at(sent)
        yield bytes.subarray(sent, sent + CHUNK_BYTES)
      }
      at(bytes.byteLength)
    }
    return Readable.from(chunks(), { objectMode: false })
  }

  etag(id: Id): string {
    return this.#of(id).md5
  }

  /** The content that the bytes are, whole. */
  idOf(bytes: Uint8Array): Id {
    const id = this.#byHash.get(createHash('md5').update(bytes).digest('hex'))
    expect(id, `${bytes.byteLength} bytes are none of the contents put`).toBeDefined()
    return id as Id
  }

  idOfEtag(etag: string): Id | undefined {
    return this.#byHash.get(etag)
  }

  /** The content that the attributes belong to. */
  idOfInfo({ metadata, contentType, size }: BlobInfo): Id {
    const id = Number(metadata.id)
    expect([contentType, size]).toEqual([`text/x-${id}`, this.#of(id).bytes.byteLength])
    return id
  }

  size(id: Id): number {
    return this.#of(id).bytes.byteLength
  }

  #of(id: Id): Content {
    return this.#contents[id] as Content
  }
}

import { randomBytes } from 'node:crypto'
import { Readable } from 'node:stream'
import type { BlobReader } from '../driver/index.js'
import type { Span } from './range.js'

/** A body of several parts (RFC 9110 section 14.6). */
export interface Byteranges {
  readonly contentType: string
  /** Bytes of the whole body, the lines between the parts included. */
  readonly length: number
  readonly body: Readable
}

export interface ByterangesOptions {
  /** Content-Type of each part. */
  readonly contentType: string
  /** Bytes of the whole blob. */
  readonly size: number
  readonly spans: readonly Span[]
  /** Open at the first span. */
  readonly first: BlobReader
  /** Opens the same version at another span. */
  open(span: Span): Promise<BlobReader>
}

/** Sends the spans in their order, each opened when the one before has been sent: one at a time is held open. */
export function byteranges({ contentType, size, spans, first, open }: ByterangesOptions): Byteranges {
  const boundary = randomBytes(18).toString('base64url')
  const heads = spans.map(({ start, end }, i) => {
    const lines = [`--${boundary}`, `Content-Type: ${contentType}`, `Content-Range: bytes ${start}-${end}/${size}`]
    return Buffer.from(`${i === 0 ? '' : '\r\n'}${lines.join('\r\n')}\r\n\r\n`, 'latin1')
  })
  const tail = Buffer.from(`\r\n--${boundary}--\r\n`)
  const length = spans.reduce((sum, { start, end }, i) => {
    return sum + end - start + 1 + (heads[i]?.byteLength ?? 0)
  }, tail.byteLength)

  async function* parts(): AsyncGenerator<Uint8Array> {
    for (const [i, span] of spans.entries()) {
      const reader = i === 0 ? first : await open(span)
      try {
        yield heads[i] as Buffer
        yield* reader.body
      } finally {
        // Also where it is given up between the two: nobody else knows of this part.
        await reader.cancel()
      }
    }
    yield tail
  }

  const body = Readable.from(parts(), { objectMode: false, highWaterMark: 1 })
  // A body that is given up before its first part was begun would leave that part open.
  body.once('close', () => void first.cancel())
  return { contentType: `multipart/byteranges; boundary=${boundary}`, length, body }
}

import { brokeOff, malformed } from '../refusals.js'
import { type PartHeaders, parsePartHeaders } from './part-headers.js'

export interface MultipartLimits {
  /** Bytes of the header block of a part. */
  readonly headerSize: number
  /** Header fields of a part. */
  readonly headerFields: number
}

export interface Part {
  readonly headers: PartHeaders
  /** The bytes, once. What is not read is passed over when the next part is asked for. */
  readonly body: AsyncGenerator<Buffer, void, undefined>
}

const DASHES = Buffer.from('--')
const CRLF = Buffer.from('\r\n')
const HEADERS_END = Buffer.from('\r\n\r\n')
/** Blanks that may stand behind a boundary (RFC 2046 section 5.1.1, transport padding). */
const MAX_PADDING = 256

/**
 * Reads a multipart body (RFC 2046 section 5.1) part by part, as fast as its reader asks. Holds one chunk of the body, and
 * of the header block of a part as much as the limit allows.
 *
 * It is strict where readers differ about what a body means: line breaks are CR LF, a boundary stands alone in its
 * line, the last one must be there. Whatever is refused throws, from `next` or from the body of a part; nothing is
 * passed over in silence but what stands before the first boundary and behind the last.
 */
export class MultipartReader {
  readonly #take: () => Promise<Uint8Array | undefined>
  readonly #delimiter: Buffer
  readonly #limits: MultipartLimits
  /** The first boundary may be the first line, and is found like any other behind a line break. */
  #buffer: Buffer = CRLF
  /** Whether bytes of a part, or what stands before the first one, may still come. */
  #inPart = true
  #part = 0

  /** `take` answers the next bytes, or undefined at the end. */
  constructor(take: () => Promise<Uint8Array | undefined>, boundary: string, limits: MultipartLimits) {
    this.#take = take
    this.#delimiter = Buffer.from(`\r\n--${boundary}`, 'latin1')
    this.#limits = limits
  }

  /** The next part; undefined once the whole body was read. Not to be called while the part before is being read. */
  async next(): Promise<Part | undefined> {
    const part = ++this.#part
    while (this.#inPart) await this.#piece()
    await this.#fill(DASHES.length)
    if (this.#buffer.subarray(0, DASHES.length).equals(DASHES)) {
      while ((await this.#take()) !== undefined);
      return undefined
    }
    await this.#padding()
    const headers = parsePartHeaders(await this.#headerBlock(), this.#limits.headerFields)
    this.#inPart = true
    return { headers, body: this.#body(part) }
  }

  async *#body(part: number): AsyncGenerator<Buffer, void, undefined> {
    while (this.#part === part && this.#inPart) {
      const piece = await this.#piece()
      if (piece) yield piece
    }
  }

  /** The next bytes in front of the boundary; undefined where none came and the boundary was passed instead. */
  async #piece(): Promise<Buffer | undefined> {
    for (;;) {
      const at = this.#buffer.indexOf(this.#delimiter)
      const end = at < 0 ? this.#buffer.byteLength - begun(this.#buffer, this.#delimiter) : at
      if (end > 0) return this.#shift(end)
      if (at === 0) {
        this.#shift(this.#delimiter.byteLength)
        this.#inPart = false
        return undefined
      }
      await this.#more()
    }
  }

  async #padding(): Promise<void> {
    for (;;) {
      const end = this.#buffer.findIndex((byte) => byte !== 0x20 && byte !== 0x09)
      if (end > MAX_PADDING || (end < 0 && this.#buffer.byteLength > MAX_PADDING)) break
      if (end >= 0 && this.#buffer.byteLength >= end + CRLF.byteLength) {
        this.#shift(end)
        if (this.#buffer.subarray(0, CRLF.byteLength).equals(CRLF)) return
        break
      }
      await this.#more()
    }
    throw malformed('a boundary does not stand alone in its line')
  }

  /** The lines of a header block, without the line break of the boundary in front of them. */
  async #headerBlock(): Promise<Buffer> {
    const { headerSize } = this.#limits
    for (;;) {
      const end = this.#buffer.indexOf(HEADERS_END)
      const size = end < 0 ? this.#buffer.byteLength - HEADERS_END.byteLength : end
      if (size - CRLF.byteLength > headerSize)
        throw malformed(`a part has more than ${headerSize} bytes of header fields`)
      if (end >= 0) {
        const block = this.#shift(end).subarray(CRLF.byteLength)
        this.#shift(HEADERS_END.byteLength)
        return block
      }
      await this.#more()
    }
  }

  #shift(bytes: number): Buffer {
    const taken = this.#buffer.subarray(0, bytes)
    this.#buffer = this.#buffer.subarray(bytes)
    return taken
  }

  async #fill(bytes: number): Promise<void> {
    while (this.#buffer.byteLength < bytes) await this.#more()
  }

  async #more(): Promise<void> {
    const chunk = await this.#take()
    if (chunk === undefined) throw brokeOff('the last boundary is missing')
    const bytes = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength)
    this.#buffer = this.#buffer.byteLength === 0 ? bytes : Buffer.concat([this.#buffer, bytes])
  }
}

/** How many bytes at the end may be the beginning of the delimiter, which holds one CR, its first byte. */
function begun(buffer: Buffer, delimiter: Buffer): number {
  const from = Math.max(0, buffer.byteLength - delimiter.byteLength + 1)
  for (let at = buffer.indexOf(0x0d, from); at >= 0; at = buffer.indexOf(0x0d, at + 1)) {
    const size = buffer.byteLength - at
    if (delimiter.subarray(0, size).equals(buffer.subarray(at))) return size
  }
  return 0
}

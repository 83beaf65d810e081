import { createHash, type Hash } from 'node:crypto'

/** The ETag that S3 gives: the MD5 of a body of one part, else the MD5 of its parts' MD5s and their number. */
export class PartsEtag {
  readonly #partSize: number
  readonly #parts: Buffer[] = []
  #part: Hash = createHash('md5')
  #bytes = 0

  /** @param partSize bytes of each part but the last; bodies up to this size are one part. */
  constructor(partSize: number) {
    this.#partSize = partSize
  }

  update(chunk: Uint8Array): void {
    let rest = chunk
    while (rest.byteLength > 0) {
      // Closed only when more follows, so that a body of exactly one part stays one.
      if (this.#bytes === this.#partSize) {
        this.#parts.push(this.#part.digest())
        this.#part = createHash('md5')
        this.#bytes = 0
      }
      const bytes = rest.subarray(0, this.#partSize - this.#bytes)
      this.#part.update(bytes)
      this.#bytes += bytes.byteLength
      rest = rest.subarray(bytes.byteLength)
    }
  }

  /** Unquoted. */
  digest(): string {
    const last = this.#part.digest()
    if (this.#parts.length === 0) return last.toString('hex')
    const all = createHash('md5')
    for (const part of [...this.#parts, last]) all.update(part)
    return `${all.digest('hex')}-${this.#parts.length + 1}`
  }
}

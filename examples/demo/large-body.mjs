import { createCipheriv, createHash } from 'node:crypto'
import { Readable } from 'node:stream'

/** A stream of `size` bytes that do not repeat, and the sha256 of what has been read of it. */
export function pseudoRandomStream(size) {
  const cipher = createCipheriv('aes-128-ctr', Buffer.alloc(16, 1), Buffer.alloc(16))
  const zeros = Buffer.alloc(64 * 1024)
  const hash = createHash('sha256')
  async function* chunks() {
    for (let left = size; left > 0; left -= zeros.length) {
      const chunk = cipher.update(zeros.subarray(0, Math.min(left, zeros.length)))
      hash.update(chunk)
      yield chunk
    }
  }
  return { stream: Readable.from(chunks(), { objectMode: false }), sha256: () => hash.copy().digest('hex') }
}

export async function sha256Of(stream) {
  const hash = createHash('sha256')
  for await (const chunk of stream) hash.update(chunk)
  return hash.digest('hex')
}

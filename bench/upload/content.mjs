// What is uploaded: made on the way, the same every time, so that nobody has to keep it to compare with it.
import { createHash } from 'node:crypto'

const PIECE = 256 * 1024
/** Its length is a prime, so that a piece in the wrong place shows. */
const block = Buffer.from(Uint8Array.from({ length: 1_000_003 }, (_, i) => Math.imul(i, 2654435761) >>> 24))

/** The bytes, in pieces that are never written to. */
export function* pieces(bytes) {
  for (let at = 0; at < bytes; ) {
    const from = at % block.length
    const piece = block.subarray(from, Math.min(from + PIECE, from + bytes - at))
    at += piece.length
    yield piece
  }
}

/** sha256 of so many of them. */
export function hashOf(bytes) {
  const hash = createHash('sha256')
  for (const piece of pieces(bytes)) hash.update(piece)
  return hash.digest('hex')
}

/** sha256 and size of a stream. */
export async function readThrough(stream) {
  const hash = createHash('sha256')
  let size = 0
  for await (const chunk of stream) {
    hash.update(chunk)
    size += chunk.length
  }
  return { size, sha256: hash.digest('hex') }
}

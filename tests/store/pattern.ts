/** Its length is a prime, so that no power of two shifted into the pattern looks the same. */
const block = Uint8Array.from({ length: 1_000_003 }, (_, i) => Math.imul(i, 2654435761) >>> 24)

/** Bytes by which a piece that is missing, doubled or in the wrong place shows. Cheap, and the same every time. */
export function pattern(start: number, length: number): Buffer {
  const bytes = Buffer.allocUnsafe(length)
  for (let at = 0; at < length; ) {
    const from = (start + at) % block.length
    const part = block.subarray(from, from + length - at)
    bytes.set(part, at)
    at += part.length
  }
  return bytes
}

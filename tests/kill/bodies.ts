import { pattern } from '../store/pattern.js'

/** What a body says of itself: the key it was written to, and a number that no other write of the run has. */
export interface Writing {
  readonly key: string
  readonly seq: number
}

/** Bodies are at least this long, so that they hold their first line. */
export const MIN_BODY = 200

/**
 * A body that tells whether it is whole: a line of JSON with key, number and length, and from there on to its end bytes
 * that follow from the number, so that each of them is a check of all that was said.
 */
export function makeBody(key: string, seq: number, size: number): Buffer {
  const bytes = pattern(fillFrom(seq), Math.max(size, MIN_BODY))
  bytes.write(`${JSON.stringify({ key, seq, size: bytes.byteLength })}\n`)
  return bytes
}

/** What the body says; throws where it is torn, mixed with another one, or none of ours. */
export function readBody(bytes: Uint8Array): Writing {
  const body = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const { key, seq, size } = parseHeader(body)
  if (size !== body.byteLength) throw new Error(`the body of ${key}#${seq} has ${body.byteLength} bytes, not ${size}`)
  if (!makeBody(key, seq, size).equals(body)) throw new Error(`the body of ${key}#${seq} is torn`)
  return { key, seq }
}

/** The first line alone: of a body that is only passing by. */
export function parseHeader(start: Buffer): Writing & { readonly size: number } {
  const end = start.subarray(0, MIN_BODY).indexOf(0x0a)
  try {
    const { key, seq, size } = JSON.parse(start.toString('utf8', 0, Math.max(end, 0)))
    if (typeof key === 'string' && Number.isInteger(seq) && Number.isInteger(size)) return { key, seq, size }
  } catch {
    // Said below.
  }
  throw new Error(`a body of ${start.byteLength} bytes does not say what it is: ${start.toString('latin1', 0, 40)}`)
}

function fillFrom(seq: number): number {
  return (seq * 9973) % 1_000_003
}

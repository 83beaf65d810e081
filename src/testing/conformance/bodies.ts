import assert from 'node:assert/strict'
import { Readable } from 'node:stream'
import type { ReadableStream } from 'node:stream/web'

/** `size` bytes that look random and are the same for the same seed. */
export function pattern(size: number, seed = 1): Uint8Array {
  const words = new Uint32Array(Math.ceil(size / 4))
  let state = (seed * 2654435761) >>> 0 || 1
  for (let i = 0; i < words.length; i++) {
    state ^= state << 13
    state ^= state >>> 17
    state ^= state << 5
    words[i] = state >>> 0
  }
  return new Uint8Array(words.buffer, 0, size)
}

/** The bytes in chunks of `chunkSize`. */
export async function* chunks(bytes: Uint8Array, chunkSize = 64 * 1024): AsyncGenerator<Uint8Array, void, undefined> {
  for (let offset = 0; offset < bytes.byteLength; offset += chunkSize) yield bytes.subarray(offset, offset + chunkSize)
}

export function nodeStream(bytes: Uint8Array, chunkSize?: number): Readable {
  return Readable.from(chunks(bytes, chunkSize), { objectMode: false })
}

export function webStream(bytes: Uint8Array, chunkSize?: number): ReadableStream<Uint8Array> {
  return Readable.toWeb(nodeStream(bytes, chunkSize)) as ReadableStream<Uint8Array>
}

/** A stream that fails with `error` once `bytes` have gone out. */
export function failingStream(bytes: Uint8Array, error: Error): Readable {
  async function* source() {
    yield* chunks(bytes)
    throw error
  }
  return Readable.from(source(), { objectMode: false })
}

/** A stream that stands still in the middle. */
export interface HeldBody {
  readonly body: Readable
  /** Settles once `bytes` were taken and more is asked for. */
  readonly held: Promise<void>
  /** Goes on with `rest`, then ends. */
  finish(rest?: Uint8Array): void
}

/** A stream that gives `bytes` and then nothing until told so. */
export function heldBody(bytes: Uint8Array): HeldBody {
  const source = chunks(bytes)
  let reach = () => {}
  const held = new Promise<void>((resolve) => {
    reach = resolve
  })
  const body = new Readable({
    highWaterMark: 64 * 1024,
    read() {
      source.next().then(
        ({ value }) => {
          if (value === undefined) reach()
          else body.push(value)
        },
        (error: Error) => body.destroy(error),
      )
    },
  })
  const finish = (rest?: Uint8Array) => {
    if (rest !== undefined && rest.byteLength > 0) body.push(rest)
    body.push(null)
  }
  return { body, held, finish }
}

/** The two must be equal; says where they are not, rather than printing megabytes. */
export function sameBytes(actual: Uint8Array, expected: Uint8Array, what = 'the bytes'): void {
  const equal = Buffer.from(actual.buffer, actual.byteOffset, actual.byteLength).equals(expected)
  if (equal) return
  const at = actual.findIndex((byte, i) => byte !== expected[i])
  const where =
    actual.byteLength === expected.byteLength || (at >= 0 && at < expected.byteLength) ? `, first at ${at}` : ''
  assert.fail(`${what} differ: ${actual.byteLength} bytes, expected ${expected.byteLength}${where}`)
}

/** Bytes that say which of several bodies they are part of, all over. */
export function tagged(id: number, size: number): Uint8Array {
  return new Uint8Array(size).fill(id)
}

/** The id of a {@link tagged} body that is whole, given the size of each; fails on a mixture or a cut. */
export function wholeTag(bytes: Uint8Array, sizeOf: (id: number) => number): number {
  const id = bytes[0]
  assert.ok(id !== undefined, 'the body is empty')
  assert.ok(
    bytes.every((byte) => byte === id),
    'the body mixes two versions',
  )
  assert.equal(bytes.byteLength, sizeOf(id), 'the body was cut')
  return id
}

/** A piece of a body. All but the last have exactly the part size. */
export interface Part {
  /** Counted from 1. */
  readonly number: number
  readonly bytes: Uint8Array
  readonly last: boolean
  /** Gives the memory back for a later part, once the bytes are not needed any more. */
  release(): void
}

export interface ReadPartsOptions {
  readonly partSize: number
  /** Bytes of the whole, where known. */
  readonly size?: number | undefined
  /** Buffers to keep for reuse. */
  readonly buffers: number
}

/** Below this, chunks are kept as they come, so that a small body never costs a buffer of a whole part. */
const SMALL = 256 * 1024

/**
 * Cuts a body into parts that lie whole in memory, so that a failed one can be sent again. The first part already says
 * whether it is the only one. Memory is one buffer for each part that is not released yet, and one being filled.
 */
export async function* readParts(
  chunks: AsyncIterable<Uint8Array>,
  { partSize, size, buffers }: ReadPartsOptions,
): AsyncGenerator<Part, void> {
  const free: Buffer[] = []
  let number = 1
  let loose: Uint8Array[] = []
  let buffer: Buffer | undefined
  let filled = 0

  function append(chunk: Uint8Array): void {
    if (buffer === undefined && filled + chunk.byteLength > SMALL) {
      buffer =
        free.pop() ?? Buffer.allocUnsafeSlow(Math.min(partSize, Math.max(size ?? partSize, filled + chunk.byteLength)))
      let at = 0
      for (const piece of loose) {
        buffer.set(piece, at)
        at += piece.byteLength
      }
      loose = []
    }
    if (buffer) buffer.set(chunk, filled)
    else loose.push(chunk)
    filled += chunk.byteLength
  }

  function cut(last: boolean): Part {
    const taken = buffer
    const bytes = taken?.subarray(0, filled) ?? (loose.length === 1 ? loose[0] : undefined) ?? Buffer.concat(loose)
    buffer = undefined
    loose = []
    filled = 0
    const release = () => {
      if (taken && taken.byteLength === partSize && free.length < buffers) free.push(taken)
    }
    return { number: number++, bytes, last, release }
  }

  for await (const whole of chunks) {
    let chunk = whole
    while (chunk.byteLength > 0) {
      if (filled === partSize) yield cut(false)
      if (filled === 0 && chunk.byteLength > partSize) {
        // Large pieces that are in memory already are sent from where they lie.
        yield { number: number++, bytes: chunk.subarray(0, partSize), last: false, release() {} }
        chunk = chunk.subarray(partSize)
        continue
      }
      if (filled === 0 && chunk.byteLength === size) {
        loose.push(chunk)
        filled = chunk.byteLength
        break
      }
      const piece = chunk.subarray(0, partSize - filled)
      append(piece)
      chunk = chunk.subarray(piece.byteLength)
    }
  }
  yield cut(true)
}

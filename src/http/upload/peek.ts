export interface Peeked {
  /** The first bytes; fewer than were asked for only where there are no more. */
  readonly head: Buffer
  /** All bytes, the first ones included. */
  readonly all: AsyncGenerator<Uint8Array, void, undefined>
}

/** Looks at the first bytes of a body without taking them away. */
export async function peek(body: AsyncGenerator<Uint8Array, void, undefined>, bytes: number): Promise<Peeked> {
  const chunks: Uint8Array[] = []
  let size = 0
  let ended = false
  while (size < bytes && !ended) {
    const step = await body.next()
    ended = step.done === true
    if (step.done) break
    chunks.push(step.value)
    size += step.value.byteLength
  }
  async function* all(): AsyncGenerator<Uint8Array, void, undefined> {
    yield* chunks
    chunks.length = 0
    if (!ended) yield* body
  }
  return { head: Buffer.concat(chunks).subarray(0, bytes), all: all() }
}

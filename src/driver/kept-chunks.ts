/** Iterables whose chunks stay as they are. */
const kept = new WeakSet<object>()

/** The iterable, as one of which no chunk is ever filled anew: whoever takes it in need not copy them. */
export function keptChunks<T extends AsyncIterable<Uint8Array>>(iterable: T): T {
  kept.add(iterable)
  return iterable
}

/** Whether it was given as such. */
export function keepsChunks(iterable: object): boolean {
  return kept.has(iterable)
}

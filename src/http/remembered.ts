/** A longer text is worth no memory. */
const MAX_LENGTH = 512

/**
 * A pure function of a text that remembers what it answered last, for at most `limit` texts: a server says the same of the
 * same files, over and over.
 */
export function remembered<T>(limit: number, answer: (text: string) => T): (text: string) => T {
  const known = new Map<string, T>()
  return (text) => {
    const before = known.get(text)
    if (before !== undefined) return before
    const found = answer(text)
    if (text.length <= MAX_LENGTH) {
      if (known.size >= limit) known.clear()
      known.set(text, found)
    }
    return found
  }
}

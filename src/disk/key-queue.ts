/** Lets the changes of one key go one after the other, in the order asked, within this process. */
export class KeyQueue {
  readonly #tails = new Map<string, Promise<void>>()

  /** Runs `work` alone among those of the same key, and answers as it does. */
  async run<T>(key: string, work: () => Promise<T>): Promise<T> {
    const before = this.#tails.get(key)
    let leave = () => {}
    const mine = new Promise<void>((resolve) => {
      leave = resolve
    })
    const tail = before ? before.then(() => mine) : mine
    this.#tails.set(key, tail)
    try {
      await before
      return await work()
    } finally {
      leave()
      if (this.#tails.get(key) === tail) this.#tails.delete(key)
    }
  }
}

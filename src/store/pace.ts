const FIRST = 4

/**
 * How many calls at once a driver is given: one more for every round of them that goes well, half as many when it asks
 * to slow down (additive increase, multiplicative decrease: RFC 5681 section 3.1).
 */
export class Pace {
  readonly #most: number
  #limit: number

  constructor(most: number) {
    this.#most = most
    this.#limit = Math.min(FIRST, most)
  }

  get limit(): number {
    return Math.floor(this.#limit)
  }

  faster(): void {
    this.#limit = Math.min(this.#most, this.#limit + 1 / this.#limit)
  }

  slower(): void {
    this.#limit = Math.max(1, this.#limit / 2)
  }
}

/** Does the work for each item, so many at once as the pace allows. Rejects with the first failure, once all has ended. */
export async function paced<T>(items: Iterable<T>, pace: Pace, work: (item: T) => Promise<void>): Promise<void> {
  const running = new Set<Promise<void>>()
  let failure: { readonly error: unknown } | undefined
  for (const item of items) {
    while (running.size >= pace.limit) await Promise.race(running)
    if (failure) break
    const one = work(item)
      .catch((error: unknown) => {
        failure ??= { error }
      })
      .finally(() => running.delete(one))
    running.add(one)
  }
  await Promise.all(running)
  if (failure) throw failure.error
}

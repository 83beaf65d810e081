interface Gate {
  /** Calls inside or waiting; the gate is forgotten with the last one. */
  users: number
  /** How many hold the key together. */
  shared: number
  exclusive: Promise<void> | undefined
}

/**
 * Keeps a blob's move to another driver apart from other changes of the same key, within this process. Puts and deletes
 * of one key go on side by side, since a body may take for ever to arrive; the drivers put them in order. A move waits
 * for none of them, it gives up; but a change waits for a move under way, which has its body at hand.
 */
export class KeyGate {
  readonly #gates = new Map<string, Gate>()

  /** Runs `work` beside other shared work on the key, after exclusive work under way. */
  shared<T>(key: string, work: () => Promise<T>): Promise<T> {
    return this.#enter(key, async (gate) => {
      gate.shared++
      try {
        return await work()
      } finally {
        gate.shared--
      }
    })
  }

  /**
   * Runs `work` alone on the key, after other exclusive work. Answers undefined, without running it, if shared work is
   * under way.
   */
  exclusive<T>(key: string, work: () => Promise<T>): Promise<{ readonly value: T } | undefined> {
    return this.#enter(key, async (gate) => {
      if (gate.shared > 0) return undefined
      let open = () => {}
      gate.exclusive = new Promise((resolve) => {
        open = resolve
      })
      try {
        return { value: await work() }
      } finally {
        gate.exclusive = undefined
        open()
      }
    })
  }

  async #enter<T>(key: string, work: (gate: Gate) => Promise<T>): Promise<T> {
    const gate = this.#gates.get(key) ?? { users: 0, shared: 0, exclusive: undefined }
    this.#gates.set(key, gate)
    gate.users++
    try {
      while (gate.exclusive) await gate.exclusive
      return await work(gate)
    } finally {
      if (--gate.users === 0) this.#gates.delete(key)
    }
  }
}

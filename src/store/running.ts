import { StorageError } from '../errors/index.js'

/** The calls of a store that are under way, so that closing can wait for them. */
export class RunningCalls {
  readonly #running = new Set<Promise<unknown>>()
  #closed = false

  /** Runs a call; CONFIGURATION once the store is closed. */
  async run<T>(operation: string, call: () => Promise<T>): Promise<T> {
    this.assertOpen(operation)
    const running = call()
    this.#running.add(running)
    try {
      return await running
    } finally {
      this.#running.delete(running)
    }
  }

  assertOpen(operation: string): void {
    if (!this.#closed) return
    throw new StorageError('CONFIGURATION', 'The store is closed.', {
      operation,
      hint: 'Close a store when nothing uses it any more; make a new one to go on.',
      outcome: 'unchanged',
    })
  }

  /** Lets nothing new in, and resolves when everything under way has ended, well or not. */
  async end(): Promise<void> {
    this.#closed = true
    await Promise.allSettled(this.#running)
  }
}

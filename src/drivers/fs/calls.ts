import { diskError } from '../../disk/index.js'
import { isStorageError, StorageError } from '../../errors/index.js'
import { assertKey } from '../../keys/index.js'
import type { OpenBody } from './open-body.js'

/** Knows what runs, so that close can wait for it, and makes every failure a StorageError that says where it happened. */
export class Calls {
  readonly #running = new Set<Promise<unknown>>()
  readonly #bodies = new Set<OpenBody>()
  #isClosed = false

  async run<T>(
    operation: string,
    key: string | undefined,
    signal: AbortSignal | undefined,
    action: () => Promise<T>,
  ): Promise<T> {
    if (this.#isClosed) {
      throw new StorageError('CONFIGURATION', 'The driver is closed.', {
        operation,
        key,
        driver: 'fs',
        hint: 'Make a new FsDriver, or close it later.',
        outcome: 'unchanged',
      })
    }
    const call = this.attempt(operation, key, signal, action)
    const settled = call.then(
      () => {},
      () => {},
    )
    this.#running.add(settled)
    try {
      return await call
    } finally {
      this.#running.delete(settled)
    }
  }

  /** A call within one that runs already: checked and reported in the same way. */
  async attempt<T>(
    operation: string,
    key: string | undefined,
    signal: AbortSignal | undefined,
    action: () => Promise<T>,
  ): Promise<T> {
    const facts = { operation, key, driver: 'fs' }
    if (key !== undefined || needsKey(operation)) assertKey(key, operation)
    if (signal?.aborted) throw abortedCall(facts, signal)
    try {
      return await action()
    } catch (error) {
      if (signal?.aborted && error === signal.reason) throw abortedCall(facts, signal)
      throw located(error, facts)
    }
  }

  opened(body: OpenBody): void {
    this.#bodies.add(body)
  }

  closed(body: OpenBody): void {
    this.#bodies.delete(body)
  }

  async close(): Promise<void> {
    this.#isClosed = true
    while (this.#running.size > 0) await Promise.all(this.#running)
    const closed = () => new StorageError('ABORTED', 'The driver was closed.', { operation: 'get', driver: 'fs' })
    await Promise.all([...this.#bodies].map((body) => body.end(closed())))
  }
}

function needsKey(operation: string): boolean {
  return !['list', 'deleteMany', 'sweep'].includes(operation)
}

interface CallFacts {
  readonly operation: string
  readonly key: string | undefined
  readonly driver: string
}

function located(error: unknown, facts: CallFacts): StorageError {
  // What fails behind the one call that publishes says so itself.
  if (!isStorageError(error)) return diskError(error, `The ${facts.operation}`, { ...facts, ...unchanged(facts) })
  return error.with({
    operation: error.operation ?? facts.operation,
    key: error.key ?? facts.key,
    driver: error.driver ?? facts.driver,
    ...(error.outcome === undefined ? unchanged(facts) : {}),
  })
}

const changes = ['put', 'delete', 'copy', 'move', 'setVisibility']

function unchanged({ operation }: CallFacts) {
  return changes.includes(operation) ? ({ outcome: 'unchanged' } as const) : {}
}

function abortedCall(facts: CallFacts, signal: AbortSignal): StorageError {
  return new StorageError('ABORTED', `The ${facts.operation} was aborted.`, {
    ...facts,
    outcome: 'unchanged',
    cause: signal.reason,
  })
}

import type { BlobDriver } from '../driver/index.js'
import { isStorageError, StorageError } from '../errors/index.js'
import { quoteKey } from '../keys/index.js'
import { failureKind, namedFailure } from './failures.js'

/** How a driver did lately. */
export interface DriverHealth {
  /** Whether the store has a driver behind this name. */
  readonly configured: boolean
  /** When it last answered a call that had to reach it. */
  readonly lastSuccess?: Date | undefined
  /** The last outage or refusal, even if it answered since. */
  readonly lastError?: { readonly code: string; readonly message: string; readonly at: Date } | undefined
}

/** The drivers of a store by name, and how they do. */
export class DriverSet {
  /** All names, those without a driver included, in the order given. */
  readonly names: readonly string[]
  readonly #drivers = new Map<string, BlobDriver>()
  readonly #health = new Map<string, DriverHealth>()

  constructor(drivers: Readonly<Record<string, BlobDriver | undefined>>) {
    this.names = Object.keys(drivers)
    for (const [name, driver] of Object.entries(drivers)) {
      if (driver !== undefined) this.#drivers.set(name, driver)
      this.#health.set(name, { configured: driver !== undefined })
    }
  }

  get(name: string): BlobDriver | undefined {
    return this.#drivers.get(name)
  }

  /** The driver, or CONFIGURATION. */
  need(name: string, operation: string): BlobDriver {
    const driver = this.#drivers.get(name)
    if (driver !== undefined) return driver
    throw new StorageError('CONFIGURATION', `The driver ${quoteKey(name)} is not configured.`, {
      operation,
      driver: name,
      hint: `Configure it, or choose one of: ${[...this.#drivers.keys()].join(', ') || '(there is none)'}.`,
      outcome: 'unchanged',
    })
  }

  configured(): IterableIterator<[string, BlobDriver]> {
    return this.#drivers.entries()
  }

  health(name: string): DriverHealth {
    return this.#health.get(name) ?? { configured: false }
  }

  /** Calls a driver: failures get the store's name for it, and its health is noted. */
  async ask<T>(
    name: string,
    operation: string,
    key: string | undefined,
    call: (driver: BlobDriver) => Promise<T>,
  ): Promise<T> {
    const driver = this.need(name, operation)
    try {
      const answer = await call(driver)
      this.noteSuccess(name)
      return answer
    } catch (error) {
      const failure = namedFailure(error, name, operation, key)
      this.noteFailure(name, failure)
      throw failure
    }
  }

  noteSuccess(name: string): void {
    this.#health.set(name, { ...this.health(name), lastSuccess: new Date() })
  }

  /** An outage or refusal is kept. That a blob is missing is an answer. */
  noteFailure(name: string, failure: StorageError): void {
    if (failureKind(failure)) {
      const { code, message } = failure
      this.#health.set(name, { ...this.health(name), lastError: { code, message, at: new Date() } })
    } else if (isStorageError(failure, 'NOT_FOUND') || isStorageError(failure, 'NOT_MODIFIED')) {
      this.noteSuccess(name)
    }
  }
}

import { type Channel, channel } from 'node:diagnostics_channel'
import type { StorageErrorCode } from '../errors/index.js'

interface BlobEvent {
  readonly key: string
  readonly driver: string
  /** Milliseconds that the call took. */
  readonly ms: number
}

/** What the store tells those who listen, by name. All of it is also published on `hybrid-store:<name>`. */
export interface StoreEvents {
  /** A blob was written to its driver; one that waits for it instead is told by `kept`. */
  readonly put: BlobEvent & { readonly path: string; readonly size: number }
  /** A put ended in the outbox: it fell back (`fallback` says why), or was not to wait for its driver. */
  readonly kept: BlobEvent & {
    readonly path: string
    readonly size: number
    /** The driver that it waits for; `driver` is the one that keeps it. */
    readonly pendingFor: string
  }
  /** A blob was opened for reading. `pending`: it waits in the outbox. */
  readonly get: BlobEvent & { readonly path: string; readonly size: number; readonly pending: boolean }
  /** A key was deleted on every driver where it is looked for. `driver` is the one it was addressed on. */
  readonly delete: BlobEvent
  /**
   * A put, get or delete failed: its call rejects, or tells it for this path (`deleteMany`). NOT_MODIFIED is no failure.
   * That the body of a blob breaks off after it was opened is for its reader to say.
   */
  readonly failed: {
    readonly operation: 'put' | 'get' | 'delete'
    /** What was asked for, as it was given, where no key could be made of it. */
    readonly key: string
    /** The driver that failed, where it was one. */
    readonly driver?: string | undefined
    readonly code: StorageErrorCode
    readonly error: Error
    /** Milliseconds that the call took. */
    readonly ms: number
  }
  /** A put or delete could not reach its driver, and waits in the outbox for it. */
  readonly fallback: {
    readonly key: string
    readonly path: string
    /** The driver that failed. */
    readonly from: string
    /** The driver that keeps the blob meanwhile. */
    readonly to: string
    readonly operation: 'put' | 'delete'
    /** Bytes; 0 for a delete. */
    readonly size: number
    readonly code: StorageErrorCode
    readonly error: Error
  }
  /** A stream goes to its driver without a copy being kept: if the driver fails, the put fails. */
  readonly spool: {
    readonly key: string
    readonly driver: string
    /** `off`: `spool: false`. `budget` and `free-space`: the limits of `spool`. `failed`: writing the copy failed. */
    readonly reason: 'off' | 'budget' | 'free-space' | 'failed'
    readonly error?: Error | undefined
  }
  /** A blob was moved to another driver under its key. */
  readonly relocated: {
    readonly key: string
    readonly from: string
    readonly to: string
    readonly oldPath: string
    readonly newPath: string
  }
  /** What waited was carried out on the driver it was meant for. */
  readonly reconciled: {
    readonly key: string
    readonly driver: string
    readonly path: string
    readonly operation: 'put' | 'delete'
    /** Bytes; 0 for a delete. */
    readonly size: number
    /** Of the blob there now. */
    readonly etag?: string | undefined
  }
  /** Somebody else changed a key while a change of it waited here: see `store.conflicts()`. */
  readonly conflict: {
    readonly id: string
    readonly key: string
    readonly driver: string
    readonly operation: 'put' | 'delete'
    readonly winner: 'local' | 'remote'
    readonly keptAs?: { readonly key: string; readonly path: string } | undefined
  }
  /** A driver with a fallback was found unreachable (`open`), is being tried (`half-open`) or is back (`closed`). */
  readonly circuit: { readonly driver: string; readonly state: 'closed' | 'open' | 'half-open' }
  /** A record of the outbox cannot be trusted and was set aside, with its body. */
  readonly rejected: { readonly name: string; readonly problem: string }
}

export type StoreEventName = keyof StoreEvents

export type StoreListener<E extends StoreEventName> = (event: StoreEvents[E]) => void

/** Kept, so that an event which nobody listens to costs nothing. */
const channels = new Map<StoreEventName, Channel>()

function channelOf(name: StoreEventName): Channel {
  let known = channels.get(name)
  if (known === undefined) {
    known = channel(`hybrid-store:${name}`)
    channels.set(name, known)
  }
  return known
}

const nobody: readonly StoreListener<never>[] = []

/** The listeners of one store. Neither a throwing listener nor a rejecting one ever breaks a call of the store. */
export class StoreEmitter {
  readonly #listeners = new Map<StoreEventName, Set<StoreListener<never>>>()
  readonly #onFailure: (event: StoreEventName, error: unknown) => void

  constructor(onFailure: (event: StoreEventName, error: unknown) => void) {
    this.#onFailure = onFailure
  }

  on<E extends StoreEventName>(name: E, listener: StoreListener<E>): void {
    const listeners = this.#listeners.get(name) ?? new Set()
    this.#listeners.set(name, listeners.add(listener))
  }

  off<E extends StoreEventName>(name: E, listener: StoreListener<E>): void {
    this.#listeners.get(name)?.delete(listener)
  }

  emit<E extends StoreEventName>(name: E, event: StoreEvents[E]): void {
    for (const listener of this.#listeners.get(name) ?? nobody) {
      try {
        const answer: unknown = (listener as (event: StoreEvents[E]) => unknown)(event)
        if (answer instanceof Promise) answer.catch((error) => this.#onFailure(name, error))
      } catch (error) {
        this.#onFailure(name, error)
      }
    }
    const published = channelOf(name)
    if (published.hasSubscribers) published.publish(event)
  }
}

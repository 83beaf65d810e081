import { types } from 'node:util'
import { MAX_TIMEOUT, type PutOptions } from '../driver/index.js'
import { isStorageError, type StorageError } from '../errors/index.js'
import { aborted, bodyFailed, noBytes, silent } from './body-errors.js'
import type { BodySource, OpenBody } from './source.js'

const DEFAULT_IDLE_TIMEOUT = 60_000

interface ReadingOptions extends Pick<PutOptions, 'signal' | 'idleTimeout'> {
  readonly key: string
}

/** One pass over a source: its chunks as bytes, under the caller's signal and the idle timeout. */
export class Reading {
  readonly #source: BodySource
  readonly #options: ReadingOptions
  #open: OpenBody | undefined
  #iterator: AsyncIterator<unknown> | undefined
  #released = false
  /** Ends the wait for the step that is under way. */
  #interrupt: ((error: StorageError) => void) | undefined

  constructor(source: BodySource, options: ReadingOptions) {
    this.#source = source
    this.#options = options
  }

  /** The chunks, none of them empty. Releases the source when left. */
  async *chunks(): AsyncGenerator<Uint8Array, void, undefined> {
    const { key, signal, idleTimeout = DEFAULT_IDLE_TIMEOUT } = this.#options
    const onAbort = () => this.#interrupt?.(aborted(key, signal))
    const onSilence = () => this.#interrupt?.(silent(key, idleTimeout))
    signal?.addEventListener('abort', onAbort, { once: true })
    const timer = idleTimeout > 0 ? setTimeout(onSilence, Math.min(idleTimeout, MAX_TIMEOUT)) : undefined
    try {
      for (;;) {
        // The signal may have been aborted while the consumer was busy, when nothing here was listening.
        if (signal?.aborted) throw aborted(key, signal)
        timer?.refresh()
        const step = await this.#step()
        if (signal?.aborted) throw aborted(key, signal)
        if (step.done) {
          // It ended by itself: a request that is complete must not be destroyed, its answer is still to come.
          this.#released = true
          return
        }
        const chunk = toBytes(key, step.value)
        if (chunk.byteLength > 0) yield this.#open?.reused ? Buffer.from(chunk) : chunk
      }
    } finally {
      clearTimeout(timer)
      signal?.removeEventListener('abort', onAbort)
      this.release()
    }
  }

  /** Lets go of the source, whether a step is under way or not. */
  release(): void {
    if (this.#released) return
    this.#released = true
    this.#source.release()
    this.#open?.release()
    this.#interrupt?.(bodyFailed(this.#options.key, new Error('The body was released before its end.')))
    // Not waited for: a source that is stuck may never answer.
    const leave = async () => this.#iterator?.return?.()
    leave().catch(() => {})
  }

  async #step(): Promise<IteratorResult<unknown>> {
    const { key } = this.#options
    const iterator = this.#begin()
    try {
      return await new Promise<IteratorResult<unknown>>((resolve, reject) => {
        this.#interrupt = reject
        nextOf(iterator).then(resolve, (error) => reject(bodyFailed(key, error)))
      })
    } finally {
      this.#interrupt = undefined
    }
  }

  #begin(): AsyncIterator<unknown> {
    if (this.#iterator) return this.#iterator
    try {
      this.#open = this.#source.open()
      this.#iterator = this.#open.chunks[Symbol.asyncIterator]()
      return this.#iterator
    } catch (error) {
      throw isStorageError(error) ? error : bodyFailed(this.#options.key, error)
    }
  }
}

/** Rejects where the iterator throws at once, or does not answer as the protocol says: it may be anybody's. */
async function nextOf(iterator: AsyncIterator<unknown>): Promise<IteratorResult<unknown>> {
  const step: unknown = await iterator.next()
  if (typeof step === 'object' && step !== null) return step as IteratorResult<unknown>
  throw new TypeError('The iterator of the body answered with something that is no result.')
}

function toBytes(key: string, chunk: unknown): Uint8Array {
  if (types.isUint8Array(chunk)) return chunk
  if (typeof chunk === 'string') return Buffer.from(chunk)
  throw noBytes(key, chunk)
}

import { keptChunks } from '../driver/index.js'
import { StorageError } from '../errors/index.js'
import type { Spool, SpoolSink } from './spool.js'

/**
 * Lets a driver read a one-shot body while a spool keeps a copy, so that whatever the driver does not take can still be
 * read by somebody else. The driver leaving early does not release the body; `close` does.
 */
export class SpoolTee<S extends SpoolSink> {
  readonly #source: AsyncGenerator<Uint8Array, void, undefined>
  readonly #spool: Spool<S> | undefined
  /** The step that is under way; it outlives a driver that left while it was waiting. */
  #step: Promise<IteratorResult<Uint8Array, void>> | undefined
  #spooling: Promise<void> = Promise.resolve()
  #abandoned = false
  #failure: { readonly error: unknown } | undefined

  constructor(source: AsyncGenerator<Uint8Array, void, undefined>, spool: Spool<S> | undefined) {
    this.#source = source
    this.#spool = spool
  }

  /** The body's own failure, if that is what ended the reading. */
  get failure(): { readonly error: unknown } | undefined {
    return this.#failure
  }

  /** For the driver, once. `onStep` hears when it waits for the body, and when it has what it waited for. */
  branch(onStep: (step: 'wanted' | 'taken', bytes: number) => void = () => {}): AsyncIterable<Uint8Array> {
    const next = async (): Promise<IteratorResult<Uint8Array, undefined>> => {
      if (this.#abandoned) throw abandoned()
      onStep('wanted', 0)
      const step = await this.#next()
      // The driver was given up while the body was silent. An end would make it publish half a blob.
      if (this.#abandoned) throw abandoned()
      if (step.done) {
        onStep('taken', 0)
        return { done: true, value: undefined }
      }
      this.#step = undefined
      this.#spooling = this.#spool?.add(step.value) ?? this.#spooling
      onStep('taken', step.value.byteLength)
      return step
    }
    const leave = async (): Promise<IteratorResult<Uint8Array, undefined>> => {
      this.#abandoned = true
      return { done: true, value: undefined }
    }
    // What came out of an intake is nobody else's.
    return keptChunks({ [Symbol.asyncIterator]: () => ({ next, return: leave }) })
  }

  /** Everything: what the spool holds goes into its sink, and what the driver did not take is written behind it. */
  async drain(spool: Spool<S>): Promise<S> {
    this.#abandoned = true
    await this.#spooling
    const sink = await spool.handOver()
    try {
      for (;;) {
        const step = await this.#next()
        this.#step = undefined
        if (step.done) return sink
        await sink.write(step.value)
      }
    } catch (error) {
      await sink.discard()
      throw error
    }
  }

  /** Releases the body and the spool. */
  async close(): Promise<void> {
    this.#abandoned = true
    // A body that is stuck would hold up its own end for ever; it is released when it moves.
    const ended = this.#source.return(undefined)
    if (this.#step === undefined) await ended
    else ended.catch(() => {})
    await this.#spooling
    await this.#spool?.release()
  }

  async #next(): Promise<IteratorResult<Uint8Array, void>> {
    await this.#spooling
    this.#step ??= this.#source.next()
    try {
      return await this.#step
    } catch (error) {
      this.#failure ??= { error }
      throw error
    }
  }
}

function abandoned(): StorageError {
  return new StorageError('ABORTED', 'The body is read by somebody else now.', { operation: 'put' })
}

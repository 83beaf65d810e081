import { createHash, type Hash } from 'node:crypto'
import type { BlobBody, PutOptions } from '../driver/index.js'
import { StorageError } from '../errors/index.js'
import { aborted, checksumMismatch, facts, sizeMismatch, tooLarge } from './body-errors.js'
import { Reading } from './reading.js'
import { type BodySource, bodySource } from './source.js'

export type IntakeHash = 'sha256' | 'md5'

export interface IntakeOptions
  extends Pick<PutOptions, 'size' | 'maxSize' | 'sha256' | 'signal' | 'idleTimeout' | 'onProgress'> {
  readonly key: string
  /** Hashes to compute on the way; sha256 is added where one is expected. None by default. */
  readonly hashes?: readonly IntakeHash[] | undefined
}

/** What went through, known once the last chunk was taken. */
export interface IntakeDigest {
  /** Bytes. */
  readonly size: number
  /** Lower-case hex, where asked for. */
  readonly sha256?: string | undefined
  readonly md5?: string | undefined
}

/**
 * The one way by which a body enters a driver. Its chunks are non-empty and checked: size, maxSize and sha256 as they
 * arrive, so that the iteration throws before its end where the body is not what was declared, and a driver that
 * publishes only after a complete iteration can never publish a bad body.
 *
 * Throws on construction: INVALID_ARGUMENT, and SIZE_MISMATCH, TOO_LARGE where the size is known before reading.
 * While reading: ABORTED, BODY_FAILED (the source's own failure, or silence for `idleTimeout`), SIZE_MISMATCH,
 * TOO_LARGE, CHECKSUM_MISMATCH. All of them are the caller's affair, see `isBodyError`.
 */
export class Intake {
  /** Bytes, where known before reading: the body's own size, else the declared one. */
  readonly size: number | undefined
  /** Whether `read` may be called again. */
  readonly replayable: boolean
  /**
   * The whole body, where it is in memory already; never write to it. Its size is checked, its hash is only by `read`
   * and `take`, which cost no copy.
   */
  readonly bytes: Uint8Array | undefined
  readonly #source: BodySource
  readonly #options: IntakeOptions
  #digest: IntakeDigest | undefined

  constructor(body: BlobBody, options: IntakeOptions) {
    const source = bodySource(body)
    this.#source = source
    this.#options = options
    this.size = source.size ?? options.size
    this.replayable = source.replayable
    this.bytes = source.bytes
    try {
      checkOptions(options)
      if (options.signal?.aborted) throw aborted(options.key, options.signal)
      if (source.size !== undefined && options.size !== undefined && source.size !== options.size) {
        throw sizeMismatch(options.key, options.size, source.size)
      }
      if (options.maxSize !== undefined && this.size !== undefined && this.size > options.maxSize) {
        throw tooLarge(options.key, options.maxSize)
      }
    } catch (error) {
      source.release()
      throw error
    }
  }

  /** What went through; INTERNAL if asked before a `read` has ended. */
  get digest(): IntakeDigest {
    if (this.#digest) return this.#digest
    throw new StorageError('INTERNAL', 'The digest of a body was asked for before the body was read.')
  }

  /**
   * The whole body, checked as by `read` and at once, where it is in memory already; undefined where it must be read.
   * Spares such a body the timer, the listener and the steps of a stream.
   */
  take(): Uint8Array | undefined {
    const { bytes } = this
    if (bytes === undefined) return undefined
    const { key, signal } = this.#options
    if (signal?.aborted) throw aborted(key, signal)
    const hashes = this.#hashes()
    if (bytes.byteLength > 0) this.#pass(bytes, bytes.byteLength, hashes)
    this.#end(bytes.byteLength, hashes)
    return bytes
  }

  /** The checked chunks. Leaving the iteration releases the source, also before the first step and during one. */
  read(): AsyncGenerator<Uint8Array, void, undefined> {
    const reading = new Reading(this.#source, this.#options)
    const chunks = this.#check(reading)
    // A generator runs its cleanup only once it has begun, and only between its steps; a stream that is made of this
    // one may be destroyed at any time.
    const { return: leave, throw: fail } = chunks
    return Object.assign(chunks, {
      return(value: undefined) {
        reading.release()
        return leave.call(chunks, value)
      },
      throw(error: unknown) {
        reading.release()
        return fail.call(chunks, error)
      },
    })
  }

  async *#check(reading: Reading): AsyncGenerator<Uint8Array, void, undefined> {
    const hashes = this.#hashes()
    let bytes = 0
    for await (const chunk of reading.chunks()) {
      bytes += chunk.byteLength
      this.#pass(chunk, bytes, hashes)
      yield chunk
    }
    this.#end(bytes, hashes)
  }

  /** Checks a chunk with which there are `bytes`, and counts it. */
  #pass(chunk: Uint8Array, bytes: number, hashes: ReadonlyMap<IntakeHash, Hash>): void {
    const { key, size: declared = this.#source.size, maxSize, onProgress } = this.#options
    if (maxSize !== undefined && bytes > maxSize) throw tooLarge(key, maxSize)
    if (declared !== undefined && bytes > declared) throw sizeMismatch(key, declared, `more than ${declared}`)
    for (const hash of hashes.values()) hash.update(chunk)
    onProgress?.({ key, bytes, total: declared })
  }

  /** Checks the whole, and keeps its digest. */
  #end(bytes: number, hashes: ReadonlyMap<IntakeHash, Hash>): void {
    const { key, size: declared = this.#source.size } = this.#options
    if (declared !== undefined && bytes !== declared) throw sizeMismatch(key, declared, bytes)
    const sha256 = hashes.get('sha256')?.digest('hex')
    const expected = this.#options.sha256?.toLowerCase()
    if (expected !== undefined && sha256 !== expected) {
      throw checksumMismatch(key, `${sha256}`)
    }
    this.#digest = { size: bytes, sha256, md5: hashes.get('md5')?.digest('hex') }
  }

  /** Lets go of a body that will not be read. */
  release(): void {
    this.#source.release()
  }

  #hashes(): Map<IntakeHash, Hash> {
    const names = new Set(this.#options.hashes)
    if (this.#options.sha256 !== undefined) names.add('sha256')
    return new Map([...names].map((name) => [name, createHash(name)]))
  }
}

function checkOptions(options: IntakeOptions): void {
  for (const name of ['size', 'maxSize', 'idleTimeout'] as const) {
    const value = options[name]
    if (value === undefined || (Number.isSafeInteger(value) && value >= 0)) continue
    throw new StorageError(
      'INVALID_ARGUMENT',
      `${name} is ${String(value)}, not a whole number from 0.`,
      facts(options.key),
    )
  }
  if (options.sha256 !== undefined && !/^[0-9a-f]{64}$/i.test(options.sha256)) {
    throw new StorageError('INVALID_ARGUMENT', 'sha256 is not 64 hexadecimal digits.', facts(options.key))
  }
}

import { createHash, type Hash } from 'node:crypto'
import type { BlobBody, PutOptions } from '../driver/index.js'
import { isStorageError, StorageError } from '../errors/index.js'
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

const DEFAULT_IDLE_TIMEOUT = 60_000

/**
 * The one way by which a body enters a driver. Its chunks are non-empty and checked: size, maxSize and sha256 as they
 * arrive, so that the iteration throws before its end where the body is not what was declared, and a driver that
 * publishes only after a complete iteration can never publish a bad body.
 *
 * Throws on construction: INVALID_ARGUMENT, and SIZE_MISMATCH, TOO_LARGE where the size is known before reading.
 * While reading: ABORTED, BODY_FAILED (the source's own failure, or silence for `idleTimeout`), SIZE_MISMATCH,
 * TOO_LARGE, CHECKSUM_MISMATCH. All of them are the caller's affair, see {@link isBodyError}.
 */
export class Intake {
  /** Bytes, where known before reading: the body's own size, else the declared one. */
  readonly size: number | undefined
  /** Whether `read` may be called again. */
  readonly replayable: boolean
  /** The whole body, checked, where it is in memory already; never write to it. Reading it is not needed then. */
  readonly bytes: Uint8Array | undefined
  readonly #source: BodySource
  readonly #options: IntakeOptions
  #digest: IntakeDigest | undefined

  constructor(body: BlobBody, options: IntakeOptions) {
    checkOptions(options)
    const source = bodySource(body)
    this.#source = source
    this.#options = options
    this.size = source.size ?? options.size
    this.replayable = source.replayable
    this.bytes = source.bytes
    try {
      if (options.signal?.aborted) throw aborted(options)
      if (source.size !== undefined && options.size !== undefined && source.size !== options.size) {
        throw sizeMismatch(options, source.size)
      }
      if (options.maxSize !== undefined && this.size !== undefined && this.size > options.maxSize) {
        throw tooLarge(options)
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

  /** The checked chunks. Leaving the iteration early releases the source. */
  async *read(): AsyncGenerator<Uint8Array, void, undefined> {
    const { key, size: declared = this.#source.size, maxSize, onProgress } = this.#options
    const hashes = this.#hashes()
    let bytes = 0
    for await (const chunk of guard(this.#source, this.#options)) {
      bytes += chunk.byteLength
      if (maxSize !== undefined && bytes > maxSize) throw tooLarge(this.#options)
      if (declared !== undefined && bytes > declared) throw sizeMismatch(this.#options, `more than ${declared}`)
      for (const hash of hashes.values()) hash.update(chunk)
      onProgress?.({ key, bytes, total: declared })
      yield chunk
    }
    if (declared !== undefined && bytes !== declared) throw sizeMismatch(this.#options, bytes)
    const sha256 = hashes.get('sha256')?.digest('hex')
    const expected = this.#options.sha256?.toLowerCase()
    if (expected !== undefined && sha256 !== expected) {
      throw new StorageError(
        'CHECKSUM_MISMATCH',
        `The body hashes to ${sha256}, not to the sha256 expected.`,
        facts(key),
      )
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

/** Whether the caller's body or abort is to blame: such an error says nothing about the storage, and never falls back. */
export function isBodyError(error: unknown): boolean {
  if (!isStorageError(error)) return false
  switch (error.code) {
    case 'ABORTED':
    case 'BODY_FAILED':
    case 'SIZE_MISMATCH':
    case 'CHECKSUM_MISMATCH':
    case 'TOO_LARGE':
      return true
    default:
      return false
  }
}

/** The source's chunks as bytes, under the caller's signal and the idle timeout; releases the source when left. */
async function* guard(source: BodySource, options: IntakeOptions): AsyncGenerator<Uint8Array, void, undefined> {
  const { signal, idleTimeout = DEFAULT_IDLE_TIMEOUT } = options
  let interrupt: ((error: StorageError) => void) | undefined
  const onAbort = () => interrupt?.(aborted(options))
  if (signal?.aborted) {
    source.release()
    throw aborted(options)
  }
  signal?.addEventListener('abort', onAbort, { once: true })
  const timer = idleTimeout > 0 ? setTimeout(() => interrupt?.(silent(options, idleTimeout)), idleTimeout) : undefined
  let iterator: AsyncIterator<unknown> | undefined
  let finished = false
  let interrupted = false
  try {
    try {
      iterator = source.open()[Symbol.asyncIterator]()
      for (;;) {
        timer?.refresh()
        const next = iterator.next()
        const step = await new Promise<IteratorResult<unknown>>((resolve, reject) => {
          interrupt = (error) => {
            interrupted = true
            reject(error)
          }
          next.then(resolve, reject)
        })
        interrupt = undefined
        if (signal?.aborted) throw aborted(options)
        if (step.done) {
          finished = true
          return
        }
        const chunk = toBytes(step.value, options)
        if (chunk.byteLength > 0) yield chunk
      }
    } catch (error) {
      throw isStorageError(error) ? error : bodyFailed(options, error)
    }
  } finally {
    clearTimeout(timer)
    signal?.removeEventListener('abort', onAbort)
    if (!finished) {
      // A source that is stuck in next() would hold up return() for ever.
      const returned = iterator?.return?.()
      if (interrupted) returned?.catch(() => {})
      else await returned?.catch(() => {})
      source.release()
    }
  }
}

function toBytes(chunk: unknown, options: IntakeOptions): Uint8Array {
  if (chunk instanceof Uint8Array) return chunk
  if (typeof chunk === 'string') return Buffer.from(chunk)
  throw new StorageError('INVALID_ARGUMENT', `The body yielded a chunk of type ${typeof chunk}, not bytes.`, {
    ...facts(options.key),
    hint: 'Pass a stream of bytes, not one in object mode.',
  })
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

function facts(key: string) {
  return { operation: 'put', key, outcome: 'unchanged' } as const
}

function aborted({ key, signal }: IntakeOptions): StorageError {
  return new StorageError('ABORTED', 'The put was aborted.', { ...facts(key), cause: signal?.reason })
}

function silent({ key }: IntakeOptions, idleTimeout: number): StorageError {
  return new StorageError('BODY_FAILED', `The body sent nothing for ${idleTimeout} ms.`, {
    ...facts(key),
    status: 408,
    hint: 'The sender stalled; raise idleTimeout if it is known to pause that long.',
  })
}

function bodyFailed({ key }: IntakeOptions, cause: unknown): StorageError {
  return new StorageError('BODY_FAILED', 'The source of the body failed before its end.', { ...facts(key), cause })
}

function tooLarge({ key, maxSize }: IntakeOptions): StorageError {
  return new StorageError('TOO_LARGE', `The body is larger than ${maxSize} bytes.`, facts(key))
}

function sizeMismatch({ key, size }: IntakeOptions, actual: number | string): StorageError {
  return new StorageError('SIZE_MISMATCH', `The body has ${actual} bytes; ${size} were declared.`, facts(key))
}

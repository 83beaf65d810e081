import type { Readable } from 'node:stream'
import { MAX_TIMEOUT } from '../../driver/index.js'
import { isStorageError, StorageError } from '../../errors/index.js'
import { field, type HttpRequest } from '../message.js'
import { DigestFields } from './digest-fields.js'
import type { SettledLimits } from './limits.js'
import { alreadyRead, brokeOff, gone, notTaken, tooMuch } from './refusals.js'

/** What may still be read of a body that was refused, so that a client that reads late sees its answer. */
const DISCARD_BYTES = 64 * 1024 * 1024
const DISCARD_MS = 10_000

/**
 * The body of a request, taken in as fast as it is asked for: bounded, as long as was announced, never silent for longer
 * than the limit, and hashed where the request announces a hash.
 */
export class ReceivedBody {
  /** Bytes, where the request says how many there will be. */
  readonly length: number | undefined
  readonly #stream: Readable
  readonly #chunks: AsyncIterator<Uint8Array>
  readonly #limits: Pick<SettledLimits, 'totalSize' | 'idle'>
  readonly #signal: AbortSignal | undefined
  readonly #digests: DigestFields
  readonly #onBytes: (bytes: number) => void
  readonly #onAbort = () => this.#interrupt?.(gone(this.#signal))
  /** Ends the wait for the step that is under way. */
  #interrupt: ((error: StorageError) => void) | undefined
  #bytes = 0
  #ended = false

  /**
   * Checks what the header fields tell before a byte is read: 413 for a length beyond the limit, 415 for a Content-Encoding,
   * which nobody here would undo. `onBytes` hears how many have come so far.
   */
  constructor(
    request: HttpRequest,
    limits: Pick<SettledLimits, 'totalSize' | 'idle'>,
    onBytes: (bytes: number) => void = () => {},
  ) {
    const { headers, signal, body } = request
    this.#digests = new DigestFields(headers)
    this.length = lengthOf(request)
    checkEncoding(request)
    if (this.length !== undefined && this.length > limits.totalSize) throw tooMuch('bytes', limits.totalSize)
    if (body === undefined) throw alreadyRead()
    this.#stream = body.call(request)
    // It may fail while nobody asks; the next one who does is told.
    this.#stream.on('error', () => {})
    this.#chunks = this.#stream.iterator({ destroyOnReturn: false })
    this.#limits = limits
    this.#signal = signal
    signal?.addEventListener('abort', this.#onAbort, { once: true })
    this.#onBytes = onBytes
  }

  /** The next bytes; undefined at an end that is the right one. Rejects where it is not, and when the client has gone. */
  async next(): Promise<Uint8Array | undefined> {
    if (this.#ended) return undefined
    const chunk = await this.#step()
    if (chunk === undefined) {
      this.#stopListening()
      if (this.length !== undefined && this.#bytes !== this.length) {
        throw brokeOff(`${this.#bytes} of the ${this.length} bytes announced have come`)
      }
      this.#ended = true
      this.#digests.verify()
      return undefined
    }
    this.#bytes += chunk.byteLength
    if (this.#bytes > this.#limits.totalSize) throw tooMuch('bytes', this.#limits.totalSize)
    this.#digests.update(chunk)
    this.#onBytes(this.#bytes)
    return chunk
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Uint8Array, void, undefined> {
    for (let chunk = await this.next(); chunk !== undefined; chunk = await this.next()) yield chunk
  }

  /**
   * Lets go of what the client still sends: reads on in the background, so that the client gets to the answer, which many
   * read only once they have sent all; but not for ever. After that the connection is cut.
   */
  discard(): void {
    this.#stopListening()
    if (this.#ended || this.#stream.destroyed) return
    this.#ended = true
    const timer = setTimeout(() => this.#stream.destroy(), DISCARD_MS)
    timer.unref()
    this.#passOver().then(
      (whole) => whole && clearTimeout(timer),
      () => clearTimeout(timer),
    )
  }

  async #passOver(): Promise<boolean> {
    for (let bytes = 0; bytes < DISCARD_BYTES; ) {
      const step = await this.#chunks.next()
      if (step.done) return true
      bytes += step.value.byteLength
    }
    // The client is made to wait: one that listens has its answer, and need not be cut off in the middle of it.
    return false
  }

  async #step(): Promise<Uint8Array | undefined> {
    const { idle } = this.#limits
    const signal = this.#signal
    if (signal?.aborted) throw gone(signal)
    const silence = () => this.#interrupt?.(silent(idle))
    const timer = idle > 0 ? setTimeout(silence, Math.min(idle, MAX_TIMEOUT)) : undefined
    try {
      const step = await new Promise<IteratorResult<Uint8Array>>((resolve, reject) => {
        this.#interrupt = reject
        this.#chunks.next().then(resolve, reject)
      })
      return step.done ? undefined : step.value
    } catch (error) {
      throw isStorageError(error) ? error : brokeOff('the connection was lost', error)
    } finally {
      clearTimeout(timer)
      this.#interrupt = undefined
    }
  }

  /** The signal may outlive the request. */
  #stopListening(): void {
    this.#signal?.removeEventListener('abort', this.#onAbort)
  }
}

/** A length beside a Transfer-Encoding is none (RFC 9112 section 6.3). */
function lengthOf({ headers }: HttpRequest): number | undefined {
  const length = field(headers, 'content-length')?.trim()
  if (length === undefined || headers['transfer-encoding'] !== undefined) return undefined
  if (/^\d{1,15}$/.test(length)) return Number(length)
  throw brokeOff('its Content-Length is none')
}

function checkEncoding({ headers }: HttpRequest): void {
  const encoding = field(headers, 'content-encoding')?.trim().toLowerCase() ?? ''
  if (encoding === '' || encoding === 'identity') return
  throw notTaken('it has a Content-Encoding', 'Send the bytes as they are: nothing here would unpack them.')
}

function silent(idle: number): StorageError {
  return new StorageError('BODY_FAILED', `The client sent nothing for ${idle} ms.`, {
    operation: 'upload',
    status: 408,
    outcome: 'unchanged',
    hint: 'Raise limits.idle if clients may pause that long.',
  })
}

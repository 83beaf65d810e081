import { isStorageError, StorageError } from '../../errors/index.js'
import { quoteKey } from '../../keys/index.js'
import { toStorageError } from './errors.js'

export interface ExpectedBody {
  readonly key: string
  /** Bytes that the answer announced. */
  readonly expected: number
  /** Milliseconds that the source may stay silent while somebody waits for it. */
  readonly idle: number
  readonly signal?: AbortSignal | undefined
}

type Code = 'ABORTED' | 'CORRUPT' | 'TIMEOUT' | 'UNAVAILABLE'

/** The ways in which the body of an answer can fail, said for its reader. */
export class BodyFailures {
  readonly #body: ExpectedBody

  constructor(body: ExpectedBody) {
    this.#body = body
  }

  aborted(cause: unknown = this.#body.signal?.reason): StorageError {
    return this.#error('ABORTED', 'The get was aborted', cause)
  }

  tooLong(): StorageError {
    return this.#error('CORRUPT', `S3 sent more than the ${this.#body.expected} bytes it announced`)
  }

  damaged(cause?: unknown): StorageError {
    return this.#error('CORRUPT', 'The bytes received do not match the checksum that S3 keeps', cause)
  }

  silent(): StorageError {
    return this.#error('TIMEOUT', `S3 sent nothing for ${this.#body.idle} ms in the middle of the body`)
  }

  cutOff(received: number, cause?: unknown): StorageError {
    return this.#error('UNAVAILABLE', `The connection ended after ${received} of ${this.#body.expected} bytes`, cause)
  }

  /** What an error of the source means, after so many bytes. */
  meaningOf(error: Error, received: number): StorageError {
    if (/checksum mismatch/i.test(error.message)) return this.damaged(error)
    if (this.#body.signal?.aborted) return this.aborted(error)
    const known = toStorageError(error, { operation: 'get', key: this.#body.key })
    return known.code === 'INTERNAL' && !isStorageError(error) ? this.cutOff(received, error) : known
  }

  #error(code: Code, problem: string, cause?: unknown): StorageError {
    const { key } = this.#body
    return new StorageError(code, `${problem} (${quoteKey(key)}).`, {
      operation: 'get',
      driver: 's3',
      key,
      ...(code === 'CORRUPT'
        ? { hint: 'Read the blob again; something between here and S3 damages it.', retryable: true }
        : {}),
      cause,
    })
  }
}

import { errorCodes, type StorageErrorCode } from './codes.js'

/** Shared by every copy of the library in the process, ESM and CJS alike, so that each recognises the others' errors. */
const brand = Symbol.for('hybrid-store.StorageError')

/** What is at a key, as far as the answer that an error stands for told. */
export interface CurrentVersion {
  readonly etag: string
  readonly lastModified: Date
  /** Bytes. */
  readonly size: number
  readonly cacheControl?: string | undefined
}

export interface StorageErrorOptions {
  /** What was being done: `put`, `get`, `list`, ... */
  readonly operation?: string | undefined
  /** Name of the driver as the store knows it, else its kind. */
  readonly driver?: string | undefined
  readonly key?: string | undefined
  /** What to do about it; by default the general advice for the code. */
  readonly hint?: string | undefined
  /** Whether the same call may succeed later; by default what the code says. */
  readonly retryable?: boolean | undefined
  /** Whether the storage asks for fewer requests, and is not down. */
  readonly throttled?: boolean | undefined
  /** HTTP status; by default what the code says. */
  readonly status?: number | undefined
  /** For a failed change: whether the key is certainly as it was before, or may have changed. */
  readonly outcome?: 'unchanged' | 'unknown' | undefined
  /** The version that a condition or a range did not fit, where the storage told. */
  readonly current?: CurrentVersion | undefined
  /** What lay underneath: the SDK's error, the system error, the body's own error. */
  readonly cause?: unknown
}

/**
 * The one error class of the library. `code` is from a closed set and `hint` says what to do.
 * Neither message nor hint ever holds a secret or an absolute path; `cause` may.
 */
export class StorageError extends Error {
  override readonly name = 'StorageError'
  readonly code: StorageErrorCode
  readonly operation: string | undefined
  readonly driver: string | undefined
  readonly key: string | undefined
  readonly retryable: boolean
  /** The HTTP status that fits this error. */
  readonly status: number
  readonly hint: string
  readonly outcome: 'unchanged' | 'unknown' | undefined
  /** Whether the storage asked for fewer requests: it works, but takes no more just now. */
  readonly throttled: boolean
  /** With NOT_MODIFIED, PRECONDITION_FAILED and INVALID_RANGE: the version that is there, where the storage told. */
  readonly current: CurrentVersion | undefined

  constructor(code: StorageErrorCode, message: string, options: StorageErrorOptions = {}) {
    super(message, 'cause' in options ? { cause: options.cause } : undefined)
    const defaults = errorCodes[code]
    this.code = code
    this.operation = options.operation
    this.driver = options.driver
    this.key = options.key
    this.retryable = options.retryable ?? defaults.retryable
    this.status = options.status ?? defaults.status
    this.hint = options.hint ?? defaults.hint
    this.outcome = options.outcome
    this.throttled = options.throttled ?? false
    this.current = options.current
    Object.defineProperty(this, brand, { value: true })
  }

  /** The same as `status`, under the name that Fastify and Express's http-errors know. */
  get statusCode(): number {
    return this.status
  }

  /** The same error with some of its facts replaced or added; cause and stack stay. */
  with(changes: Omit<StorageErrorOptions, 'cause'>): StorageError {
    const { operation, driver, key, hint, retryable, status, outcome, throttled, current, cause } = this
    const facts = { operation, driver, key, hint, retryable, status, outcome, throttled, current }
    const options = { ...facts, ...changes, ...('cause' in this ? { cause } : {}) }
    const limit = Error.stackTraceLimit
    // The copy shows where the original was made; its own stack would be written for nothing.
    Error.stackTraceLimit = 0
    try {
      const copy = new StorageError(this.code, this.message, options)
      return Object.defineProperty(copy, 'stack', { get: () => this.stack, configurable: true })
    } finally {
      Error.stackTraceLimit = limit
    }
  }

  /** What may be logged or shown: neither the cause nor the stack. */
  toJSON(): Record<string, unknown> {
    const { name, code, message, operation, driver, key, retryable, status, hint, outcome } = this
    return { name, code, message, operation, driver, key, retryable, status, hint, outcome }
  }
}

/** Whether `error` is a StorageError of any copy of the library, and of the given code if one is given. */
export function isStorageError<C extends StorageErrorCode>(
  error: unknown,
  code?: C,
): error is StorageError & { readonly code: C } {
  if (typeof error !== 'object' || error === null || !(brand in error)) return false
  return code === undefined || (error as { code?: unknown }).code === code
}

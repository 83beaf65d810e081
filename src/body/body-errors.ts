import { isStorageError, StorageError } from '../errors/index.js'

/** Whether the caller's body or abort is to blame: such an error says nothing about the storage, and never falls back. */
export function isBodyError(error: unknown): error is StorageError {
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

/** What all of these errors have in common: they end a put before anything is published. */
export function facts(key: string) {
  return { operation: 'put', key, outcome: 'unchanged' } as const
}

export function aborted(key: string, signal: AbortSignal | undefined): StorageError {
  return new StorageError('ABORTED', 'The put was aborted.', { ...facts(key), cause: signal?.reason })
}

export function silent(key: string, idleTimeout: number): StorageError {
  return new StorageError('BODY_FAILED', `The body sent nothing for ${idleTimeout} ms.`, {
    ...facts(key),
    status: 408,
    hint: 'The sender stalled; raise idleTimeout if it is known to pause that long.',
  })
}

/**
 * Whatever the source threw. A StorageError too: the body may be a read of another store, and its outage is none of the
 * store that is written to; it still says whether trying again may help. The error of a body that was taken in before,
 * on its way to a second store, is the same here.
 */
export function bodyFailed(key: string, cause: unknown): StorageError {
  if (isBodyError(cause)) return cause
  const { retryable, status } = isStorageError(cause) ? cause : {}
  const message = 'The source of the body failed before its end.'
  return new StorageError('BODY_FAILED', message, { ...facts(key), retryable, status, cause })
}

export function noBytes(key: string, chunk: unknown): StorageError {
  return new StorageError('INVALID_ARGUMENT', `The body yielded a chunk of type ${typeof chunk}, not bytes.`, {
    ...facts(key),
    hint: 'Pass a stream of bytes, not one in object mode.',
  })
}

export function tooLarge(key: string, maxSize: number): StorageError {
  return new StorageError('TOO_LARGE', `The body is larger than ${maxSize} bytes.`, facts(key))
}

export function sizeMismatch(key: string, declared: number, actual: number | string): StorageError {
  return new StorageError('SIZE_MISMATCH', `The body has ${actual} bytes; ${declared} were declared.`, facts(key))
}

export function checksumMismatch(key: string, actual: string): StorageError {
  return new StorageError('CHECKSUM_MISMATCH', `The body hashes to ${actual}, not to the sha256 expected.`, facts(key))
}

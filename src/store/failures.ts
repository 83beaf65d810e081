import { isStorageError, StorageError } from '../errors/index.js'

/**
 * What a driver's failure says about the driver. `outage`: it cannot be reached, is overloaded or full, and may be back
 * soon. `refusal`: it does not want to, and will not by itself. Undefined: the failure is about the call, not the
 * driver, and repeating it elsewhere would be wrong.
 */
export function failureKind(error: unknown): 'outage' | 'refusal' | undefined {
  if (!isStorageError(error)) return undefined
  switch (error.code) {
    case 'UNAVAILABLE':
    case 'TIMEOUT':
    case 'NO_SPACE':
      return 'outage'
    case 'UNAUTHENTICATED':
    case 'ACCESS_DENIED':
    case 'CONFIGURATION':
    case 'NOT_SUPPORTED':
      return 'refusal'
    default:
      return undefined
  }
}

/** A driver's failure under the name that the store knows the driver by. */
export function namedFailure(error: unknown, driver: string, operation: string, key?: string): StorageError {
  if (isStorageError(error))
    return error.with({ driver, operation: error.operation ?? operation, key: error.key ?? key })
  return new StorageError('INTERNAL', `The driver ${driver} failed in a way that drivers must not.`, {
    operation,
    driver,
    key,
    hint: 'A driver rejects with StorageError only: see cause.',
    cause: error,
  })
}

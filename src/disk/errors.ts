import { isStorageError, StorageError, type StorageErrorCode, type StorageErrorOptions } from '../errors/index.js'

const codes: Readonly<Record<string, StorageErrorCode>> = {
  ENOENT: 'NOT_FOUND',
  ENOTDIR: 'NOT_FOUND',
  EISDIR: 'NOT_FOUND',
  EEXIST: 'ALREADY_EXISTS',
  ENOSPC: 'NO_SPACE',
  EDQUOT: 'NO_SPACE',
  EFBIG: 'TOO_LARGE',
  EACCES: 'ACCESS_DENIED',
  EPERM: 'ACCESS_DENIED',
  EROFS: 'ACCESS_DENIED',
  ELOOP: 'ACCESS_DENIED',
  ENAMETOOLONG: 'INVALID_KEY',
  EMFILE: 'UNAVAILABLE',
  ENFILE: 'UNAVAILABLE',
  EIO: 'UNAVAILABLE',
  ESTALE: 'UNAVAILABLE',
  ETIMEDOUT: 'TIMEOUT',
  EXDEV: 'CONFIGURATION',
}

/** The system's short name of the failure, such as ENOSPC. */
export function systemCode(error: unknown): string | undefined {
  if (typeof error !== 'object' || error === null || !('code' in error)) return undefined
  return typeof error.code === 'string' ? error.code : undefined
}

/** A failed system call as a StorageError. The path stays in the cause: messages may reach a front end. */
export function diskError(error: unknown, doing: string, facts: Omit<StorageErrorOptions, 'cause'> = {}): StorageError {
  if (isStorageError(error)) return error
  const system = systemCode(error)
  const code = (system !== undefined && codes[system]) || 'INTERNAL'
  return new StorageError(code, `${doing} failed${system ? `: ${system}` : ''}.`, { ...facts, cause: error })
}

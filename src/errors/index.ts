export { errorCodes, type StorageErrorCode } from './codes.js'
export { type CurrentVersion, isStorageError, StorageError, type StorageErrorOptions } from './storage-error.js'

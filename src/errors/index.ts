export { errorCodes, type StorageErrorCode } from './codes.js'
export { isStorageError, StorageError, type StorageErrorOptions } from './storage-error.js'

export type * from './driver/index.js'
export type { BlobReader } from './driver/index.js'
export { isStorageError, StorageError, type StorageErrorCode, type StorageErrorOptions } from './errors/index.js'

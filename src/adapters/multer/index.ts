export type { UploadedFile } from '../../http/index.js'
export type { ParameterCharset } from './file-name.js'
export {
  type HybridStorageOptions,
  hybridStorage,
  type IncomingFile,
  type StorageEngine,
  type StoredUpload,
  type Upload,
  type UploadStore,
} from './hybrid-storage.js'

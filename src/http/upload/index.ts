export { answerContent, answerUpload, type Uploaded, type UploadedItem, type UploadedOptions } from './answers.js'
export type { ExtensionRules } from './extensions.js'
export { fileOfForm } from './file-of-form.js'
export { settleLimits, type UploadLimits } from './limits.js'
export type {
  FileAttributes,
  FileInput,
  FileOptions,
  FormFields,
  UploadedBlob,
  UploadOptions,
  UploadProgress,
} from './options.js'
export type { AllowedOrigins } from './origin.js'
export { type ReceivedUpload, receiveUpload, type UploadFailure } from './receive.js'
export { isNew, type ReceivedContent, receiveContent } from './receive-content.js'
export { ReceivedBody } from './received-body.js'
export { alreadyRead, notTaken } from './refusals.js'
export type { ScanInput } from './scan.js'
export type { SniffPolicy } from './sniff.js'
export { describeFile, type UploadedFile } from './uploaded-file.js'

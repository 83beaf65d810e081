export {
  discardBody,
  Intake,
  type IntakeDigest,
  type IntakeHash,
  type IntakeOptions,
  isBodyError,
  openReader,
} from './body/index.js'
export type * from './driver/index.js'
export {
  bareEtag,
  type CheckedAttributes,
  checkAttributes,
  checkListOptions,
  checkRange,
  checkReadConditions,
  checkWriteConditions,
  checkWriteOptions,
  contentTypeOf,
  MAX_METADATA_BYTES,
  resolveRange,
  sameEtag,
  type WriteConditions,
  weaklySameEtag,
} from './driver/index.js'
export {
  type CurrentVersion,
  isStorageError,
  StorageError,
  type StorageErrorCode,
  type StorageErrorOptions,
} from './errors/index.js'
export {
  assertKey,
  compareKeys,
  defineKey,
  type FilenameOptions,
  type KeyParameters,
  type KeyTemplate,
  keyProblem,
  MAX_FILENAME_BYTES,
  MAX_KEY_BYTES,
  type ParsedParameters,
  sanitizeFilename,
  uniqueName,
} from './keys/index.js'
export { isOutboxHost } from './outbox/index.js'
export type * from './outbox/types.js'
export {
  type LinkOptions,
  MAX_LINK_SECONDS,
  type SignedGrant,
  type SignedTarget,
  type SignedUploadGrant,
  type SignedUrlSettings,
  type SigningKey,
  type SignPathOptions,
  type SignUploadPathOptions,
  signedParameters,
  signPath,
  signUploadPath,
  type UploadBounds,
  type VerifyUrlOptions,
  verifyUploadUrl,
  verifyUrl,
} from './signing/index.js'
export * from './store/index.js'

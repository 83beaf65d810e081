export type { AccelOptions } from './accel.js'
export type { Authorize, AuthorizeInput, BlobAction } from './authorize.js'
export type { BlobStore } from './blob-store.js'
export { deliver } from './deliver.js'
export type { Disposition } from './disposition.js'
export type { ListingOptions, ListingPage } from './listing.js'
export { listing } from './listing.js'
export type { HttpRequest, HttpResponse, LendingBody, RequestHeaders } from './message.js'
export type { CacheFacts, DeliverOptions, ErrorOptions, FailedRequest } from './options.js'
export type { ProblemDetails } from './problem.js'
export { errorResponse } from './problem.js'
export type { RedirectOptions } from './redirect.js'
export { type RemoveOptions, remove } from './remove.js'
export { type BlobRoutes, type BlobRoutesOptions, blobRoutes, type LocatedDocument } from './routes.js'
export { type SignedLinksOptions, signedLinks } from './signed-links.js'
export type { SignedUploadOptions } from './signed-upload.js'
export { blobHref, parseTarget, type Target } from './target.js'
export {
  type AllowedOrigins,
  alreadyRead,
  describeFile,
  type ExtensionRules,
  type FileAttributes,
  type FileInput,
  type FileOptions,
  type FormFields,
  type ReceivedContent,
  type ReceivedUpload,
  receiveContent,
  receiveUpload,
  type ScanInput,
  type SniffPolicy,
  type Uploaded,
  type UploadedBlob,
  type UploadedFile,
  type UploadedItem,
  type UploadedOptions,
  type UploadFailure,
  type UploadLimits,
  type UploadOptions,
  type UploadProgress,
} from './upload/index.js'
export { type BlobView, type ViewOptions, view } from './view.js'

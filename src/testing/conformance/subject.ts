import type {
  BlobBody,
  BlobInfo,
  BlobReader,
  CopyOptions,
  DeleteOptions,
  DeleteResult,
  GetOptions,
  HeadOptions,
  ListEntry,
  ListOptions,
  PutOptions,
  SignalOptions,
  SignedUpload,
  SignUploadOptions,
  SignUrlOptions,
  Visibility,
} from '../../driver/index.js'

/** What the suite calls. A BlobDriver has this shape, and so has a HybridStore. */
export interface ConformanceSubject {
  put(key: string, body: BlobBody, options?: PutOptions): Promise<BlobInfo>
  get(key: string, options?: GetOptions): Promise<BlobReader>
  head(key: string, options?: HeadOptions): Promise<BlobInfo>
  exists?(key: string, options?: SignalOptions): Promise<boolean>
  delete(key: string, options?: DeleteOptions): Promise<unknown>
  deleteMany(keys: readonly string[], options?: SignalOptions): Promise<readonly DeleteResult[]>
  list(options?: ListOptions): AsyncIterable<ListEntry>
  copy?(source: string, destination: string, options?: CopyOptions): Promise<BlobInfo>
  move?(source: string, destination: string, options?: CopyOptions): Promise<BlobInfo>
  signUrl?(key: string, options?: SignUrlOptions): Promise<string>
  signUpload?(key: string, options?: SignUploadOptions): Promise<SignedUpload>
  publicUrl?(key: string): string | Promise<string>
  setVisibility?(key: string, visibility: Visibility, options?: SignalOptions): Promise<void>
  getVisibility?(key: string, options?: SignalOptions): Promise<Visibility>
  close?(): Promise<void>
}

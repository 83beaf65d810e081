import type { BlobBody, BlobReader, DeleteOptions, GetOptions, HeadOptions, SignalOptions } from '../driver/index.js'
import type { SignedGrant, SignedTarget, SignedUploadGrant } from '../signing/index.js'
import type {
  ListPage,
  ListPageOptions,
  LocalFile,
  Resolution,
  RoutingContext,
  StoredBlob,
  StoredEntry,
  StorePutOptions,
  StoreSignUrlOptions,
} from '../store/index.js'

/**
 * What the HTTP layer needs of a store. A {@link HybridStore} is one; the interface is what adapters take, so that stores of
 * the ESM and of the CommonJS build fit both.
 */
export interface BlobStore {
  put(key: string, body: BlobBody, options?: StorePutOptions): Promise<StoredBlob>
  get(path: string, options?: GetOptions): Promise<BlobReader<StoredBlob>>
  head(path: string, options?: HeadOptions): Promise<StoredBlob>
  delete(path: string, options?: DeleteOptions): Promise<void>
  listPage(options?: ListPageOptions): Promise<ListPage<StoredEntry>>
  resolve(path: string): Resolution
  route(blob: RoutingContext): string
  signUrl(path: string, options?: StoreSignUrlOptions): Promise<string>
  verifySignedUrl(link: SignedTarget, options: { readonly method: string }): SignedGrant
  verifySignedUpload(link: SignedTarget, options: { readonly method: string }): SignedUploadGrant
  localFile(path: string, options?: SignalOptions): Promise<LocalFile | undefined>
}

import type { BlobReader, DeleteOptions, GetOptions, HeadOptions, SignUrlOptions } from '../driver/index.js'
import type { ListPage, ListPageOptions, Resolution, StoredBlob, StoredEntry } from '../store/index.js'

/**
 * What the HTTP layer needs of a store. A {@link HybridStore} is one; the interface is what adapters take, so that stores of
 * the ESM and of the CommonJS build fit both.
 */
export interface BlobStore {
  get(path: string, options?: GetOptions): Promise<BlobReader<StoredBlob>>
  head(path: string, options?: HeadOptions): Promise<StoredBlob>
  delete(path: string, options?: DeleteOptions): Promise<void>
  listPage(options?: ListPageOptions): Promise<ListPage<StoredEntry>>
  resolve(path: string): Resolution
  signUrl(path: string, options?: SignUrlOptions): Promise<string>
}

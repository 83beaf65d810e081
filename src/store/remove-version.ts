import { type DeleteOptions, type HeadOptions, type SignalOptions, sameEtag } from '../driver/index.js'
import { isStorageError } from '../errors/index.js'
import type { StoredBlob } from './stored.js'

interface Removing {
  head(path: string, options: HeadOptions): Promise<Pick<StoredBlob, 'etag'>>
  delete(path: string, options: DeleteOptions): Promise<void>
}

/**
 * Deletes this version of a blob and no other: what has come in its place stays, and is no error. On an endpoint without
 * conditional deletes it looks first, so that there an instant is left in which another version may come.
 */
export async function removeVersion(
  store: Removing,
  { path, etag }: Pick<StoredBlob, 'path' | 'etag'>,
  { signal }: SignalOptions = {},
): Promise<void> {
  try {
    await store.delete(path, { ifMatch: etag, signal })
  } catch (error) {
    if (isStorageError(error, 'PRECONDITION_FAILED')) return
    if (!isStorageError(error, 'NOT_SUPPORTED')) throw error
    const now = await store.head(path, { signal }).catch(unlessGone)
    if (now && sameEtag(now.etag, etag)) await store.delete(path, { signal })
  }
}

function unlessGone(error: unknown): undefined {
  if (!isStorageError(error, 'NOT_FOUND')) throw error
}

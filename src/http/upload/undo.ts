import type { StorageError } from '../../errors/index.js'
import type { StoredBlob } from '../../store/index.js'
import { removeVersion } from '../../store/remove-version.js'
import type { BlobStore } from '../blob-store.js'
import { asStorageError } from '../problem.js'

/**
 * Removes exactly these versions, the last one first: what somebody else has put under a key meanwhile stays. Never
 * rejects; answers why some could not be removed, which are then left behind.
 */
export async function undo(store: BlobStore, blobs: readonly StoredBlob[]): Promise<StorageError[]> {
  const failures: StorageError[] = []
  for (const blob of [...blobs].reverse()) {
    try {
      await removeVersion(store, blob)
    } catch (error) {
      failures.push(asStorageError(error))
    }
  }
  return failures
}

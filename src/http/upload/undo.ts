import { isStorageError, type StorageError } from '../../errors/index.js'
import type { StoredBlob } from '../../store/index.js'
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
      if (!isChanged(error)) failures.push(asStorageError(error))
    }
  }
  return failures
}

async function removeVersion(store: BlobStore, { path, etag }: StoredBlob): Promise<void> {
  try {
    await store.delete(path, { ifMatch: etag })
  } catch (error) {
    if (!isStorageError(error, 'NOT_SUPPORTED')) throw error
    // The endpoint knows no conditional delete: looking first leaves an instant, in which somebody would have to write.
    await store.head(path, { ifMatch: etag })
    await store.delete(path)
  }
}

/** It is another version now, or gone: not ours to remove. */
function isChanged(error: unknown): boolean {
  return isStorageError(error, 'PRECONDITION_FAILED') || isStorageError(error, 'NOT_FOUND')
}

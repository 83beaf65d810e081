// What an application keeps in one module: its store, the form of its keys, and what it does with documents.
// The settings come from the environment: S3_BUCKET_NAME, AWS_REGION, STORAGE_ROOT and so on (storeFromEnv names them
// all). Without a bucket everything is stored locally, and the rest of the application does not notice.
import { defineKey, isStorageError, storeFromEnv, uniqueName } from 'hybrid-store'

export const store = storeFromEnv()

const documentKey = defineKey('project_{projectId}/uploads/{filename}')

/** Stores an upload under a name that no other has; keep the path in your database. */
export async function saveDocument({ projectId, originalName, body, contentType, maxSize = 100 << 20 }) {
  const key = documentKey({ projectId, filename: uniqueName(originalName) })
  const { path, size } = await store.put(key, body, { kind: 'document', contentType, maxSize })
  return { path, size }
}

/** An open read with `info` (size, type, etag) and `body`, or undefined. Read the body, or cancel the read. */
export async function openDocument(path) {
  try {
    return await store.get(path)
  } catch (error) {
    if (isStorageError(error, 'NOT_FOUND')) return undefined
    throw error
  }
}

export async function deleteDocument(path) {
  await store.delete(path)
}

// What may be uploaded to a project, and what becomes of it. The front end is told of a document's id, name, type and
// size, and of nothing that would show where it lies.
import { addDocuments } from './database.mjs'
import { uploadKey } from './keys.mjs'

export const limits = { fileSize: 20 * 1024 * 1024, files: 10 }

/** For `receiveUpload`: documents of this project. */
export function documentsOf(projectId) {
  return { kind: 'document', key: ({ file }) => uploadKey({ projectId, filename: file.uniqueName }), limits }
}

/** Writes the rows of files that were stored, and answers what the front end is told. */
export function addUploads(db, blobs, { milestoneId = null } = {}) {
  const ids = addDocuments(
    db,
    blobs.map(({ key, name, path, contentType }) => ({
      // That which was asked for leave: whatever else a form says, the row belongs to the project of its key.
      projectId: Number(uploadKey.parse(key).projectId),
      milestoneId,
      name,
      filePath: path,
      mimeType: contentType,
    })),
  )
  const documents = blobs.map(({ name, contentType, size }, i) => {
    return { id: ids[i], milestone_id: milestoneId, name, mime_type: contentType, size }
  })
  return { documents }
}

/** The same with what `receiveUpload` answers: where there can be no row, there is no file. */
export async function takeUpload(db, upload, more) {
  try {
    return addUploads(db, upload.blobs, more)
  } catch (error) {
    const left = await upload.discard()
    throw left.length === 0 ? error : new AggregateError([error, ...left], 'Files are left that no row knows')
  }
}

// Documents by id on Express: the row says where the file is, the store finds it, on S3 or on the local disk.
import express from 'express'
import { blobRoutes, deleteBlob, sendBlob, sendView } from 'hybrid-store/express'
import { findDocument, removeDocument } from '../documents/database.mjs'
import { problem } from '../documents/problem.mjs'
import { maySee, userOf } from '../documents/users.mjs'

export function createApp({ store, db, log = console }) {
  const app = express()
  const errors = { problem, onError: ({ error }) => log.error(error) }

  app.use((req, res, next) => {
    req.user = userOf(req.headers)
    if (req.user) next()
    else res.status(401).json({ detail: 'Bitte anmelden' })
  })

  app.use('/documents/:id', (req, res, next) => {
    req.document = findDocument(db, req.params.id)
    // A document of somebody else is answered like one that is not there.
    if (req.document && maySee(req.user, req.document)) next()
    else res.status(404).json({ detail: 'Dokument nicht gefunden' })
  })

  app.get('/documents/:id/content', (req, res) => {
    const { file_path, name, mime_type } = req.document
    return sendBlob(req, res, store, file_path, { filename: name, contentType: mime_type, ...errors })
  })

  app.get('/documents/:id/download', (req, res) => {
    const { file_path, name, mime_type } = req.document
    const options = { disposition: 'attachment', filename: name, contentType: mime_type }
    return sendBlob(req, res, store, file_path, { ...options, ...errors })
  })

  app.get('/documents/:id/view', (req, res) => {
    const { file_path, mime_type } = req.document
    return sendView(req, res, store, file_path, { contentType: mime_type, ...errors })
  })

  app.delete('/documents/:id', (req, res) => {
    const { id, file_path } = req.document
    // The blob first: whatever fails, the row is still there for another DELETE, and no file is left that no row knows.
    const onDeleted = () => removeDocument(db, id)
    return deleteBlob(req, res, store, file_path, { onDeleted, ...errors })
  })

  // All of it once more, ready-made: GET /files/:id/content, /files/:id/download, /files/:id/view, DELETE /files/:id.
  app.use(
    '/files',
    blobRoutes(store, {
      ...errors,
      locate: ({ id, native: req }) => {
        req.document = findDocument(db, id)
        if (!req.document) return undefined
        const { file_path, name, mime_type } = req.document
        return { path: file_path, filename: name, contentType: mime_type }
      },
      authorize: ({ native: req }) => maySee(req.user, req.document) || 404,
      onDeleted: ({ id }) => removeDocument(db, id),
    }),
  )
  return app
}

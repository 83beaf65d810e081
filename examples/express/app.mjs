// Documents by id, uploads by project on Express: the row says where the file is, the store finds it, on S3 or on the
// local disk.
import express from 'express'
import { blobRoutes, deleteBlob, receiveUpload, sendBlob, sendView } from 'hybrid-store/express'
import { findDocument, findMilestone, removeDocument } from '../documents/database.mjs'
import { addInvoice, invoiceOf } from '../documents/invoices.mjs'
import { uploadKey } from '../documents/keys.mjs'
import { answerOf, problem } from '../documents/problem.mjs'
import { addUploads, documentsOf, limits, takeUpload } from '../documents/uploads.mjs'
import { maySee, userOf, worksOn } from '../documents/users.mjs'

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

  app.use('/projects/:projectId', (req, res, next) => {
    req.project = Number(req.params.projectId)
    if (worksOn(req.user, req.project)) next()
    else res.status(404).json({ detail: 'Projekt nicht gefunden' })
  })

  app.post('/projects/:projectId/documents', async (req, res) => {
    const upload = await receiveUpload(req, store, documentsOf(req.project))
    res.status(201).json(await takeUpload(db, upload))
  })

  app.post('/projects/:projectId/milestones/:milestoneId/documents', async (req, res) => {
    const milestone = findMilestone(db, req.params.milestoneId)
    if (milestone?.project_id !== req.project) return res.status(404).json({ detail: 'Meilenstein nicht gefunden' })
    const upload = await receiveUpload(req, store, documentsOf(req.project))
    res.status(201).json(await takeUpload(db, upload, { milestoneId: milestone.id }))
  })

  app.post('/projects/:projectId/invoices', express.json(), async (req, res) => {
    const invoice = invoiceOf(req.body)
    if (!invoice) return res.status(400).json({ detail: 'Die Rechnung ist unvollständig' })
    res.status(201).json(await addInvoice({ store, db }, req.project, invoice))
  })

  // All of it once more, ready-made: GET /files/:id/content, /files/:id/download, /files/:id/view, DELETE /files/:id, and
  // POST /files/upload for a form that begins with the field project_id.
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
      authorize: ({ action, key, native: req }) => {
        if (action === 'upload') return worksOn(req.user, Number(uploadKey.parse(key)?.projectId)) || 404
        return maySee(req.user, req.document) || 404
      },
      kind: 'document',
      key: ({ fields, file }) => uploadKey({ projectId: fields.project_id, filename: file.uniqueName }),
      limits,
      onUploaded: ({ blobs }) => addUploads(db, blobs),
      onDeleted: ({ id }) => removeDocument(db, id),
    }),
  )

  app.use((error, req, res, next) => {
    if (res.headersSent) return next(error)
    const { status, headers, body } = answerOf(error, req, errors.onError)
    res.status(status).set(headers).end(body)
  })
  return app
}

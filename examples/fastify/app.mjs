// Documents by id on Fastify: the row says where the file is, the store finds it, on S3 or on the local disk.
import fastify from 'fastify'
import { hybridStorage } from 'hybrid-store/fastify'
import { findDocument, removeDocument } from '../documents/database.mjs'
import { problem } from '../documents/problem.mjs'
import { maySee, userOf } from '../documents/users.mjs'

export async function createApp({ store, db, logger = false }) {
  const app = fastify({ logger })
  const errors = { problem, onError: ({ error }) => app.log.error(error) }
  await app.register(hybridStorage, { store, defaults: errors })
  app.decorateRequest('document', null)

  app.addHook('onRequest', async (request, reply) => {
    const user = userOf(request.headers)
    if (!user) return reply.code(401).send({ detail: 'Bitte anmelden' })
    const document = findDocument(db, request.params.id)
    // A document of somebody else is answered like one that is not there.
    if (!document || !maySee(user, document)) return reply.code(404).send({ detail: 'Dokument nicht gefunden' })
    request.document = document
  })

  app.get('/documents/:id/content', (request, reply) => {
    const { file_path, name, mime_type } = request.document
    return reply.sendBlob(file_path, { filename: name, contentType: mime_type })
  })

  app.get('/documents/:id/download', (request, reply) => {
    const { file_path, name, mime_type } = request.document
    return reply.sendBlob(file_path, { disposition: 'attachment', filename: name, contentType: mime_type })
  })

  app.get('/documents/:id/view', (request, reply) => {
    const { file_path, mime_type } = request.document
    return reply.sendView(file_path, { contentType: mime_type })
  })

  app.delete('/documents/:id', (request, reply) => {
    const { id, file_path } = request.document
    // The blob first: whatever fails, the row is still there for another DELETE, and no file is left that no row knows.
    return reply.deleteBlob(file_path, { onDeleted: () => removeDocument(db, id) })
  })

  return app
}

// Documents by id, uploads by project on Fastify: the row says where the file is, the store finds it, on S3 or on the
// local disk.
import fastify from 'fastify'
import { hybridStorage } from 'hybrid-store/fastify'
import { findDocument, findMilestone, removeDocument } from '../documents/database.mjs'
import { addInvoice, invoiceOf } from '../documents/invoices.mjs'
import { answerOf, problem } from '../documents/problem.mjs'
import { documentsOf, takeUpload } from '../documents/uploads.mjs'
import { maySee, userOf, worksOn } from '../documents/users.mjs'

export async function createApp({ store, db, logger = false }) {
  const app = fastify({ logger })
  const errors = { problem, onError: ({ error }) => app.log.error(error) }
  await app.register(hybridStorage, { store, defaults: errors })
  app.decorateRequest('user', null)
  app.decorateRequest('document', null)
  app.decorateRequest('project', null)

  app.setErrorHandler((error, request, reply) => {
    const { status, headers, body } = answerOf(error, request.raw, errors.onError)
    return reply.code(status).headers(headers).send(body)
  })

  app.addHook('onRequest', async (request, reply) => {
    request.user = userOf(request.headers)
    if (!request.user) return reply.code(401).send({ detail: 'Bitte anmelden' })
  })

  await app.register(documentRoutes, { prefix: '/documents/:id' })
  await app.register(projectRoutes, { prefix: '/projects/:projectId' })
  return app

  async function documentRoutes(scope) {
    scope.addHook('onRequest', async (request, reply) => {
      request.document = findDocument(db, request.params.id)
      // A document of somebody else is answered like one that is not there.
      if (request.document && maySee(request.user, request.document)) return
      return reply.code(404).send({ detail: 'Dokument nicht gefunden' })
    })

    scope.get('/content', (request, reply) => {
      const { file_path, name, mime_type } = request.document
      return reply.sendBlob(file_path, { filename: name, contentType: mime_type })
    })

    scope.get('/download', (request, reply) => {
      const { file_path, name, mime_type } = request.document
      return reply.sendBlob(file_path, { disposition: 'attachment', filename: name, contentType: mime_type })
    })

    scope.get('/view', (request, reply) => {
      const { file_path, mime_type } = request.document
      return reply.sendView(file_path, { contentType: mime_type })
    })

    scope.delete('/', (request, reply) => {
      const { id, file_path } = request.document
      // The blob first: whatever fails, the row is still there for another DELETE, and no file is left that no row knows.
      return reply.deleteBlob(file_path, { onDeleted: () => removeDocument(db, id) })
    })
  }

  async function projectRoutes(scope) {
    scope.addHook('onRequest', async (request, reply) => {
      request.project = Number(request.params.projectId)
      if (worksOn(request.user, request.project)) return
      return reply.code(404).send({ detail: 'Projekt nicht gefunden' })
    })

    scope.post('/documents', async (request, reply) => {
      const upload = await request.receiveUpload(documentsOf(request.project))
      return reply.code(201).send(await takeUpload(db, upload))
    })

    scope.post('/milestones/:milestoneId/documents', async (request, reply) => {
      const milestone = findMilestone(db, request.params.milestoneId)
      if (milestone?.project_id !== request.project) {
        return reply.code(404).send({ detail: 'Meilenstein nicht gefunden' })
      }
      const upload = await request.receiveUpload(documentsOf(request.project))
      return reply.code(201).send(await takeUpload(db, upload, { milestoneId: milestone.id }))
    })

    scope.post('/invoices', async (request, reply) => {
      const invoice = invoiceOf(request.body)
      if (!invoice) return reply.code(400).send({ detail: 'Die Rechnung ist unvollständig' })
      return reply.code(201).send(await addInvoice({ store, db }, request.project, invoice))
    })
  }
}

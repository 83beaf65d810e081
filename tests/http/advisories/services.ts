import { createServer, type RequestListener } from 'node:http'
import express5, { type ErrorRequestHandler, type Express, type Request, type Response } from 'express'
import express4 from 'express4'
import multer from 'multer'
import { hybridStorage, type StoredUpload } from '../../../src/adapters/multer/index.js'
import type { FileInput } from '../../../src/http/index.js'
import { type ListeningServer, listen } from '../listen.js'
import { adapters, startDelivery } from '../servers.js'
import type { World } from '../world.js'

/** Everything that takes forms in: the adapters, and multer with our storage in two Expresses. */
export const services = [...adapters, 'multer in express5', 'multer in express4'] as const
export type Service = (typeof services)[number]

export const isMulter = (service: Service) => service.startsWith('multer')

/** What a request may send: multer has no limits of its own. */
export const limits = { fileSize: 64 * 1024 * 1024, files: 10, fields: 100, parts: 110 } as const

/** What the application is told, as the services answer it. */
export interface TakenIn {
  readonly files: readonly { readonly path: string; readonly key: string; readonly name: string }[]
  readonly fields: readonly (readonly [name: string, value: unknown])[]
}

/** Called before each key is made, and waited for: an application that takes its time. */
export type Think = () => Promise<void>

/** A service on a port, at `/upload`. Keys lie in the folder that the request names in `x-folder`. */
export function startService(service: Service, { store }: World, think: Think): Promise<ListeningServer> {
  if (isMulter(service)) return startMulter(service, store, think)
  return startDelivery(service as (typeof adapters)[number], store, {
    limits,
    key: async ({ file, request }: FileInput) => {
      await think()
      return `${String(request.headers['x-folder'])}${file.uniqueName}`
    },
    onUploaded: ({ blobs, fields }): TakenIn => ({
      files: blobs.map(({ path, key, name }) => ({ path, key, name })),
      fields: Object.entries(fields),
    }),
  })
}

async function startMulter(service: Service, store: World['store'], think: Think): Promise<ListeningServer> {
  const storage = hybridStorage<Request, 's3' | 'local', string>(store, {
    key: async ({ req, file }) => {
      await think()
      return `${req.headers['x-folder']}${file.uniqueName}`
    },
  })
  const app: Express = service === 'multer in express4' ? (express4 as unknown as typeof express5)() : express5()
  app.post('/upload', multer({ storage, limits }).any(), (req: Request, res: Response) => {
    const files = req.files as unknown as readonly StoredUpload[]
    const answer: TakenIn = {
      files: files.map(({ path, key, originalname: name }) => ({ path, key, name })),
      fields: Object.entries(req.body),
    }
    res.status(201).json(answer)
  })
  const onError: ErrorRequestHandler = (error, _req, res, _next) => {
    res.status(error.status ?? 400).json({ code: error.code })
  }
  app.use(onError)
  return listen(createServer(app as RequestListener))
}

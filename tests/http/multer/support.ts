import { readdir } from 'node:fs/promises'
import { createServer, type RequestListener } from 'node:http'
import { connect } from 'node:net'
import express5, { type ErrorRequestHandler, type Express, type Request, type Response } from 'express'
import express4 from 'express4'
import multer from 'multer'
import { afterAll, beforeAll } from 'vitest'
import { type HybridStorageOptions, hybridStorage, type StoredUpload } from '../../../src/adapters/multer/index.js'
import { onEnd } from '../../store/support.js'
import { form, formType, type Part } from '../form.js'
import { listen } from '../listen.js'
import { clientOf } from '../support.js'
import { backends, folders, openWorld, type World } from '../world.js'

/** The store of all tests of a file. */
export let world: World

beforeAll(async () => {
  world = await openWorld()
})
afterAll(() => world.close())

/** Every file that is on the disk and every object in the bucket, internals included. */
export async function everything(): Promise<string[]> {
  const files = await readdir(world.root, { recursive: true, withFileTypes: true })
  const names = files.filter((entry) => entry.isFile()).map(({ parentPath, name }) => `${parentPath}/${name}`)
  return [...names.filter((name) => !/\/(format|id)$/.test(name)), ...(await world.bucket.keys())].sort()
}

const frameworks = { express5, express4 } as unknown as Readonly<Record<'express4' | 'express5', () => Express>>
/** Each framework with each backend for its files. */
export const cases = (['express5', 'express4'] as const).flatMap((version) =>
  backends.map((backend) => [version, backend] as const),
)

/** Where the files of a case lie. */
export const folderOf = ([version, backend]: (typeof cases)[number]) => `${folders[backend]}${version}/`

export interface Given extends Partial<HybridStorageOptions<Request, 's3' | 'local'>> {
  readonly multer?: Omit<multer.Options, 'storage'>
  readonly upload?: multer.Multer
}

/** An application that takes the files of `file`, and one that has no error handler of its own. */
export async function serveMulter(
  one: (typeof cases)[number],
  { multer: settings, upload: given, ...options }: Given = {},
) {
  const folder = folderOf(one)
  const storage = hybridStorage(world.store, { key: ({ file }) => `${folder}${file.uniqueName}`, ...options })
  const upload = given ?? multer({ storage, ...settings })
  const app = frameworks[one[0]]()
  const failures: unknown[] = []
  const answer = (req: Request, res: Response) => {
    res.json({ files: req.files, fields: req.body })
  }
  app.post('/plain', upload.array('file'), answer)
  app.post('/', upload.array('file'), answer)
  const onError: ErrorRequestHandler = (error, req, res, next) => {
    failures.push(error)
    if (req.path === '/plain') return next(error)
    res.status(error.status ?? 400).json({ code: error.code })
  }
  app.use(onError)
  const { port, stop } = await listen(createServer(app as RequestListener))
  onEnd(stop)
  const { ask } = clientOf(port)
  return {
    port,
    failures,
    /** The status and the JSON that is answered to a form. */
    async post(body: Uint8Array, target = '/', type = formType) {
      const { status, body: bytes } = await ask({ method: 'POST', target, headers: { 'Content-Type': type }, body })
      const text = bytes.toString()
      return { status, text, ...(text.startsWith('{') ? JSON.parse(text) : {}) } as {
        status: number
        text: string
        code?: string
        files: (StoredUpload & { fieldname: string })[]
        fields: Record<string, string>
      }
    },
  }
}

/** A form with a file, of which so many bytes are sent before the connection is cut. */
export function sendPart(port: number, parts: readonly Part[], bytes: number, path = '/') {
  const body = form(...parts)
  const socket = connect(port, '127.0.0.1')
  const head = `POST ${path} HTTP/1.1\r\nHost: x\r\nContent-Type: ${formType}\r\nContent-Length: ${body.byteLength}\r\n\r\n`
  socket.write(head)
  socket.write(body.subarray(0, bytes))
  socket.on('error', () => {})
  onEnd(() => socket.destroy())
  return socket
}

/** Resolves when the store has told of a put that failed. */
export const putFailed = (store = world.store) =>
  new Promise<string>((resolve) => {
    const listener = ({ operation, code }: { operation: string; code: string }) => {
      if (operation !== 'put') return
      store.off('failed', listener)
      resolve(code)
    }
    store.on('failed', listener)
  })

import { once } from 'node:events'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Database } from 'node-sqlite3-wasm'
import { addDocument, findDocument, openDatabase } from '../../examples/documents/database.mjs'
import { createApp as createExpress } from '../../examples/express/app.mjs'
import { createApp as createFastify } from '../../examples/fastify/app.mjs'
import type { HybridStore } from '../../src/index.js'
import { onEnd } from '../store/support.js'

export const frameworks = ['Express', 'Fastify'] as const
export type Framework = (typeof frameworks)[number]

/** What the example servers are made of. */
export interface AppOptions {
  readonly store: HybridStore<'s3' | 'local', never>
  readonly db: Database
  readonly log?: { error(error: unknown): void } | undefined
}

/** An answer, read to its end. */
export interface Answer {
  readonly status: number
  readonly headers: Headers
  readonly bytes: Buffer
}

/** One of the example servers, listening, with an empty table of documents. */
export class App {
  readonly url: string
  readonly #store: AppOptions['store']
  readonly #db: Database

  private constructor(server: Server, store: AppOptions['store'], db: Database) {
    this.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
    this.#store = store
    this.#db = db
  }

  static async start(framework: Framework, store: AppOptions['store']): Promise<App> {
    const db = openDatabase(':memory:')
    onEnd(() => db.close())
    const server = await starters[framework]({ store, db, log: { error: () => {} } })
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    onEnd(() => {
      server.close()
      server.closeAllConnections()
    })
    return new App(server, store, db)
  }

  /** A row of project 7; answers its id. */
  add(name: string, filePath: string, mimeType?: string): number {
    return addDocument(this.#db, { projectId: 7, name, filePath, mimeType })
  }

  /** Rows and files as the example makes them for itself. */
  fill(seed: (options: AppOptions) => Promise<void>): Promise<void> {
    return seed({ store: this.#store, db: this.#db })
  }

  hasRow(id: number): boolean {
    return findDocument(this.#db, id) !== undefined
  }

  /** From now on no row can be deleted. */
  lock(): void {
    this.#db.exec("CREATE TRIGGER locked BEFORE DELETE ON documents BEGIN SELECT raise(ABORT, 'locked'); END")
  }

  unlock(): void {
    this.#db.exec('DROP TRIGGER locked')
  }

  /** Asks as Anna, who may see project 7, unless the headers say otherwise. */
  async ask(target: string, headers: Record<string, string> = {}, method = 'GET'): Promise<Answer> {
    const authorization = 'Bearer token-of-anna'
    const response = await fetch(`${this.url}${target}`, { method, headers: { authorization, ...headers } })
    return {
      status: response.status,
      headers: response.headers,
      bytes: Buffer.from(await response.arrayBuffer()),
    }
  }

  content(id: number, headers?: Record<string, string>): Promise<Answer> {
    return this.ask(`/documents/${id}/content`, headers)
  }

  download(id: number): Promise<Answer> {
    return this.ask(`/documents/${id}/download`)
  }

  view(id: number): Promise<Answer> {
    return this.ask(`/documents/${id}/view`)
  }

  delete(id: number, headers?: Record<string, string>): Promise<Answer> {
    return this.ask(`/documents/${id}`, headers, 'DELETE')
  }
}

const starters: Readonly<Record<Framework, (options: AppOptions) => Promise<Server>>> = {
  Express: async (options) => createServer(createExpress(options)),
  Fastify: async (options) => {
    const app = await createFastify(options)
    await app.ready()
    return app.server
  },
}

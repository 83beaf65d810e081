import { once } from 'node:events'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Database } from 'node-sqlite3-wasm'
import { addDocument, addMilestone, findDocument, openDatabase } from '../../examples/documents/database.mjs'
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

/** A row of the table of documents. */
export interface DocumentRow {
  readonly id: number
  readonly project_id: number
  readonly milestone_id: number | null
  readonly name: string
  readonly file_path: string
  readonly mime_type: string | undefined
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

  /** A milestone of a project; answers its id. */
  addMilestone(projectId: number, name: string): number {
    return addMilestone(this.#db, { projectId, name })
  }

  /** Rows and files as the example makes them for itself. */
  fill(seed: (options: AppOptions) => Promise<void>): Promise<void> {
    return seed({ store: this.#store, db: this.#db })
  }

  row(id: number): DocumentRow | undefined {
    return findDocument(this.#db, id)
  }

  hasRow(id: number): boolean {
    return this.row(id) !== undefined
  }

  rowCount(): number {
    return this.#db.all('SELECT id FROM documents').length
  }

  /** From now on no row can be deleted, or none of this name inserted. */
  lock(change: 'DELETE' | 'INSERT' = 'DELETE', name?: string): void {
    const when = name === undefined ? '' : `WHEN new.name = '${name}'`
    this.#db.exec(
      `CREATE TRIGGER locked BEFORE ${change} ON documents ${when} BEGIN SELECT raise(ABORT, 'locked'); END`,
    )
  }

  unlock(): void {
    this.#db.exec('DROP TRIGGER locked')
  }

  /** Asks as Anna, who may see project 7, unless the headers say otherwise. */
  async ask(
    target: string,
    headers: Record<string, string> = {},
    method = 'GET',
    body?: FormData | string,
  ): Promise<Answer> {
    const authorization = 'Bearer token-of-anna'
    const init = { method, headers: { authorization, ...headers }, body: body ?? null }
    const response = await fetch(`${this.url}${target}`, init)
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

  upload(target: string, form: FormData, headers?: Record<string, string>): Promise<Answer> {
    return this.ask(target, headers, 'POST', form)
  }

  /** Has an invoice generated. */
  invoice(projectId: number, invoice: object): Promise<Answer> {
    const headers = { 'content-type': 'application/json' }
    return this.ask(`/projects/${projectId}/invoices`, headers, 'POST', JSON.stringify(invoice))
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

/** The servers in `examples`, which are plain JavaScript. */
declare module '*/examples/express/app.mjs' {
  export function createApp(options: import('./apps.js').AppOptions): import('express').Express
}

declare module '*/examples/fastify/app.mjs' {
  export function createApp(options: import('./apps.js').AppOptions): Promise<import('fastify').FastifyInstance>
}

declare module '*/examples/documents/database.mjs' {
  export function openDatabase(file: string): import('node-sqlite3-wasm').Database
  export function addDocument(
    db: import('node-sqlite3-wasm').Database,
    row: {
      readonly projectId: number
      readonly name: string
      readonly filePath: string
      readonly mimeType?: string | undefined
    },
  ): number
  export function addMilestone(
    db: import('node-sqlite3-wasm').Database,
    row: { readonly projectId: number; readonly name: string },
  ): number
  export function findDocument(
    db: import('node-sqlite3-wasm').Database,
    id: number,
  ): import('./apps.js').DocumentRow | undefined
}

declare module '*/examples/documents/seed.mjs' {
  export function seed(options: import('./apps.js').AppOptions): Promise<void>
}

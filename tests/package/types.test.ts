import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import ts from 'typescript'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { Consumer } from '../support/consumer.js'

const strict: ts.CompilerOptions = {
  strict: true,
  exactOptionalPropertyTypes: true,
  noEmit: true,
  // The point of it: our own .d.ts files are checked like the code that uses them.
  skipLibCheck: false,
  types: ['node'],
  target: ts.ScriptTarget.ES2022,
  lib: ['lib.es2023.d.ts'],
  module: ts.ModuleKind.NodeNext,
  moduleResolution: ts.ModuleResolutionKind.NodeNext,
}

function compile(files: readonly string[], options: ts.CompilerOptions): string[] {
  const program = ts.createProgram(files, options)
  return ts.getPreEmitDiagnostics(program).map((diagnostic) => {
    const text = ts.flattenDiagnosticMessageText(diagnostic.messageText, '\n')
    return diagnostic.file ? `${diagnostic.file.fileName}: ${text}` : text
  })
}

describe('the published types, seen by a strict project that checks its libraries', { timeout: 120_000 }, () => {
  let consumer: Consumer
  let withAws: Consumer

  beforeAll(async () => {
    consumer = await Consumer.create()
    consumer.link('@types/node', 'undici-types')
    withAws = await Consumer.create()
    withAws.link('@types/node', 'undici-types', '@aws-sdk', '@smithy', '@opentelemetry')
  })
  afterAll(() => {
    consumer?.remove()
    withAws?.remove()
  })

  const options = ({ folder } = consumer) => ({ ...strict, typeRoots: [join(folder, 'node_modules/@types')] })
  const core = `
    import { type BlobDriver, isStorageError, type StorageErrorCode } from 'hybrid-store'
    import { FsDriver } from 'hybrid-store/fs'
    import { MemoryDriver } from 'hybrid-store/memory'
    import * as testing from 'hybrid-store/testing'
    export const drivers: BlobDriver[] = [new FsDriver({ root: 'blobs' }), new MemoryDriver()]
    export const codeOf = (error: unknown): StorageErrorCode | undefined => isStorageError(error) ? error.code : undefined
    export { testing }
    // @ts-expect-error: no root
    new FsDriver({})`
  const s3 = `
    import type { BlobDriver } from 'hybrid-store'
    import { S3Driver } from 'hybrid-store/s3'
    export const driver: BlobDriver = new S3Driver({ bucket: 'b', region: 'eu-central-1' })`

  // What the examples of docs/http.md take from an application.
  const database = `
    interface Document { readonly path: string; readonly name: string; readonly type: string | undefined }
    export declare function findDocument(id: string): Promise<Document | undefined>
    export declare function addDocument(row: { path: string; name: string; type: string }): Promise<string>
    export declare function setPath(id: string, path: string): Promise<void>
    export declare function removeDocument(id: string): Promise<void>`
  const users = `
    import type { IncomingMessage } from 'node:http'
    export declare function userOf(request: IncomingMessage): { readonly project: string } | undefined`

  test('without the AWS SDK, as ESM and as CJS', () => {
    const files = [consumer.write('core.mts', core), consumer.write('core.cts', core)]
    expect(compile(files, options())).toEqual([])
  })

  test('with it, as ESM and as CJS', () => {
    const files = [withAws.write('s3.mts', s3), withAws.write('s3.cts', s3)]
    expect(compile(files, options(withAws))).toEqual([])
  })

  test('the examples in README and docs compile as they stand there', () => {
    withAws.link('@types/express', '@types/multer', 'fastify', 'hono', 'multer')
    withAws.write('storage.mts', `import { storeFromEnv } from 'hybrid-store'\nexport const store = storeFromEnv()`)
    withAws.write('database.mts', database)
    withAws.write('users.mts', users)
    const pages = ['README.md', ...readdirSync('docs').map((name) => join('docs', name))]
    const examples = pages.flatMap((page) => {
      const blocks = [...readFileSync(page, 'utf8').matchAll(/^```ts\n(.*?)^```$/gms)]
      return blocks.map(([, code = ''], i) => withAws.write(`${page.replace(/\W/g, '-')}-${i}.mts`, code))
    })
    expect(examples.length).toBeGreaterThan(0)
    expect(compile(examples, options(withAws))).toEqual([])
  })
})

test('tests/types compiles: what should not compile does not', { timeout: 60_000 }, () => {
  const { config } = ts.readConfigFile('tsconfig.json', ts.sys.readFile)
  const { options } = ts.parseJsonConfigFileContent(config, ts.sys, process.cwd())
  const files = readdirSync('tests/types', { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.ts'))
  expect(files.length).toBeGreaterThan(0)
  expect(
    compile(
      files.map((name) => join('tests/types', name)),
      options,
    ),
  ).toEqual([])
})

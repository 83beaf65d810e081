import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { importProblems, parseImports, readImports } from '../support/import-graph.js'

const manifest = JSON.parse(readFileSync('package.json', 'utf8')) as { dependencies: Record<string, string> }
const dependencies = Object.keys(manifest.dependencies)

test('every import in src goes down, and only drivers/s3 knows the AWS SDK, lazily, and only otel OpenTelemetry', () => {
  const edges = readImports('src')
  expect(edges.length).toBeGreaterThan(50)
  expect(importProblems(edges, dependencies)).toEqual([])
})

describe('the rules notice', () => {
  const check = (files: Record<string, string>) =>
    importProblems(
      Object.entries(files).flatMap(([name, text]) => parseImports(name, text)),
      ['mime-types'],
    )

  test.each([
    ['an import that goes up', { 'keys/a.ts': `import { S } from '../store/index.js'` }],
    ['a type that goes up', { 'disk/a.ts': `import type { B } from '../driver/index.js'` }],
    ['a type taken inline', { 'keys/a.ts': `type B = import('../body/index.js').B` }],
    ['a re-export that goes up', { 'errors/index.ts': `export * from '../keys/index.js'` }],
    ['a driver that knows another', { 'drivers/s3/a.ts': `import { x } from '../fs/index.js'` }],
    ['a driver that knows the store', { 'drivers/fs/a.ts': `export type { x } from '../../store/index.js'` }],
    ['the core that exports test helpers', { 'index.ts': `export { x } from './testing/index.js'` }],
    ['a folder that no rule covers', { 'utils/a.ts': `import 'node:fs'` }],
    ['AWS outside drivers/s3', { 'store/a.ts': `import type { S3Client } from '@aws-sdk/client-s3'` }],
    ['AWS loaded with the module', { 'drivers/s3/a.ts': `import { S3Client } from '@aws-sdk/client-s3'` }],
    ['AWS loaded for types alone', { 'drivers/s3/a.ts': `import { type S3Client } from '@aws-sdk/client-s3'` }],
    ['AWS by require', { 'drivers/s3/a.ts': `const s3 = require('@aws-sdk/client-s3')` }],
    ['OpenTelemetry outside otel', { 'store/a.ts': `import type { Tracer } from '@opentelemetry/api'` }],
    ['the SDK of OpenTelemetry', { 'otel/a.ts': `import { MeterProvider } from '@opentelemetry/sdk-metrics'` }],
    ['the core that knows otel', { 'index.ts': `export * from './otel/index.js'` }],
    ['a package that is no dependency', { 'body/a.ts': `import mime from 'mime'` }],
    ['a computed module name', { 'body/a.ts': `await import(name)` }],
    [
      'a cycle of files',
      {
        'store/a.ts': `import { b } from './b.js'`,
        'store/b.ts': `import { c } from './c.js'`,
        'store/c.ts': `export * from './a.js'`,
      },
    ],
  ])('%s', (_, files) => {
    expect(check(files)).toHaveLength(1)
  })

  test('and are content with what is allowed', () => {
    const s3 = `
      import { lookup } from 'mime-types'
      import { Readable } from 'node:stream'
      import type { S3Client } from '@aws-sdk/client-s3'
      import { StorageError } from '../../errors/index.js'
      export const load = async () => { try { return await import('@aws-sdk/client-s3') } catch { return undefined } }`
    const otel = `
      import { trace } from '@opentelemetry/api'
      import type { StoreEvents } from '../store/index.js'`
    const store = `export { load } from '../drivers/s3/a.js'`
    expect(check({ 'drivers/s3/a.ts': s3, 'store/a.ts': store, 'otel/a.ts': otel })).toEqual([])
  })
})

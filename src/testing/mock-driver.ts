import { Readable } from 'node:stream'
import { openReader } from '../body/index.js'
import type { BlobDriver, BlobInfo, BlobReader, DriverCapabilities, GetOptions } from '../driver/index.js'
import { StorageError } from '../errors/index.js'
import type { DriverOperation } from './faults.js'

/** The methods that a test gives. `get` may answer with the content alone. */
export interface MockMethods extends Partial<Omit<BlobDriver, 'get'>> {
  get?(key: string, options?: GetOptions): Promise<BlobReader | string | Uint8Array>
}

/** One call of a mock with its arguments. */
export interface MockCall {
  readonly operation: DriverOperation | 'publicUrl' | 'close'
  readonly args: readonly unknown[]
}

export interface MockDriver extends BlobDriver {
  /** The calls so far, in order. */
  readonly calls: readonly MockCall[]
}

const refused: DriverCapabilities = {
  createOnly: false,
  conditionalUpdate: false,
  conditionalDelete: false,
  conditionalCopy: false,
  signedUrls: false,
  signedUploads: false,
  publicUrls: false,
  visibility: false,
  maxKeyBytes: 1024,
  maxMetadataBytes: 2048,
}

const operations = ['put', 'get', 'head', 'delete', 'deleteMany'] as const
const optional = ['copy', 'move', 'signUrl', 'signUpload', 'setVisibility', 'getVisibility'] as const

/**
 * A driver made of the methods given. All others reject with NOT_SUPPORTED; every call is recorded.
 *
 * ```ts
 * const driver = mockDriver({ get: async () => 'hello' })
 * ```
 */
export function mockDriver(methods: MockMethods = {}): MockDriver {
  const calls: MockCall[] = []
  const record = (operation: MockCall['operation'], args: readonly unknown[]) => calls.push({ operation, args })
  const method = (operation: DriverOperation) => {
    return async (...args: readonly unknown[]) => {
      record(operation, args)
      const given = methods[operation] as ((...args: readonly unknown[]) => Promise<unknown>) | undefined
      if (given === undefined) throw unsupported(operation)
      const answer = await given.apply(methods, args as unknown[])
      return operation === 'get' ? asReader(String(args[0]), answer) : answer
    }
  }
  const driver: Record<string, unknown> = {
    kind: methods.kind ?? 'mock',
    description: methods.description,
    localRoot: methods.localRoot,
    capabilities: methods.capabilities ?? refused,
    calls,
    async *list(...args: readonly unknown[]) {
      record('list', args)
      if (methods.list === undefined) throw unsupported('list')
      yield* methods.list(...(args as Parameters<BlobDriver['list']>))
    },
    publicUrl(...args: readonly unknown[]) {
      record('publicUrl', args)
      if (methods.publicUrl === undefined) throw unsupported('publicUrl')
      return methods.publicUrl(...(args as Parameters<NonNullable<BlobDriver['publicUrl']>>))
    },
    async close() {
      record('close', [])
      await methods.close?.()
    },
  }
  // That it is there says that the driver keeps files.
  const files = methods.localPath === undefined ? [] : (['localPath'] as const)
  for (const operation of [...operations, ...optional, ...files]) driver[operation] = method(operation)
  return driver as unknown as MockDriver
}

function unsupported(operation: string): StorageError {
  return new StorageError('NOT_SUPPORTED', `The mock was given no ${operation}.`, {
    operation,
    driver: 'mock',
    hint: `Pass ${operation} to mockDriver.`,
    outcome: 'unchanged',
  })
}

function asReader(key: string, answer: unknown): unknown {
  if (typeof answer !== 'string' && !(answer instanceof Uint8Array)) return answer
  const bytes = Buffer.from(answer as Uint8Array)
  const info: BlobInfo = {
    key,
    size: bytes.byteLength,
    etag: 'mock',
    lastModified: new Date(0),
    contentType: 'application/octet-stream',
    metadata: {},
  }
  return openReader(info, Readable.from([bytes], { objectMode: false }))
}

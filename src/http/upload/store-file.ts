import { contentTypeOf, keptChunks } from '../../driver/index.js'
import { isStorageError, StorageError } from '../../errors/index.js'
import { assertKey } from '../../keys/index.js'
import type { StoredBlob } from '../../store/index.js'
import type { BlobStore } from '../blob-store.js'
import type { HttpRequest } from '../message.js'
import { checkExtension } from './extensions.js'
import type { SettledLimits } from './limits.js'
import type { FileInput, FileOptions, FormFields, UploadedBlob } from './options.js'
import { peek } from './peek.js'
import { gone } from './refusals.js'
import { scanned } from './scan.js'
import { SNIFFED_BYTES, settleType } from './sniff.js'
import { checkType } from './type-list.js'
import { describeFile, type UploadedFile } from './uploaded-file.js'

/** A file as it stands in the request. */
export interface IncomingFile {
  readonly field: string
  /** As the client sent it. */
  readonly filename: string | undefined
  readonly declaredType: string | undefined
  readonly body: AsyncGenerator<Uint8Array, void, undefined>
  /** Bytes, where the request says. */
  readonly size?: number | undefined
}

/** What all files of a request have in common. */
export interface Intake<Native> {
  readonly store: BlobStore
  readonly request: HttpRequest
  readonly native: Native
  readonly options: FileOptions<Native>
  readonly limits: SettledLimits
  readonly fields: FormFields
  /** Hears which file is arriving. */
  readonly onFile: (file: UploadedFile) => void
}

export interface Conditions {
  readonly ifMatch?: string | undefined
  readonly ifNoneMatch?: '*' | undefined
}

/**
 * Stores one file: its type settled by its first bytes, its key by `keyOf`, its bytes streamed into the store. Whatever fails
 * leaves the key as it was, and rejects with what was wrong first: what is wrong with the request is never told as a failure of the storage.
 */
export async function storeFile<Native>(
  intake: Intake<Native>,
  incoming: IncomingFile,
  keyOf: (input: FileInput<Native>) => string | Promise<string>,
  conditions: Conditions = {},
): Promise<UploadedBlob> {
  const { request, native, options, limits, fields } = intake
  const named = describeFile(incoming.field, incoming.filename, '')
  checkExtension(named.name, options.extensions)
  const { head, all } = await peek(incoming.body, SNIFFED_BYTES)
  const declared = { contentType: incoming.declaredType, suggested: contentTypeOf(named.name) }
  const file = { ...named, contentType: await settleType(declared, head, options.sniff ?? 'correct') }
  checkType(file.contentType, options.types)
  intake.onFile(file)
  const input = { file, fields, request, native }
  const key = await keyOf(input)
  assertKey(key, 'upload')
  const kind = typeof options.kind === 'function' ? options.kind(input) : options.kind
  const driver = intake.store.route({ key, kind, contentType: file.contentType, size: incoming.size })
  await options.permit?.({ ...input, key, driver })
  const attributes = await options.attributes?.({ ...input, key })
  assertThere(request)
  const { scan } = options
  const body = scan ? scanned(all, (asked) => scan({ ...input, ...asked }), limits.scan) : all
  // What a request brings is nobody else's, and is not copied on its way.
  const watched = keptChunks(new WatchedBody(body))
  try {
    const stored = await intake.store.put(key, watched, {
      ...attributes,
      ...conditions,
      kind,
      contentType: file.contentType,
      size: incoming.size,
      maxSize: Number.isFinite(limits.fileSize) ? limits.fileSize : undefined,
      // The request's own limit counts, and a scanner may take its time.
      idleTimeout: 0,
      // Without the signal of the request: the body fails when the client goes. A put whose body was read to its end is left
      // to end, since one that is given up then may still take effect, and nobody would know of it.
    })
    return uploaded(stored, file)
  } catch (error) {
    throw watched.failure ?? error
  } finally {
    // Not waited for: a step under way ends when the client sends more, or is given up.
    watched.release()
  }
}

function uploaded(stored: StoredBlob, { field, name }: UploadedFile): UploadedBlob {
  return { ...stored, field, name }
}

/** Remembers why a body failed: the store tells only that it did. */
class WatchedBody implements AsyncIterable<Uint8Array> {
  readonly #steps: AsyncGenerator<Uint8Array, void, undefined>
  failure: StorageError | undefined

  constructor(body: AsyncGenerator<Uint8Array, void, undefined>) {
    this.#steps = this.#watch(body)
  }

  [Symbol.asyncIterator](): AsyncGenerator<Uint8Array, void, undefined> {
    return this.#steps
  }

  release(): void {
    this.#steps.return().catch(() => {})
  }

  async *#watch(body: AsyncGenerator<Uint8Array, void, undefined>): AsyncGenerator<Uint8Array, void, undefined> {
    try {
      yield* body
    } catch (error) {
      this.failure = isStorageError(error) ? error : unexpected(error)
      throw error
    }
  }
}

/** Whatever the application was asked, it may have taken longer than the client waited. */
function assertThere({ signal }: HttpRequest): void {
  if (signal?.aborted) throw gone(signal)
}

/** A scanner of the application may throw anything. */
function unexpected(cause: unknown): StorageError {
  return new StorageError('INTERNAL', 'The upload failed for a reason outside the storage.', {
    operation: 'upload',
    outcome: 'unchanged',
    cause,
  })
}

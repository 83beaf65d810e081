import { type FileHandle, open } from 'node:fs/promises'
import { Readable } from 'node:stream'
import { openReader } from '../../../src/body/index.js'
import type {
  BlobBody,
  BlobInfo,
  BlobReader,
  CopyOptions,
  DeleteOptions,
  DeleteResult,
  GetOptions,
  HeadOptions,
  ListEntry,
  ListOptions,
  PutOptions,
  SignalOptions,
} from '../../../src/driver/index.js'
import { MemoryDriver } from '../../../src/drivers/memory/index.js'
import { StorageError } from '../../../src/errors/index.js'

/** A driver with one defect of the field, and the case that must notice it. */
export interface BrokenDriver {
  readonly defect: string
  readonly noticedBy: string
  readonly make: () => MemoryDriver
}

async function collect(entries: AsyncIterable<ListEntry>): Promise<ListEntry[]> {
  const all: ListEntry[] = []
  for await (const entry of entries) all.push(entry)
  return all
}

const nameOf = (entry: ListEntry) => (entry.type === 'blob' ? entry.key : entry.prefix)

class Utf16Order extends MemoryDriver {
  override async *list(options: ListOptions = {}) {
    yield* (await collect(super.list(options))).sort((a, b) => (nameOf(a) < nameOf(b) ? -1 : 1))
  }
}

class StopsAt1000 extends MemoryDriver {
  override list(options: ListOptions = {}) {
    return super.list({ ...options, limit: Math.min(1000, options.limit ?? 1000) })
  }
}

class PrefixBySegment extends MemoryDriver {
  override async *list(options: ListOptions = {}) {
    const folder = options.prefix?.slice(0, options.prefix.lastIndexOf('/') + 1)
    for await (const entry of super.list({ ...options, prefix: folder })) yield entry
  }
}

class GlobPrefix extends MemoryDriver {
  override async *list(options: ListOptions = {}) {
    const { prefix = '' } = options
    const pattern = new RegExp(`^${prefix.replace(/[.[\]{}$^()|+?]/g, '\\$&').replace(/\*/g, '.*')}`)
    for await (const entry of super.list({ ...options, prefix: prefix.split('*')[0] })) {
      if (pattern.test(nameOf(entry))) yield entry
    }
  }
}

class RepeatsRolledUp extends MemoryDriver {
  override async *list(options: ListOptions = {}) {
    const { startAfter, ...rest } = options
    // As S3 reads start-after: keys behind it are rolled up again into the prefix that the page before ended with.
    const after = startAfter?.endsWith('/') ? startAfter.slice(0, -1) : startAfter
    yield* super.list({ ...rest, startAfter: after })
  }
}

class TornOverwrite extends MemoryDriver {
  override async put(key: string, body: BlobBody, options: PutOptions = {}): Promise<BlobInfo> {
    if (body instanceof Uint8Array && options.ifMatch === undefined) {
      await super.put(key, body.subarray(0, body.byteLength / 2), options)
      await new Promise((resolve) => setImmediate(resolve))
    }
    return super.put(key, body, options)
  }
}

class AttributesFirst extends MemoryDriver {
  override async put(key: string, body: BlobBody, options: PutOptions = {}): Promise<BlobInfo> {
    const old = await super.get(key).then(
      (reader) => reader.bytes(),
      () => undefined,
    )
    if (old !== undefined && body instanceof Uint8Array) await super.put(key, old, options)
    await new Promise((resolve) => setImmediate(resolve))
    return super.put(key, body, options)
  }
}

class DeletesFirst extends MemoryDriver {
  override async put(key: string, body: BlobBody, options: PutOptions = {}): Promise<BlobInfo> {
    if (options.ifMatch === undefined && options.ifNoneMatch === undefined) await super.delete(key).catch(() => {})
    return super.put(key, body, options)
  }
}

class IgnoresIfMatch extends MemoryDriver {
  override put(key: string, body: BlobBody, options: PutOptions = {}): Promise<BlobInfo> {
    return super.put(key, body, { ...options, ifMatch: undefined })
  }
}

class JudgesAtTheStart extends MemoryDriver {
  override async put(key: string, body: BlobBody, options: PutOptions = {}): Promise<BlobInfo> {
    const { ifMatch, ifNoneMatch, ...rest } = options
    if (ifMatch !== undefined || ifNoneMatch !== undefined) {
      const etag = await super.head(key).then(
        (info) => info.etag,
        () => undefined,
      )
      const bad = ifMatch === undefined ? etag !== undefined : etag !== ifMatch.replaceAll('"', '')
      if (bad) return super.put(key, body, options)
    }
    return super.put(key, body, rest)
  }
}

class ForgetsConditionsOfReads extends MemoryDriver {
  override get(key: string, { range, signal }: GetOptions = {}): Promise<BlobReader> {
    return super.get(key, { range, signal })
  }
}

class DatesBeforeEtags extends MemoryDriver {
  override async head(key: string, options: HeadOptions = {}): Promise<BlobInfo> {
    const { ifModifiedSince, ifUnmodifiedSince } = options
    await super.head(key, { ifModifiedSince, ifUnmodifiedSince })
    return super.head(key, options)
  }
}

class KeepsTheCallersBuffer extends MemoryDriver {
  readonly #kept = new Map<string, Uint8Array>()

  override async put(key: string, body: BlobBody, options: PutOptions = {}): Promise<BlobInfo> {
    const info = await super.put(key, body, options)
    if (body instanceof Uint8Array) this.#kept.set(key, body)
    return info
  }

  override async get(key: string, options: GetOptions = {}): Promise<BlobReader> {
    const reader = await super.get(key, options)
    const kept = this.#kept.get(key)
    if (kept === undefined || options.range !== undefined) return reader
    await reader.cancel()
    return openReader(reader.info, Readable.from([kept], { objectMode: false }))
  }
}

class PublishesShortBodies extends MemoryDriver {
  override put(key: string, body: BlobBody, options: PutOptions = {}): Promise<BlobInfo> {
    return super.put(key, body, { ...options, size: undefined })
  }
}

class PublishesWhatCameBeforeAFailure extends MemoryDriver {
  override put(key: string, body: BlobBody, options: PutOptions = {}): Promise<BlobInfo> {
    if (!(body instanceof Readable)) return super.put(key, body, options)
    async function* untilItFails() {
      try {
        yield* body as Readable
      } catch {
        // What came so far will do.
      }
    }
    return super.put(key, untilItFails(), options)
  }
}

class LeavesBodiesOpen extends MemoryDriver {
  override async put(key: string, body: BlobBody, options: PutOptions = {}): Promise<BlobInfo> {
    if (!(body instanceof Readable)) return super.put(key, body, options)
    return super.put(key, { [Symbol.asyncIterator]: () => body.iterator({ destroyOnReturn: false }) }, options)
  }
}

class IgnoresAborts extends MemoryDriver {
  override put(key: string, body: BlobBody, options: PutOptions = {}): Promise<BlobInfo> {
    return super.put(key, body, { ...options, signal: undefined })
  }
}

class KeepsOldAttributes extends MemoryDriver {
  override async put(key: string, body: BlobBody, options: PutOptions = {}): Promise<BlobInfo> {
    const old = await super.head(key).catch(() => undefined)
    return super.put(key, body, { ...options, metadata: { ...old?.metadata, ...options.metadata } })
  }
}

class DecodesKeys extends MemoryDriver {
  override put(key: string, body: BlobBody, options: PutOptions = {}): Promise<BlobInfo> {
    return super.put(key.replaceAll('%20', ' '), body, options)
  }
}

class FoldsCase extends MemoryDriver {
  override put(key: string, body: BlobBody, options: PutOptions = {}): Promise<BlobInfo> {
    return super.put(key.toLowerCase(), body, options)
  }

  override get(key: string, options: GetOptions = {}): Promise<BlobReader> {
    return super.get(key.toLowerCase(), options)
  }
}

class DeletesWhatBeginsLikeIt extends MemoryDriver {
  override async delete(key: string, options: DeleteOptions = {}): Promise<void> {
    await super.delete(key, options)
    for (const entry of await collect(super.list({ prefix: key }))) await super.delete(nameOf(entry))
  }
}

class RefusesAllForOne extends MemoryDriver {
  override async deleteMany(keys: readonly string[], options: SignalOptions = {}): Promise<DeleteResult[]> {
    for (const key of keys) await super.delete(key, options)
    return keys.map((key) => ({ key }))
  }
}

class MoveOntoItselfDeletes extends MemoryDriver {
  override async move(source: string, destination: string, options: CopyOptions = {}): Promise<BlobInfo> {
    const info = await super.copy(source, destination, options)
    await super.delete(source)
    return info
  }
}

class CopyLosesAttributes extends MemoryDriver {
  override async copy(source: string, destination: string, options: CopyOptions = {}): Promise<BlobInfo> {
    if (source === destination) return super.copy(source, destination, options)
    const reader = await super.get(source)
    return super.put(destination, await reader.bytes(), options)
  }
}

class RangeEndIsExclusive extends MemoryDriver {
  override get(key: string, options: GetOptions = {}): Promise<BlobReader> {
    const { range } = options
    if (range === undefined || 'suffix' in range || range.end === undefined || range.end <= range.start) {
      return super.get(key, options)
    }
    return super.get(key, { ...options, range: { start: range.start, end: range.end - 1 } })
  }
}

class ThrowsBareErrors extends MemoryDriver {
  override async head(key: string, options: HeadOptions = {}): Promise<BlobInfo> {
    return super.head(key, options).catch((error: Error) => {
      throw new Error(error.message)
    })
  }
}

class ShowsItsPath extends MemoryDriver {
  override async get(key: string, options: GetOptions = {}): Promise<BlobReader> {
    return super.get(key, options).catch((error: StorageError) => {
      throw new StorageError(error.code, `ENOENT: open '/srv/secret-root/${key}'`)
    })
  }
}

class SaysNotFoundWhenRefused extends MemoryDriver {
  override async head(key: string): Promise<BlobInfo> {
    throw new StorageError('NOT_FOUND', `${key} is not there.`)
  }
}

class DeclaresWhatItHasNot extends MemoryDriver {
  override async delete(key: string, options: DeleteOptions = {}): Promise<void> {
    if (options.ifMatch !== undefined) throw new StorageError('NOT_SUPPORTED', 'No conditional delete here.')
    return super.delete(key, options)
  }
}

class DoesWhatItDoesNotDeclare extends MemoryDriver {
  constructor() {
    super({ capabilities: { createOnly: false } })
  }

  override put(key: string, body: BlobBody, options: PutOptions = {}): Promise<BlobInfo> {
    return super.put(key, body, { ...options, ifNoneMatch: undefined })
  }
}

/** Handles that {@link LeaksHandles} left open; the test closes them. */
export const leaked: FileHandle[] = []

class LeaksHandles extends MemoryDriver {
  override async get(key: string, options: GetOptions = {}): Promise<BlobReader> {
    const reader = await super.get(key, options)
    const handle = await open('/etc/hostname')
    const { cancel } = reader
    leaked.push(handle)
    return Object.assign(reader, { cancel: () => cancel.call(reader) })
  }
}

export const brokenDrivers: readonly BrokenDriver[] = [
  ['lists in UTF-16 order', 'list: in the order of UTF-8 bytes', Utf16Order],
  ['stops a list at 1,000', 'list: more than 2,500 keys', StopsAt1000],
  ['takes a prefix for a folder', 'list: by prefix, character by character', PrefixBySegment],
  ['takes a prefix for a pattern', 'list: a prefix that means nothing special', GlobPrefix],
  ['lists a rolled-up prefix again on the next page', 'list: pages of one, two and three', RepeatsRolledUp],
  ['overwrites in two steps', 'concurrency: reads during overwrites are never torn', TornOverwrite],
  ['writes attributes before bytes', 'concurrency: reads during overwrites are never torn', AttributesFirst],
  ['removes the old version first', 'failing bodies: an error midway', DeletesFirst],
  ['ignores ifMatch', 'conditionals: five writers lose nothing in ten rounds of compare-and-swap', IgnoresIfMatch],
  ['judges conditions at the start', 'conditionals: create is judged at publish, not at the start', JudgesAtTheStart],
  [
    'reads whatever the conditions',
    'conditionals: if-none-match on get and head: NOT_MODIFIED',
    ForgetsConditionsOfReads,
  ],
  [
    'judges dates where etags count',
    'conditionals: if-match outweighs if-unmodified-since on get and head: read',
    DatesBeforeEtags,
  ],
  ["keeps the caller's buffer", "put and get: the caller's buffer is neither changed nor kept", KeepsTheCallersBuffer],
  ['publishes a body that is too short', 'failing bodies: a stream shorter than declared', PublishesShortBodies],
  ['publishes what came before a failure', 'failing bodies: an error midway', PublishesWhatCameBeforeAFailure],
  ['leaves a refused body open', 'failing bodies: a body that stalls', LeavesBodiesOpen],
  ['ignores aborts', 'abort: a signal that is aborted already', IgnoresAborts],
  ['keeps the old metadata', 'attributes: an overwrite drops the old ones', KeepsOldAttributes],
  ['decodes percent escapes', 'keys: percent escapes are not decoded', DecodesKeys],
  ['folds case', 'keys: upper and lower case', FoldsCase],
  [
    'deletes what begins like the key',
    'delete: one key takes no other key that begins like it',
    DeletesWhatBeginsLikeIt,
  ],
  ['refuses all deletes for one', 'delete: many, with one refused, answers for each', RefusesAllForOne],
  ['deletes what is moved onto itself', 'copy and move: move onto itself loses nothing', MoveOntoItselfDeletes],
  ['loses attributes in a copy', 'copy and move: copy carries bytes and attributes', CopyLosesAttributes],
  ['takes the end of a range as exclusive', 'ranges: the middle', RangeEndIsExclusive],
  ['throws bare errors', 'head and exists: a missing key is NOT_FOUND', ThrowsBareErrors],
  ['shows its root in a message', 'put and get: get of a missing key is NOT_FOUND', ShowsItsPath],
  ['takes a refusal for a missing key', 'head and exists: a refusal is no "does not exist"', SaysNotFoundWhenRefused],
  ['declares what it has not', 'delete: the current version only', DeclaresWhatItHasNot],
  ['does what it does not declare', 'what is not declared is refused: createOnly', DoesWhatItDoesNotDeclare],
  ['leaves handles open', 'abort: a read that is cancelled releases what it holds', LeaksHandles],
].map(([defect, noticedBy, Driver]) => {
  const Broken = Driver as new () => MemoryDriver
  return { defect: defect as string, noticedBy: noticedBy as string, make: () => new Broken() }
})

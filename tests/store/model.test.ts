import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { FsDriver } from '../../src/drivers/fs/index.js'
import { MemoryDriver } from '../../src/drivers/memory/index.js'
import { HybridStore, isStorageError } from '../../src/index.js'
import { FaultyDriver } from '../../src/testing/index.js'
import { collect, pattern, patternStream } from './support.js'

/** Outlives the stores over it, as S3 does. */
class Kept extends MemoryDriver {
  override async close(): Promise<void> {}
}

const key = fc.constantFrom('a', 'a/b', 'ü')
const size = fc.oneof(fc.nat(50), fc.integer({ min: 60_000, max: 70_000 }), fc.constant(150_000))
const operation = fc.oneof(
  { weight: 4, arbitrary: fc.record({ op: fc.constant('put far' as const), key, size, diesAt: fc.option(fc.nat(1)) }) },
  { weight: 2, arbitrary: fc.record({ op: fc.constant('put near' as const), key, size }) },
  { weight: 2, arbitrary: fc.record({ op: fc.constant('delete' as const), key }) },
  {
    weight: 2,
    arbitrary: fc.record({ op: fc.constant('relocate' as const), key, to: fc.constantFrom('s3', 'local') }),
  },
  { weight: 2, arbitrary: fc.record({ op: fc.constantFrom('outage', 'recover', 'reconcile', 'reopen') }) },
)

type Place = 'far' | 'near' | 'pending'

/** What the store promises, in a few lines: one version per key, wherever it is. */
class Model {
  readonly blobs = new Map<string, { readonly size: number; place: Place }>()
  down = false
  moved = false

  /** What reading a path must give: the size, or the code of the error. */
  read(path: string, at: string): number | string {
    const blob = this.blobs.get(at)
    if (blob && blob.place !== 'far') return blob.size
    const asksFar = !path.startsWith('local:') || this.moved
    if (!asksFar) return 'NOT_FOUND'
    if (this.down) return 'UNAVAILABLE'
    return blob?.size ?? 'NOT_FOUND'
  }
}

class Real {
  readonly s3 = new FaultyDriver(new Kept())
  store: HybridStore<'s3' | 'local', string>

  constructor(readonly root: string) {
    this.store = this.open()
  }

  open(): HybridStore<'s3' | 'local', string> {
    const local = new FsDriver({ root: this.root, durability: 'none' })
    const drivers = { s3: this.s3, local }
    return new HybridStore({ drivers, fallback: { s3: 'local' }, exclusive: true, logger: false })
  }

  async read(path: string): Promise<number | string> {
    try {
      const reader = await this.store.get(path)
      const bytes = await reader.bytes()
      expect(Buffer.from(bytes).equals(pattern(0, bytes.byteLength))).toBe(true)
      return bytes.byteLength
    } catch (error) {
      if (isStorageError(error)) return error.code
      throw error
    }
  }
}

type Operation = typeof operation extends fc.Arbitrary<infer T> ? T : never

async function apply(real: Real, model: Model, operation: Operation): Promise<void> {
  const { store, s3 } = real
  switch (operation.op) {
    case 'put far': {
      const { key, size, diesAt } = operation
      if (diesAt !== null) s3.fail('put', 'UNAVAILABLE', 1, { afterBytes: (diesAt * size) / 2 })
      const blob = await store.put(key, patternStream(size, undefined, 10_000), { driver: 's3' })
      const pending = model.down || diesAt !== null
      expect([blob.path, blob.size, blob.pendingFor]).toEqual([`s3:${key}`, size, pending ? 's3' : undefined])
      model.blobs.set(key, { size, place: pending ? 'pending' : 'far' })
      return
    }
    case 'put near': {
      const { key, size } = operation
      const put = store.put(key, pattern(0, size), { driver: 'local' })
      if (model.down) return expect(put).rejects.toMatchObject({ code: 'UNAVAILABLE' })
      expect(await put).toMatchObject({ path: `local:${key}` })
      model.blobs.set(key, { size, place: 'near' })
      return
    }
    case 'delete': {
      const deleted = store.delete(`s3:${operation.key}`)
      if (model.down) return expect(deleted).rejects.toMatchObject({ code: 'UNAVAILABLE' })
      await deleted
      model.blobs.delete(operation.key)
      return
    }
    case 'relocate': {
      const { key, to } = operation
      const blob = model.blobs.get(key)
      if (model.down || blob === undefined) return
      await store.relocate(`s3:${key}`, { to: to as 's3' | 'local' })
      const place = to === 's3' ? 'far' : 'near'
      if ((blob.place === 'near' && place === 'far') || (blob.place === 'pending' && place === 'near'))
        model.moved = true
      blob.place = place
      return
    }
    case 'outage':
      s3.outage()
      model.down = true
      return
    case 'recover':
      s3.recover()
      model.down = false
      return
    case 'reopen':
      await store.close()
      real.store = real.open()
      return
    case 'reconcile': {
      const waiting = [...model.blobs.values()].filter(({ place }) => place === 'pending')
      const result = await store.reconcile()
      expect(result).toMatchObject(
        model.down ? { moved: 0, remaining: waiting.length } : { moved: waiting.length, failed: [], remaining: 0 },
      )
      if (!model.down) for (const blob of waiting) blob.place = 'far'
    }
  }
}

async function check(real: Real, model: Model): Promise<void> {
  for (const at of ['a', 'a/b', 'ü']) {
    for (const path of [`s3:${at}`, `local:${at}`, at]) {
      expect([path, await real.read(path)]).toEqual([path, model.read(path, at)])
    }
  }
  const waiting = [...model.blobs].filter(([, { place }]) => place === 'pending').map(([at]) => at)
  expect((await real.store.pending()).map(({ key }) => key).sort()).toEqual(waiting.sort())
  if (model.down) return
  const listed = await collect(real.store.list())
  expect(listed.map((entry) => entry.type === 'blob' && [entry.key, entry.size])).toEqual(
    ['a', 'a/b', 'ü'].flatMap((at) => (model.blobs.has(at) ? [[at, model.blobs.get(at)?.size]] : [])),
  )
}

test('whatever happens in whatever order, each key has the version last written, and nothing is lost', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(operation, { minLength: 5, maxLength: 20 }), async (operations) => {
      const root = await mkdtemp(join(tmpdir(), 'hybrid-store-model-'))
      const real = new Real(root)
      const model = new Model()
      try {
        for (const one of operations) {
          await apply(real, model, one)
          await check(real, model)
        }
      } finally {
        await real.store.close()
        await rm(root, { recursive: true, force: true })
      }
    }),
    { numRuns: 30 },
  )
}, 120_000)

import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { Readable } from 'node:stream'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { GuardedBody } from '../../../src/drivers/s3/guarded-body.js'
import { decodeMetadata, encodeMetadata } from '../../../src/drivers/s3/metadata.js'
import { readParts } from '../../../src/drivers/s3/parts.js'
import { isStorageError } from '../../../src/errors/index.js'
import { collect, failure } from './setup.js'

async function* cut(bytes: Uint8Array, sizes: readonly number[]): AsyncGenerator<Uint8Array> {
  let at = 0
  for (let i = 0; at < bytes.length; i++) {
    const size = sizes[i % sizes.length] ?? 1
    yield bytes.subarray(at, at + size)
    at += size
  }
}

describe('a guarded body', () => {
  const options = { key: 'key', expected: 10, idle: 1000 }

  test('is whole', async () => {
    expect(
      Buffer.concat(await collect(new GuardedBody(Readable.from([Buffer.alloc(4), Buffer.alloc(6)]), options))),
    ).toHaveLength(10)
  })

  test('that ends early is UNAVAILABLE even if nobody cut the connection', async () => {
    expect(await failure(collect(new GuardedBody(Readable.from([Buffer.alloc(9)]), options)))).toMatchObject({
      code: 'UNAVAILABLE',
    })
  })

  test('that runs on is CORRUPT', async () => {
    expect(await failure(collect(new GuardedBody(Readable.from([Buffer.alloc(11)]), options)))).toMatchObject({
      code: 'CORRUPT',
    })
  })

  test("that misses the SDK's checksum is CORRUPT", async () => {
    const source = new Readable({ read() {} })
    const read = failure(collect(new GuardedBody(source, options)))
    source.destroy(new Error('Checksum mismatch: expected "a" but received "b"'))
    expect(await read).toMatchObject({ code: 'CORRUPT' })
  })

  test('given up before it is read closes its source', async () => {
    const source = new Readable({ read() {} })
    const body = new GuardedBody(source, options)
    body.destroy()
    await once(body, 'close')
    expect(source.closed).toBe(true)
  })
})

describe('parts', () => {
  test('are the body, cut at the part size whatever the chunks, and the last one says so', async () => {
    const sizes = fc.array(fc.integer({ min: 1, max: 700_000 }), { minLength: 1, maxLength: 5 })
    const partSize = fc.integer({ min: 1, max: 600_000 })
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 0, max: 1_500_000 }),
        sizes,
        partSize,
        fc.boolean(),
        async (size, chunks, part, known) => {
          const bytes = randomBytes(size)
          fc.pre(size / part < 2000)
          const options = { partSize: part, size: known ? size : undefined, buffers: 2 }
          const pieces: Buffer[] = []
          const flags: boolean[] = []
          for await (const piece of readParts(cut(bytes, chunks), options)) {
            expect(piece.number).toBe(pieces.length + 1)
            if (!piece.last) expect(piece.bytes.length).toBe(part)
            // Copied, since a released buffer is written again.
            pieces.push(Buffer.from(piece.bytes))
            flags.push(piece.last)
            piece.release()
          }
          expect(flags).toEqual([...Array(Math.max(1, Math.ceil(size / part)) - 1).fill(false), true])
          expect(Buffer.concat(pieces).equals(bytes)).toBe(true)
        },
      ),
      { numRuns: 100 },
    )
  })
})

describe('metadata', () => {
  const value = fc
    .string({ unit: 'grapheme', maxLength: 30 })
    .filter((text) => !/[\u0000-\u001f\u007f]/.test(text) && text.isWellFormed())
  const name = fc
    .stringMatching(/^[a-z0-9_-]{1,20}$/)
    .filter((text) => !text.startsWith('hybrid-store-') && text !== '__proto__')

  test('comes back through ASCII headers, and through a server that dashes names', () => {
    fc.assert(
      fc.property(fc.dictionary(name, value, { maxKeys: 4 }), (metadata) => {
        fc.pre(
          new Set(Object.keys(metadata).map((key) => key.replaceAll('_', '-'))).size === Object.keys(metadata).length,
        )
        const encoded = encodeMetadata({ ...metadata }, { token: 'token' }, true)
        for (const text of Object.values(encoded)) expect(text).toMatch(/^[\x21-\x7e]([\x20-\x7e]*[\x21-\x7e])?$/)
        const dashed = Object.fromEntries(
          Object.entries(encoded).map(([key, text]) => [key.replaceAll('_', '-'), text]),
        )
        expect(decodeMetadata(encoded)).toMatchObject({ metadata, token: 'token' })
        expect(decodeMetadata(dashed).metadata).toEqual({ ...metadata })
      }),
    )
  })

  test('of other tools reads as it is', () => {
    const foreign = { plain: 'a b', broken: "utf-8''%zz", rfc2047: '=?UTF-8?B?w6k=?=' }
    expect(decodeMetadata(foreign).metadata).toEqual(foreign)
  })

  test('leaves its own marks out where 2 KiB have no room for them', () => {
    const encoded = encodeMetadata({ a: 'x'.repeat(2047) }, { token: 't', sha256: '0'.repeat(64) }, true)
    expect(Object.keys(encoded)).toEqual(['a'])
    try {
      encodeMetadata({ a: 'x'.repeat(2048) }, {}, true)
      expect.unreachable()
    } catch (error) {
      expect(isStorageError(error, 'INVALID_ARGUMENT')).toBe(true)
    }
  })
})

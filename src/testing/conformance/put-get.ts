import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { Readable } from 'node:stream'
import type { BlobBody } from '../../driver/index.js'
import { chunks, nodeStream, pattern, sameBytes, webStream } from './bodies.js'
import { caseGroup } from './case.js'
import type { CaseContext } from './context.js'

async function roundTrip(t: CaseContext, body: BlobBody, expected: Uint8Array): Promise<void> {
  const info = await t.put('blob', body)
  assert.equal(info.key, t.key('blob'))
  assert.equal(info.size, expected.byteLength)
  const reader = await t.subject.get(t.key('blob'))
  assert.equal(reader.info.size, expected.byteLength)
  assert.equal(reader.info.etag, info.etag)
  assert.equal(reader.range, undefined, 'range is set only where one was asked for')
  sameBytes(await reader.bytes(), expected)
}

export const putGet = caseGroup('put and get', (rule) => {
  const some = pattern(1000)

  rule('bytes', (t) => roundTrip(t, some, some))
  rule('an ArrayBuffer', (t) => roundTrip(t, some.slice().buffer as ArrayBuffer, some))
  rule('a view into a larger buffer', (t) =>
    roundTrip(t, pattern(4000).subarray(1000, 2000), pattern(4000).slice(1000, 2000)),
  )
  rule('a string, as UTF-8', (t) => roundTrip(t, 'Grüße, 世界 🚀', Buffer.from('Grüße, 世界 🚀')))
  rule('a node stream', (t) => roundTrip(t, nodeStream(some, 100), some))
  rule('a node stream of strings', (t) => roundTrip(t, Readable.from(['äh', 'nö']), Buffer.from('ähnö')))
  rule('a web stream', (t) => roundTrip(t, webStream(some, 100), some))
  rule('an async iterable', (t) => roundTrip(t, chunks(some, 100), some))
  rule('a Blob', (t) => roundTrip(t, new Blob([some.slice()]), some))
  rule('a function that opens a stream', (t) => roundTrip(t, () => nodeStream(some, 100), some))
  rule('empty bytes', (t) => roundTrip(t, new Uint8Array(), new Uint8Array()))
  rule('an empty string', (t) => roundTrip(t, '', new Uint8Array()))
  rule('an empty stream', (t) => roundTrip(t, Readable.from([]), new Uint8Array()))
  rule('chunks of one byte', (t) => roundTrip(t, nodeStream(some, 1), some))

  rule('chunks of no bytes between others', async (t) => {
    async function* gappy() {
      yield new Uint8Array()
      yield some.subarray(0, 10)
      yield new Uint8Array()
      yield some.subarray(10)
      yield new Uint8Array()
    }
    await roundTrip(t, gappy(), some)
  })

  for (const [what, difference] of [
    ['one byte under', -1],
    ['exactly', 0],
    ['one byte over', 1],
  ] as const) {
    rule(`bytes, ${what} the part size`, async (t) => {
      const bytes = pattern(t.partSize + difference)
      await roundTrip(t, bytes, bytes)
    })
    rule(`a stream, ${what} the part size`, async (t) => {
      const bytes = pattern(t.partSize + difference)
      await roundTrip(t, nodeStream(bytes), bytes)
    })
  }

  rule('a stream of several parts whose length nobody knows', async (t) => {
    const bytes = pattern(t.partSize * 2 + 12_345)
    await roundTrip(t, nodeStream(bytes), bytes)
  })

  rule('bytes of several parts', async (t) => {
    const bytes = pattern(t.partSize * 2 + 1)
    await roundTrip(t, bytes, bytes)
  })

  rule('a declared size, sha256 and maxSize that fit', async (t) => {
    const sha256 = createHash('sha256').update(some).digest('hex')
    const info = await t.put('blob', nodeStream(some, 100), { size: 1000, maxSize: 1000, sha256: sha256.toUpperCase() })
    assert.equal(info.size, 1000)
    assert.ok(info.sha256 === undefined || info.sha256 === sha256)
    sameBytes(await t.bytes('blob'), some)
  })

  rule('progress counts every byte', async (t) => {
    const seen: number[] = []
    await t.put('blob', nodeStream(some, 300), { size: 1000, onProgress: ({ bytes }) => seen.push(bytes) })
    assert.ok(seen.length > 0, 'onProgress was never called')
    assert.deepEqual(
      seen,
      [...seen].sort((a, b) => a - b),
      'progress went backwards',
    )
    assert.equal(seen.at(-1), 1000)
  })

  rule('an overwrite replaces the blob', async (t) => {
    await t.put('blob', pattern(500, 2))
    await t.put('blob', some)
    sameBytes(await t.bytes('blob'), some)
    assert.deepEqual(await t.names(), ['blob'])
  })

  rule('an overwrite by a shorter body leaves no tail', async (t) => {
    await t.put('blob', pattern(t.partSize + 1, 2))
    await t.put('blob', 'short')
    assert.equal(await t.text('blob'), 'short')
    assert.equal((await t.head('blob')).size, 5)
  })

  rule('the result equals what head says', async (t) => {
    const metadata = { 'order-id': '42', note: 'für dich' }
    const put = await t.put('blob.txt', some, { metadata, cacheControl: 'no-cache', contentLanguage: 'de' })
    const head = await t.head('blob.txt')
    const { lastModified: published, sha256: put256, ...facts } = put
    const { lastModified, sha256, visibility, ...seen } = head
    assert.deepEqual(seen, without(facts, 'visibility', Object.keys(seen)))
    if (sha256 !== undefined && put256 !== undefined) assert.equal(put256, sha256)
    if (visibility !== undefined && put.visibility !== undefined) assert.equal(put.visibility, visibility)
    assert.ok(Math.abs(published.getTime() - lastModified.getTime()) <= 2_000, 'lastModified differs by more than 2 s')
  })

  rule("the caller's buffer is neither changed nor kept", async (t) => {
    const mine = some.slice()
    await t.put('blob', mine)
    sameBytes(mine, some, "the caller's bytes")
    mine.fill(0)
    sameBytes(await t.bytes('blob'), some)
  })

  rule('a chunk that its owner fills again is not kept', async (t) => {
    const buffer = Buffer.alloc(100)
    async function* reusing() {
      for (let i = 0; i < 10; i++) {
        buffer.set(some.subarray(i * 100, i * 100 + 100))
        yield buffer
      }
      buffer.fill(0)
    }
    await t.put('blob', reusing())
    sameBytes(await t.bytes('blob'), some)
  })

  rule('bytes that were read can be changed without changing the blob', async (t) => {
    await t.put('blob', some)
    const read = await t.bytes('blob')
    read.fill(0)
    const { info } = await t.subject.get(t.key('blob')).then(async (reader) => {
      await reader.cancel()
      return reader
    })
    info.lastModified.setTime(0)
    sameBytes(await t.bytes('blob'), some)
    assert.notEqual((await t.head('blob')).lastModified.getTime(), 0)
  })

  rule('each way to take the bytes', async (t) => {
    await t.put('blob', '{"a":[1,2]}')
    const open = () => t.subject.get(t.key('blob'))
    assert.deepEqual(await (await open()).json(), { a: [1, 2] })
    assert.equal(await (await open()).text(), '{"a":[1,2]}')
    const parts: Uint8Array[] = []
    for await (const part of (await open()).body) parts.push(part)
    assert.equal(Buffer.concat(parts).toString(), '{"a":[1,2]}')
    assert.equal(await new Response((await open()).stream() as never).text(), '{"a":[1,2]}')
  })

  rule('the bytes are taken once', async (t) => {
    await t.put('blob', 'once')
    const reader = await t.subject.get(t.key('blob'))
    assert.equal(await reader.text(), 'once')
    await t.rejects('INVALID_ARGUMENT', reader.text())
  })

  rule('get of a missing key is NOT_FOUND', async (t) => {
    const error = await t.rejects('NOT_FOUND', t.subject.get(t.key('missing')))
    assert.equal(error.status, 404)
    await t.rejects('NOT_FOUND', t.subject.get(t.key('missing'), { range: { start: 0 } }))
  })

  rule(
    'what was put is there when the storage is opened again',
    async (t) => {
      const info = await t.put('blob.txt', some, { metadata: { a: 'b' }, contentType: 'text/x-test' })
      const again = await t.open('reopen')
      const reader = await again.get(t.key('blob.txt'))
      assert.equal(reader.info.etag, info.etag)
      assert.equal(reader.info.contentType, 'text/x-test')
      assert.deepEqual(reader.info.metadata, { a: 'b' })
      sameBytes(await reader.bytes(), some)
    },
    { needs: ['reopen'] },
  )
})

/** The facts that head tells too: a store adds some of its own to the answer of a put. */
function without(facts: object, dropped: string, names: readonly string[]): object {
  return Object.fromEntries(Object.entries(facts).filter(([name]) => name !== dropped && names.includes(name)))
}

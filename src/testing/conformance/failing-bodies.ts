import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { Readable } from 'node:stream'
import type { PutOptions } from '../../driver/index.js'
import type { StorageErrorCode } from '../../errors/index.js'
import { chunks, failingStream, heldBody, nodeStream, pattern, sameBytes, webStream } from './bodies.js'
import { caseGroup } from './case.js'
import type { CaseContext } from './context.js'

/** The put must fail, leave a new key absent and an old blob as it was, attributes included. */
async function publishesNothing(
  t: CaseContext,
  code: StorageErrorCode,
  body: () => Parameters<CaseContext['put']>[1],
  options: PutOptions = {},
): Promise<void> {
  await t.rejects(code, t.put('new', body(), options))
  await t.absent('new')

  const before = await t.put('old', 'the old version', { contentType: 'text/old', metadata: { version: 'old' } })
  const error = await t.rejects(
    code,
    t.put('old', body(), { ...options, contentType: 'text/new', metadata: { version: 'new' } }),
  )
  assert.notEqual(error.outcome, 'unknown', 'a bad body leaves nothing open')
  const reader = await t.subject.get(t.key('old'))
  assert.equal(await reader.text(), 'the old version')
  assert.equal(reader.info.etag, before.etag)
  assert.equal(reader.info.contentType, 'text/old')
  assert.deepEqual(reader.info.metadata, { version: 'old' })
  assert.deepEqual(await t.names(), ['old'])
}

export const failingBodies = caseGroup('failing bodies', (rule) => {
  const some = pattern(1000)
  const wrong = createHash('sha256').update('something else').digest('hex')

  rule('an error in the first chunk', (t) =>
    publishesNothing(t, 'BODY_FAILED', () => failingStream(new Uint8Array(), new Error('the source failed'))),
  )

  rule('an error midway', (t) =>
    publishesNothing(t, 'BODY_FAILED', () => failingStream(some, new Error('the source failed'))),
  )

  rule('an error after parts went out', (t) =>
    publishesNothing(t, 'BODY_FAILED', () =>
      failingStream(pattern(t.partSize * 2 + 100), new Error('the source failed')),
    ),
  )

  rule('an error of a web stream', (t) =>
    publishesNothing(t, 'BODY_FAILED', () => {
      const source = chunks(some, 100)
      return new ReadableStream<Uint8Array>({
        async pull(controller) {
          const { value } = await source.next()
          if (value) controller.enqueue(value)
          else controller.error(new Error('the source failed'))
        },
      }) as ReturnType<typeof webStream>
    }),
  )

  rule('the error of the source is the cause', async (t) => {
    const cause = new Error('the source failed')
    const error = await t.rejects('BODY_FAILED', t.put('new', failingStream(some, cause)))
    assert.equal(error.cause, cause)
    assert.equal(error.status, 400)
  })

  rule('a connection that breaks off', (t) =>
    publishesNothing(t, 'BODY_FAILED', () => {
      const { body, held } = heldBody(some)
      held.then(() => body.destroy())
      return body
    }),
  )

  rule('a stream shorter than declared', (t) =>
    publishesNothing(t, 'SIZE_MISMATCH', () => nodeStream(some), { size: 1001 }),
  )
  rule('a stream longer than declared', (t) =>
    publishesNothing(t, 'SIZE_MISMATCH', () => nodeStream(some), { size: 999 }),
  )
  rule('an empty stream that was declared', (t) =>
    publishesNothing(t, 'SIZE_MISMATCH', () => Readable.from([]), { size: 1 }),
  )
  rule('bytes of another length than declared', (t) => publishesNothing(t, 'SIZE_MISMATCH', () => some, { size: 999 }))

  rule('parts that are longer than declared', (t) =>
    publishesNothing(t, 'SIZE_MISMATCH', () => nodeStream(pattern(t.partSize * 2 + 100)), {
      size: t.partSize * 2 + 99,
    }),
  )

  rule('bytes that miss their checksum', (t) => publishesNothing(t, 'CHECKSUM_MISMATCH', () => some, { sha256: wrong }))

  rule('a stream that misses its checksum', (t) =>
    publishesNothing(t, 'CHECKSUM_MISMATCH', () => nodeStream(some), { sha256: wrong }),
  )

  rule('parts that miss their checksum', (t) =>
    publishesNothing(t, 'CHECKSUM_MISMATCH', () => nodeStream(pattern(t.partSize * 2 + 100)), { sha256: wrong }),
  )

  rule('bytes over maxSize', (t) => publishesNothing(t, 'TOO_LARGE', () => some, { maxSize: 999 }))
  rule('a stream over maxSize', (t) => publishesNothing(t, 'TOO_LARGE', () => nodeStream(some, 100), { maxSize: 999 }))

  rule('an endless stream over maxSize is left at once', async (t) => {
    let taken = 0
    const endless = new Readable({
      read() {
        taken++
        this.push(some)
      },
    })
    const error = await t.rejects('TOO_LARGE', t.put('new', endless, { maxSize: 5_000 }))
    assert.equal(error.status, 413)
    assert.ok(taken < 1_000, `took ${taken} chunks`)
    await destroyed(t, endless)
    await t.absent('new')
  })

  rule('a body that stalls', async (t) => {
    const { body } = heldBody(some)
    await t.put('old', 'the old version')
    await t.rejects('BODY_FAILED', t.put('old', body, { idleTimeout: t.idleTimeout }))
    await destroyed(t, body)
    assert.equal(await t.text('old'), 'the old version')
  })

  rule('a body that stalls after parts went out', async (t) => {
    const { body } = heldBody(pattern(t.partSize * 2 + 100))
    await t.rejects('BODY_FAILED', t.put('new', body, { idleTimeout: Math.max(t.idleTimeout, 500) }))
    await destroyed(t, body)
    await t.absent('new')
  })

  rule('a slow body that keeps moving does not time out', async (t) => {
    async function* slow() {
      for await (const chunk of chunks(some, 200)) {
        await new Promise((resolve) => setTimeout(resolve, t.idleTimeout / 3))
        yield chunk
      }
    }
    await t.put('blob', slow(), { idleTimeout: t.idleTimeout * 2 })
    sameBytes(await t.bytes('blob'), some)
  })

  rule('a stream that was read before', async (t) => {
    const stream = nodeStream(some)
    for await (const _ of stream);
    await t.rejects('INVALID_ARGUMENT', t.put('new', stream))
    await t.absent('new')
  })

  rule('a web stream that somebody else reads', async (t) => {
    const stream = webStream(some)
    const reader = stream.getReader()
    await t.rejects('INVALID_ARGUMENT', t.put('new', stream))
    await t.absent('new')
    await reader.cancel()
  })

  rule('what is no body', async (t) => {
    for (const body of [undefined, null, 42, {}, ['a']]) {
      await t.rejects('INVALID_ARGUMENT', t.put('new', body as never))
    }
    await t.rejects('INVALID_ARGUMENT', t.put('new', Readable.from([{ an: 'object' }])))
    await t.absent('new')
  })

  rule('options that cannot be meant', async (t) => {
    for (const options of [
      { size: -1 },
      { size: 1.5 },
      { maxSize: Number.NaN },
      { idleTimeout: -1 },
      { sha256: 'abc' },
    ]) {
      await t.rejects('INVALID_ARGUMENT', t.put('new', some, options))
    }
    await t.absent('new')
  })

  rule('a put that is refused lets go of its stream', async (t) => {
    const refusals: ReadonlyArray<readonly [string, PutOptions]> = [
      ['..', {}],
      ['blob', { metadata: { '': 'x' } }],
      ['blob', { ifMatch: 'a', ifNoneMatch: '*' }],
      ['blob', { size: -1 }],
    ]
    for (const [name, options] of refusals) {
      const stream = nodeStream(some)
      await t.rejects(['INVALID_KEY', 'INVALID_ARGUMENT'], t.put(name, stream, options))
      await destroyed(t, stream)
    }
    await t.absent('blob')
  })

  rule('a stream is closed after the put, whether it went well or not', async (t) => {
    const good = nodeStream(some)
    await t.put('blob', good)
    await destroyed(t, good)
    const bad = failingStream(some, new Error('the source failed'))
    await t.rejects('BODY_FAILED', t.put('blob', bad))
    await destroyed(t, bad)
  })
})

/** Waits for the stream to be closed. */
async function destroyed(t: CaseContext, stream: Readable): Promise<void> {
  if (stream.closed) return
  const signal = AbortSignal.timeout(t.grace)
  await once(stream, 'close', { signal }).catch(() => assert.fail('the stream was not closed'))
}

import assert from 'node:assert/strict'
import { chunks, heldBody, nodeStream, pattern, sameBytes } from './bodies.js'
import { caseGroup } from './case.js'
import type { CaseContext } from './context.js'

/** Aborts a put that stands still after `sent` bytes. */
async function abortMidway(t: CaseContext, name: string, sent: number): Promise<void> {
  const controller = new AbortController()
  const { body, held } = heldBody(pattern(sent, 2))
  const put = t.put(name, body, { signal: controller.signal })
  const rejected = t.rejects('ABORTED', put)
  await Promise.race([held, rejected])
  controller.abort(new Error('the caller went away'))
  const error = await rejected
  assert.equal(error.status, 499)
  assert.ok(body.destroyed, 'the body was not destroyed')
}

export const abort = caseGroup('abort', (rule) => {
  const some = pattern(1000)

  rule('a signal that is aborted already', async (t) => {
    const signal = AbortSignal.abort()
    await t.put('old', some)
    const stream = nodeStream(some)
    await t.rejects('ABORTED', t.put('old', stream, { signal }))
    assert.ok(stream.destroyed, 'the body was not destroyed')
    await t.rejects('ABORTED', t.put('new', some, { signal }))
    await t.rejects('ABORTED', t.subject.get(t.key('old'), { signal }))
    await t.rejects('ABORTED', t.subject.head(t.key('old'), { signal }))
    await t.rejects('ABORTED', t.subject.delete(t.key('old'), { signal }))
    await t.rejects('ABORTED', t.subject.deleteMany([t.key('old')], { signal }))
    await t.rejects('ABORTED', t.names({ signal }))
    sameBytes(await t.bytes('old'), some)
    await t.absent('new')
  })

  rule(
    'a copy whose signal is aborted already',
    async (t) => {
      await t.put('old', some)
      const signal = AbortSignal.abort()
      await t.rejects('ABORTED', t.subject.copy?.(t.key('old'), t.key('new'), { signal }) as Promise<unknown>)
      await t.absent('new')
    },
    { needs: ['copy'] },
  )

  rule('an invalid key comes before an aborted signal', async (t) => {
    await t.rejects('INVALID_KEY', t.subject.put('../x', some, { signal: AbortSignal.abort() }))
  })

  rule('before the first byte', async (t) => {
    await abortMidway(t, 'new', 0)
    await t.absent('new')
  })

  rule('midway, at a new key', async (t) => {
    await abortMidway(t, 'new', 1000)
    await t.absent('new')
  })

  rule('midway, over an old blob', async (t) => {
    const { etag } = await t.put('old', some)
    await abortMidway(t, 'old', 1000)
    sameBytes(await t.bytes('old'), some)
    assert.equal((await t.head('old')).etag, etag)
  })

  rule('after parts went out', async (t) => {
    await t.put('old', some)
    await abortMidway(t, 'old', t.partSize * 2 + 100)
    sameBytes(await t.bytes('old'), some)
    await abortMidway(t, 'new', t.partSize * 2 + 100)
    await t.absent('new')
  })

  rule('during completion the blob is old or new, nothing between', async (t) => {
    const next = pattern(t.partSize + 1000, 2)
    for (let round = 0; round < 12; round++) {
      await t.put('blob', some)
      const controller = new AbortController()
      async function* body() {
        yield* chunks(next)
        // From here on the put has all it needs; the abort meets it at a different step each round.
        if (round < 2) controller.abort()
        else setTimeout(() => controller.abort(), round - 2)
      }
      const outcome = await t.put('blob', body(), { signal: controller.signal }).then(
        () => 'new' as const,
        async (error: unknown) => t.rejects('ABORTED', Promise.reject(error)),
      )
      const now = await t.bytes('blob')
      if (outcome === 'new') sameBytes(now, next, 'a put that resolved')
      else if (outcome.outcome === 'unchanged') sameBytes(now, some, 'a put that says unchanged')
      else sameBytes(now, now.byteLength === some.byteLength ? some : next, 'a put whose outcome is open')
    }
  })

  rule('a list midway', async (t) => {
    for (let i = 0; i < 3; i++) await t.put(`blob-${i}`, some)
    const controller = new AbortController()
    const walk = async () => {
      for await (const _ of t.subject.list({ prefix: t.prefix, signal: controller.signal })) controller.abort()
    }
    await t.rejects('ABORTED', walk())
  })

  rule('a read releases what it holds', async (t) => {
    await t.put('blob', pattern(t.partSize * 2))
    const controller = new AbortController()
    const reader = await t.subject.get(t.key('blob'), { signal: controller.signal })
    const { body } = reader
    const read = async () => {
      for await (const _ of body) controller.abort()
    }
    await t.rejects('ABORTED', read())
    assert.ok(body.destroyed, 'the stream was not destroyed')
    assert.deepEqual(await t.leaks(), [])
  })

  rule('a read that nobody took is released by its signal', async (t) => {
    await t.put('blob', pattern(t.partSize))
    const controller = new AbortController()
    const reader = await t.subject.get(t.key('blob'), { signal: controller.signal })
    controller.abort()
    assert.deepEqual(await t.leaks(), [])
    await t.rejects('ABORTED', reader.bytes())
  })

  rule('a read that is cancelled releases what it holds', async (t) => {
    await t.put('blob', pattern(t.partSize * 2))
    const unread = await t.subject.get(t.key('blob'))
    await unread.cancel()
    await unread.cancel()
    await t.rejects('INVALID_ARGUMENT', unread.bytes())
    const started = await t.subject.get(t.key('blob'))
    for await (const _ of started.body) break
    await started.cancel()
    await (await t.subject.get(t.key('blob')))[Symbol.asyncDispose]()
    assert.deepEqual(await t.leaks(), [])
  })

  rule('a signal that is aborted after the call is over changes nothing', async (t) => {
    const controller = new AbortController()
    await t.put('blob', some, { signal: controller.signal })
    const bytes = await t.bytes('blob', { signal: controller.signal })
    controller.abort()
    sameBytes(bytes, some)
    sameBytes(await t.bytes('blob'), some)
  })

  rule('many calls under one signal leave no listeners behind', async (t) => {
    const { signal } = new AbortController()
    let listeners = 0
    const add = signal.addEventListener.bind(signal)
    const remove = signal.removeEventListener.bind(signal)
    signal.addEventListener = (...args: Parameters<typeof add>) => {
      listeners++
      add(...args)
    }
    signal.removeEventListener = (...args: Parameters<typeof remove>) => {
      listeners--
      remove(...args)
    }
    for (let i = 0; i < 5; i++) {
      await t.put('blob', nodeStream(some), { signal })
      await t.bytes('blob', { signal })
    }
    await t.names({ signal })
    // A library underneath may keep a few for the sockets it keeps, but not one for each call.
    assert.ok(listeners < 5, `${listeners} listeners are left`)
  })
})

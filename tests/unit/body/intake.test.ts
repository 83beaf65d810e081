import { createHash } from 'node:crypto'
import { getEventListeners } from 'node:events'
import { PassThrough, Readable } from 'node:stream'
import { setImmediate as turn } from 'node:timers/promises'
import { describe, expect, it } from 'vitest'
import { discardBody, Intake, isBodyError } from '../../../src/body/index.js'
import type { BlobBody } from '../../../src/driver/index.js'
import { StorageError } from '../../../src/errors/index.js'
import { bytewise, drain, expected, failure, halves, kinds, nodeStream, sha256, text } from './bodies.js'

describe('Intake takes every kind of body', () => {
  const bodies: [string, () => BlobBody, known: number | undefined, replayable: boolean][] = [
    ['string', () => text, expected.length, true],
    ['Buffer', () => expected, expected.length, true],
    ['Uint8Array', () => new Uint8Array(expected), expected.length, true],
    [
      'view into a buffer',
      () =>
        new Uint8Array(Buffer.concat([Buffer.from('xx'), expected, Buffer.from('y')])).subarray(2, 2 + expected.length),
      expected.length,
      true,
    ],
    ['ArrayBuffer', () => new Uint8Array(expected).buffer, expected.length, true],
    ['Blob', () => new Blob([text]), expected.length, true],
    ['Readable', () => Readable.from([expected]), undefined, false],
    ['Readable of strings', () => Readable.from([text.slice(0, 3), text.slice(3)]), undefined, false],
    ['Readable byte by byte', () => Readable.from(bytewise()), undefined, false],
    ['PassThrough', () => new PassThrough().end(expected), undefined, false],
    ['function', () => () => Readable.from([expected]), undefined, true],
    ['web stream', () => new Blob([text]).stream() as unknown as BlobBody, undefined, false],
    ['fetch body', () => new Response(text).body as unknown as BlobBody, undefined, false],
    ['async generator', () => bytewise(), undefined, false],
  ]

  it.each(bodies)('%s', async (_kind, make, known, replayable) => {
    const intake = new Intake(make(), { key: 'k', hashes: ['md5', 'sha256'] })
    expect(intake.size).toBe(known)
    expect(intake.replayable).toBe(replayable)
    expect(await drain(intake)).toEqual(expected)
    expect(intake.digest).toEqual({
      size: expected.length,
      sha256,
      md5: createHash('md5').update(expected).digest('hex'),
    })
  })

  it.each(bodies)('%s, a second time', async (_kind, make, _known, replayable) => {
    const intake = new Intake(make(), { key: 'k' })
    await drain(intake)
    if (replayable) expect(await drain(intake)).toEqual(expected)
    else await expect(drain(intake)).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' })
  })

  it.each(bodies)('%s, with all it declares', async (_kind, make) => {
    const options = { key: 'k', size: expected.length, maxSize: expected.length, sha256: sha256.toUpperCase() }
    expect(await drain(new Intake(make(), options))).toEqual(expected)
  })

  it.each(bodies)('%s, one byte less than declared and one more', async (_kind, make) => {
    const long = await failure(make(), { size: expected.length - 1 })
    const short = await failure(make(), { size: expected.length + 1 })
    for (const error of [long, short])
      expect(error).toMatchObject({ code: 'SIZE_MISMATCH', outcome: 'unchanged', key: 'k' })
  })

  it.each(bodies)('%s, larger than allowed', async (_kind, make) => {
    expect((await failure(make(), { maxSize: expected.length - 1 })).code).toBe('TOO_LARGE')
    expect((await failure(make(), { maxSize: 0 })).code).toBe('TOO_LARGE')
  })

  it.each(bodies)('%s, with another hash', async (_kind, make) => {
    expect((await failure(make(), { sha256: '0'.repeat(64) })).code).toBe('CHECKSUM_MISMATCH')
  })

  it('empty ones, without an empty chunk', async () => {
    for (const body of ['', new Uint8Array(0), new Blob([]), Readable.from([]), Readable.from([Buffer.alloc(0)])]) {
      const intake = new Intake(body, { key: 'k', size: 0, maxSize: 0, hashes: ['sha256'] })
      const chunks: Uint8Array[] = []
      for await (const chunk of intake.read()) chunks.push(chunk)
      expect(chunks).toEqual([])
      expect(intake.digest.size).toBe(0)
    }
  })

  it('and gives bytes in memory away without a copy', () => {
    expect(new Intake(expected, { key: 'k' }).bytes).toBe(expected)
    expect(new Intake(Readable.from([expected]), { key: 'k' }).bytes).toBeUndefined()
  })

  it.each([
    undefined,
    null,
    7,
    true,
    {},
    [],
    [1, 2],
    new Map(),
    new Uint16Array(2),
    new DataView(new ArrayBuffer(2)),
    Symbol('x'),
  ])('but not %o', async (body) => {
    expect((await failure(body as unknown as BlobBody)).code).toBe('INVALID_ARGUMENT')
  })

  it('nor a function that returns no Readable', async () => {
    for (const made of [undefined, 'x', Promise.resolve(Readable.from([])), new Blob([]).stream()]) {
      const error = await failure((() => made) as unknown as BlobBody)
      expect(error.code).toBe('INVALID_ARGUMENT')
    }
    const thrown = new Error('cannot open')
    const error = await failure(() => {
      throw thrown
    })
    expect(error).toMatchObject({ code: 'BODY_FAILED', cause: thrown })
  })

  it('nor chunks that are no bytes', async () => {
    for (const chunk of [7, {}, null, new Uint16Array(1), [1]]) {
      const error = await failure(
        (async function* () {
          yield chunk as Uint8Array
        })(),
      )
      expect(error.code).toBe('INVALID_ARGUMENT')
    }
  })

  it('nor a stream that was read, is being read, or is gone', async () => {
    const read = Readable.from([expected])
    for await (const _ of read) break
    const ended = Readable.from([expected])
    await ended.toArray()
    const gone = Readable.from([expected])
    gone.destroy()
    const locked = new Blob([text]).stream()
    const reader = locked.getReader()
    for (const body of [read, ended, gone, locked as unknown as BlobBody]) {
      expect((await failure(body)).code).toBe('INVALID_ARGUMENT')
    }
    expect(Buffer.from((await reader.read()).value ?? [])).toEqual(expected)
  })
})

describe('Intake refuses options', () => {
  it.each([
    { size: -1 },
    { size: 1.5 },
    { size: Number.NaN },
    { size: '5' },
    { maxSize: -1 },
    { maxSize: Number.POSITIVE_INFINITY },
    { idleTimeout: -1 },
    { sha256: 'abc' },
    { sha256: `${'0'.repeat(63)}g` },
  ])('%j, and lets go of the body', (options) => {
    const body = nodeStream(halves, 'stall')
    expect(() => new Intake(body, { key: 'k', ...(options as object) })).toThrow(StorageError)
    expect(body.destroyed).toBe(true)
  })

  it('has no digest before the end', async () => {
    const intake = new Intake('abc', { key: 'k' })
    expect(() => intake.digest).toThrow(/before the body was read/)
    for await (const _ of intake.read()) break
    expect(() => intake.digest).toThrow(/before the body was read/)
  })
})

describe.each(kinds)('a body of the kind %s is let go of', (_kind, make) => {
  it('when it ends', async () => {
    const { body, released } = make(halves, 'end')
    expect(await drain(new Intake(body, { key: 'k' }))).toEqual(expected)
    await turn()
    expect(released()).toBe(true)
  })

  it('when it fails, which is BODY_FAILED with the cause', async () => {
    const { body, released } = make(halves, 'fail')
    const error = await failure(body)
    expect(error).toMatchObject({ code: 'BODY_FAILED', outcome: 'unchanged', key: 'k', retryable: false })
    expect(error.cause).toMatchObject({ message: 'source broke' })
    expect(isBodyError(error)).toBe(true)
    expect(released()).toBe(true)
  })

  it('when it fails at once', async () => {
    const { body } = make([], 'fail')
    expect((await failure(body)).code).toBe('BODY_FAILED')
  })

  it('when it is too long, too short, too large or has another hash', async () => {
    for (const options of [{ size: 3 }, { size: 1000 }, { maxSize: 3 }, { sha256: '0'.repeat(64) }]) {
      const { body, released } = make(halves, 'end')
      expect(isBodyError(await failure(body, options))).toBe(true)
      expect(released()).toBe(true)
    }
  })

  it('when it stalls', async () => {
    const { body, released } = make(halves, 'stall')
    const error = await failure(body, { idleTimeout: 20 })
    expect(error).toMatchObject({ code: 'BODY_FAILED', status: 408 })
    expect(released()).toBe(true)
  })

  it('when the signal is aborted already', async () => {
    const { body, released } = make(halves, 'stall')
    const signal = AbortSignal.abort('enough')
    expect(await failure(body, { signal })).toMatchObject({ code: 'ABORTED', cause: 'enough' })
    if (_kind !== 'async iterable') expect(released()).toBe(true)
    expect(getEventListeners(signal, 'abort')).toHaveLength(0)
  })

  it('when the signal is aborted between construction and reading', async () => {
    const { body, released } = make(halves, 'stall')
    const controller = new AbortController()
    const intake = new Intake(body, { key: 'k', signal: controller.signal })
    controller.abort()
    await expect(drain(intake)).rejects.toMatchObject({ code: 'ABORTED' })
    if (_kind !== 'async iterable') expect(released()).toBe(true)
  })

  it('when the signal is aborted while the source is silent', async () => {
    const { body, released } = make(halves, 'stall')
    const controller = new AbortController()
    const intake = new Intake(body, { key: 'k', signal: controller.signal, idleTimeout: 0 })
    const reading = drain(intake)
    await turn()
    controller.abort('enough')
    await expect(reading).rejects.toMatchObject({ code: 'ABORTED', cause: 'enough' })
    expect(released()).toBe(true)
    expect(getEventListeners(controller.signal, 'abort')).toHaveLength(0)
  })

  it('when the signal is aborted while the consumer is busy', async () => {
    const { body, released } = make([expected], 'stall')
    const controller = new AbortController()
    const chunks = new Intake(body, { key: 'k', signal: controller.signal, idleTimeout: 0 }).read()
    await chunks.next()
    controller.abort()
    await expect(chunks.next()).rejects.toMatchObject({ code: 'ABORTED' })
    expect(released()).toBe(true)
  })

  it('when the consumer leaves between two chunks', async () => {
    const { body, released } = make(halves, 'stall')
    for await (const _ of new Intake(body, { key: 'k' }).read()) break
    expect(released()).toBe(true)
  })

  it('when the consumer leaves before the first', async () => {
    const { body, released } = make(halves, 'stall')
    await new Intake(body, { key: 'k' }).read().return()
    if (_kind !== 'async iterable') expect(released()).toBe(true)
  })

  it('when a stream made of it is destroyed: unread, and while the source is silent', async () => {
    const cases = [false, true].flatMap((begun) =>
      [undefined, new Error('no more')].map((why) => [begun, why] as const),
    )
    for (const [begun, reason] of cases) {
      const { body, released } = make([expected], 'stall')
      const stream = Readable.from(new Intake(body, { key: 'k', idleTimeout: 0 }).read())
      stream.on('error', () => {})
      if (begun) {
        stream.resume()
        await turn()
      }
      const closed = new Promise((resolve) => stream.once('close', resolve))
      stream.destroy(reason)
      await closed
      if (begun || _kind !== 'async iterable') expect(released()).toBe(true)
    }
  })

  it('when it is released unread', () => {
    const { body, released } = make(halves, 'stall')
    new Intake(body, { key: 'k' }).release()
    if (_kind !== 'async iterable') expect(released()).toBe(true)
  })

  it('when it is discarded', () => {
    const { body, released } = make(halves, 'stall')
    discardBody(body)
    if (_kind !== 'async iterable') expect(released()).toBe(true)
  })

  it('and is never taken for whole when it is let go of midway', async () => {
    const { body } = make([expected], 'stall')
    const intake = new Intake(body, { key: 'k', idleTimeout: 0 })
    const chunks = intake.read()
    await chunks.next()
    const pending = chunks.next()
    await turn()
    const left = chunks.return()
    await expect(pending).rejects.toMatchObject({ code: 'BODY_FAILED' })
    await left
    expect(() => intake.digest).toThrow()
  })

  it('without leaving a listener on the signal', async () => {
    const { signal } = new AbortController()
    for (let round = 0; round < 20; round++) {
      await drain(new Intake(make(halves, 'end').body, { key: 'k', signal }))
      await failure(make(halves, 'fail').body, { signal })
      await failure(make(halves, 'end').body, { signal, size: 1 })
    }
    expect(getEventListeners(signal, 'abort')).toHaveLength(0)
  })
})

import { createHash } from 'node:crypto'
import { EventEmitter, getEventListeners } from 'node:events'
import { Duplex, PassThrough, Readable } from 'node:stream'
import { setImmediate as turn } from 'node:timers/promises'
import { describe, expect, it } from 'vitest'
import { discardBody, Intake, type IntakeOptions, isBodyError } from '../../../src/body/index.js'
import type { BlobBody } from '../../../src/driver/index.js'
import { isStorageError, StorageError } from '../../../src/errors/index.js'

const text = 'Grüße, 世界! 😀'
const expected = Buffer.from(text)
const sha256 = createHash('sha256').update(expected).digest('hex')

async function drain(intake: Intake): Promise<Buffer> {
  const chunks: Uint8Array[] = []
  for await (const chunk of intake.read()) chunks.push(Uint8Array.from(chunk))
  return Buffer.concat(chunks)
}

/** The error that taking the whole body ends with. */
async function failure(body: BlobBody, options: Partial<IntakeOptions> = {}): Promise<StorageError> {
  try {
    await drain(new Intake(body, { key: 'k', ...options }))
  } catch (error) {
    if (isStorageError(error)) return error
    throw error
  }
  throw new Error('The body was taken.')
}

async function* bytewise(): AsyncGenerator<Uint8Array> {
  for (const byte of expected) yield Uint8Array.of(byte)
}

/** Bodies that give these chunks, fail or stall behind them, and tell whether they were let go of. */
type Ending = 'end' | 'fail' | 'stall'
const sources: Record<
  string,
  (chunks: readonly Uint8Array[], ending: Ending) => { body: BlobBody; released(): boolean }
> = {
  'Node stream': (chunks, ending) => {
    const body = nodeStream(chunks, ending)
    return { body, released: () => body.destroyed }
  },
  'Node duplex': (chunks, ending) => {
    const left = [...chunks]
    const body = new Duplex({
      write: (_chunk, _encoding, done) => done(),
      read() {
        const chunk = left.shift()
        if (chunk) this.push(chunk)
        else if (ending === 'end') this.push(null)
        else if (ending === 'fail') this.destroy(new Error('source broke'))
      },
    })
    return { body, released: () => body.destroyed }
  },
  'function of a stream': (chunks, ending) => {
    const made: Readable[] = []
    const body = () => {
      const stream = nodeStream(chunks, ending)
      made.push(stream)
      return stream
    }
    return { body, released: () => made.every((stream) => stream.destroyed) }
  },
  'web stream': (chunks, ending) => {
    const left = [...chunks]
    let over = false
    const body = new ReadableStream<Uint8Array>({
      pull(controller) {
        const chunk = left.shift()
        if (chunk) return controller.enqueue(chunk)
        if (ending === 'stall') return new Promise(() => {})
        over = true
        if (ending === 'fail') controller.error(new Error('source broke'))
        else controller.close()
      },
      cancel() {
        over = true
      },
    })
    return { body: body as unknown as BlobBody, released: () => over }
  },
  'async iterable': (chunks, ending) => {
    const left = [...chunks]
    let over = false
    const iterator: AsyncIterator<Uint8Array> = {
      next() {
        const value = left.shift()
        if (value) return Promise.resolve({ done: false, value })
        if (ending === 'stall') return new Promise(() => {})
        over = true
        if (ending === 'fail') return Promise.reject(new Error('source broke'))
        return Promise.resolve({ done: true, value: undefined })
      },
      return() {
        over = true
        return Promise.resolve({ done: true, value: undefined })
      },
    }
    return { body: { [Symbol.asyncIterator]: () => iterator }, released: () => over }
  },
}

function nodeStream(chunks: readonly Uint8Array[], ending: Ending): Readable {
  const left = [...chunks]
  return new Readable({
    read() {
      const chunk = left.shift()
      if (chunk) this.push(chunk)
      else if (ending === 'end') this.push(null)
      else if (ending === 'fail') this.destroy(new Error('source broke'))
    },
  })
}

const kinds = Object.entries(sources)
const halves = [expected.subarray(0, 5), expected.subarray(5)]

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

describe('a body without an end', () => {
  async function* endless() {
    for (;;) yield expected
  }

  it('is left at the first byte too many', async () => {
    expect((await failure(endless(), { size: 100 })).code).toBe('SIZE_MISMATCH')
    expect((await failure(endless(), { maxSize: 100 })).code).toBe('TOO_LARGE')
  })
})

describe('a web stream', () => {
  it('is unlocked again, whole or not', async () => {
    const whole = new Blob([text]).stream()
    await drain(new Intake(whole as unknown as BlobBody, { key: 'k' }))
    expect(whole.locked).toBe(false)
    const left = new Blob([text]).stream()
    for await (const _ of new Intake(left as unknown as BlobBody, { key: 'k' }).read()) break
    await turn()
    expect(left.locked).toBe(false)
  })
})

describe('a body that fails', () => {
  it.each(['UNAVAILABLE', 'NOT_FOUND', 'INVALID_ARGUMENT', 'ACCESS_DENIED'] as const)(
    'with the %s of the store that it is read from is no failure of the store that is written to',
    async (code) => {
      const cause = new StorageError(code, 'The other store.')
      const error = await failure(
        new Readable({
          read() {
            this.destroy(cause)
          },
        }),
      )
      expect(error).toMatchObject({
        code: 'BODY_FAILED',
        status: cause.status,
        retryable: cause.retryable,
        outcome: 'unchanged',
      })
      expect(error.cause).toBe(cause)
      expect(isBodyError(error)).toBe(true)
    },
  )

  it('in an Intake in front of this one says the same here', async () => {
    const outer = [{ size: 1 }, { maxSize: 1 }, { sha256: '0'.repeat(64) }, { signal: AbortSignal.abort() }]
    const codes = ['SIZE_MISMATCH', 'TOO_LARGE', 'CHECKSUM_MISMATCH', 'ABORTED']
    for (const [index, options] of outer.entries()) {
      async function* taken() {
        yield* new Intake(Readable.from(halves), { key: 'k', ...options }).read()
      }
      expect((await failure(taken())).code).toBe(codes[index])
    }
  })

  it('because of the same signal is ABORTED', async () => {
    const controller = new AbortController()
    const body = new Readable({ signal: controller.signal, read() {} })
    body.push(expected)
    const chunks = new Intake(body, { key: 'k', signal: controller.signal }).read()
    await chunks.next()
    controller.abort()
    await turn()
    await expect(chunks.next()).rejects.toMatchObject({ code: 'ABORTED' })
  })

  it('before anybody reads it does not kill the process, and is reported to the reader', async () => {
    const body = new Readable({ read() {} })
    const intake = new Intake(body, { key: 'k' })
    body.destroy(new Error('too early'))
    await turn()
    await expect(drain(intake)).rejects.toMatchObject({ code: 'BODY_FAILED', cause: { message: 'too early' } })
  })

  it('by being cut off is BODY_FAILED, never a short body', async () => {
    const body = new Readable({ read() {} })
    body.push(expected)
    const chunks = new Intake(body, { key: 'k' }).read()
    await chunks.next()
    body.destroy()
    await expect(chunks.next()).rejects.toMatchObject({ code: 'BODY_FAILED' })
  })

  it('by throwing at once, or by breaking the protocol, is BODY_FAILED', async () => {
    const thrown = new Error('at once')
    const broken: unknown[] = [
      {
        [Symbol.asyncIterator]: () => {
          throw thrown
        },
      },
      {
        [Symbol.asyncIterator]: () => ({
          next() {
            throw thrown
          },
        }),
      },
      { [Symbol.asyncIterator]: () => ({ next: () => undefined }) },
      { [Symbol.asyncIterator]: () => undefined },
      {
        [Symbol.asyncIterator]: () => ({
          next: () => Promise.reject(thrown),
          return() {
            throw new Error('again')
          },
        }),
      },
    ]
    for (const body of broken) expect((await failure(body as BlobBody)).code).toBe('BODY_FAILED')
  })

  it('and whose cleanup never ends does not hold the put up', async () => {
    async function* stuck() {
      try {
        yield expected
      } finally {
        await new Promise(() => {})
      }
    }
    expect((await failure(stuck(), { maxSize: 1 })).code).toBe('TOO_LARGE')
  })
})

describe('the idle timeout', () => {
  it('does not count the time that the consumer takes', async () => {
    const chunks = new Intake(Readable.from(halves), { key: 'k', idleTimeout: 15 }).read()
    await chunks.next()
    await new Promise((resolve) => setTimeout(resolve, 60))
    expect((await chunks.next()).value).toEqual(halves[1])
    expect((await chunks.next()).done).toBe(true)
  })

  it('begins anew with each chunk', async () => {
    async function* slow() {
      for (const byte of expected.subarray(0, 6)) {
        await new Promise((resolve) => setTimeout(resolve, 20))
        yield Uint8Array.of(byte)
      }
    }
    expect(await drain(new Intake(slow(), { key: 'k', idleTimeout: 90 }))).toEqual(expected.subarray(0, 6))
  })

  it('may be as long as one likes: Node would make 1 ms of more than 24.8 days', async () => {
    const warnings: unknown[] = []
    const warned = (warning: unknown) => warnings.push(warning)
    process.on('warning', warned)
    async function* slow() {
      await new Promise((resolve) => setTimeout(resolve, 20))
      yield expected
    }
    expect(await drain(new Intake(slow(), { key: 'k', idleTimeout: Number.MAX_SAFE_INTEGER }))).toEqual(expected)
    await turn()
    process.off('warning', warned)
    expect(warnings).toEqual([])
  })

  it('leaves no timer behind', async () => {
    const timers = () => process.getActiveResourcesInfo().filter((name) => name === 'Timeout').length
    const before = timers()
    for (const [, make] of kinds) {
      await drain(new Intake(make(halves, 'end').body, { key: 'k' }))
      await failure(make(halves, 'fail').body)
      for await (const _ of new Intake(make(halves, 'stall').body, { key: 'k' }).read()) break
    }
    expect(timers()).toBe(before)
  })
})

describe('progress', () => {
  it('tells bytes so far and altogether, where known', async () => {
    const seen: unknown[] = []
    const onProgress = (progress: unknown) => seen.push(progress)
    await drain(new Intake(Readable.from(halves), { key: 'k', onProgress }))
    await drain(new Intake(Readable.from(halves), { key: 'k', size: expected.length, onProgress }))
    const { length } = expected
    expect(seen).toEqual([
      { key: 'k', bytes: 5, total: undefined },
      { key: 'k', bytes: length, total: undefined },
      { key: 'k', bytes: 5, total: length },
      { key: 'k', bytes: length, total: length },
    ])
  })
})

describe('a large body', () => {
  it('is taken no faster than it is wanted', async () => {
    let made = 0
    const body = new Readable({
      highWaterMark: 1024,
      read() {
        made++
        this.push(Buffer.alloc(1024))
      },
    })
    const chunks = new Intake(body, { key: 'k' }).read()
    for (let taken = 0; taken < 10; taken++) await chunks.next()
    await turn()
    expect(made).toBeLessThan(20)
    await chunks.return()
    expect(body.destroyed).toBe(true)
    expect(EventEmitter.listenerCount(body, 'data')).toBe(0)
  })
})

describe('a body in memory', () => {
  const body = Buffer.from('in memory')
  const sha256 = createHash('sha256').update(body).digest('hex')

  it('is taken at once, hashed and reported as if it had been read', () => {
    const seen: unknown[] = []
    const intake = new Intake(body, { key: 'k', sha256, hashes: ['md5'], onProgress: (event) => seen.push(event) })
    expect(intake.take()).toBe(body)
    expect(intake.digest).toEqual({ size: 9, sha256, md5: createHash('md5').update(body).digest('hex') })
    expect(seen).toEqual([{ key: 'k', bytes: 9, total: 9 }])
  })

  it('is refused where it is not what was declared, or was aborted', () => {
    const wrong = new Intake(body, { key: 'k', sha256: '0'.repeat(64) })
    expect(() => wrong.take()).toThrow(expect.objectContaining({ code: 'CHECKSUM_MISMATCH' }))
    expect(() => wrong.digest).toThrow()
    const controller = new AbortController()
    const given = new Intake(body, { key: 'k', signal: controller.signal })
    controller.abort()
    expect(() => given.take()).toThrow(expect.objectContaining({ code: 'ABORTED' }))
  })

  it('is nothing that a stream is', () => {
    const intake = new Intake(Readable.from([body]), { key: 'k' })
    expect(intake.take()).toBeUndefined()
    intake.release()
  })
})

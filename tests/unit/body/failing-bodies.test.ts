import { createHash } from 'node:crypto'
import { EventEmitter } from 'node:events'
import { Readable } from 'node:stream'
import { setImmediate as turn } from 'node:timers/promises'
import { describe, expect, it } from 'vitest'
import { Intake, isBodyError } from '../../../src/body/index.js'
import type { BlobBody } from '../../../src/driver/index.js'
import { StorageError } from '../../../src/errors/index.js'
import { drain, expected, failure, halves, kinds, text } from './bodies.js'

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

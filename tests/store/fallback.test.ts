import { createHash } from 'node:crypto'
import { chmod, mkdir, readdir, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { describe, expect, test } from 'vitest'
import { StorageError } from '../../src/index.js'
import type { FaultyDriver } from '../../src/testing/index.js'
import { manual, memoryStore, onEnd, pattern, patternStream } from './support.js'

const MIB = 1024 * 1024
describe('what falls back', () => {
  test.each(['UNAVAILABLE', 'TIMEOUT', 'NO_SPACE'] as const)('%s is an outage', async (code) => {
    const { store, s3 } = await memoryStore({ fallback: { ...manual, refusals: false } })
    s3.fail('put', code)
    expect((await store.put('a', Readable.from(['x']))).pendingFor).toBe('s3')
    const strict = await memoryStore({ fallback: { ...manual, outages: false } })
    strict.s3.fail('put', code)
    await expect(strict.store.put('a', 'x')).rejects.toMatchObject({ code, driver: 's3' })
    expect(await strict.store.pending()).toEqual([])
  })

  test.each(['UNAUTHENTICATED', 'ACCESS_DENIED', 'CONFIGURATION', 'NOT_SUPPORTED'] as const)(
    '%s is a refusal',
    async (code) => {
      const { store, s3 } = await memoryStore({ fallback: { ...manual, outages: false } })
      s3.fail('put', code)
      expect((await store.put('a', 'x')).pendingFor).toBe('s3')
      const strict = await memoryStore({ fallback: { ...manual, refusals: false } })
      strict.s3.fail('put', code)
      await expect(strict.store.put('a', 'x')).rejects.toMatchObject({ code })
    },
  )

  test.each(['INVALID_ARGUMENT', 'INVALID_KEY', 'PRECONDITION_FAILED', 'TOO_LARGE', 'CORRUPT', 'INTERNAL'] as const)(
    '%s of the driver never does',
    async (code) => {
      const { store, s3, lines } = await memoryStore()
      s3.fail('put', code)
      await expect(store.put('a', Readable.from(['x']))).rejects.toMatchObject({ code })
      expect(await store.pending()).toEqual([])
      expect(lines.filter(({ level }) => level === 'error')).toEqual([])
    },
  )

  test('a body that fails never does, whatever S3 says', async () => {
    const { store, s3 } = await memoryStore()
    const cause = new Error('the client went away')
    const failing = () =>
      Readable.from(
        (async function* () {
          yield Buffer.alloc(1000)
          throw cause
        })(),
      )
    for (const down of [false, true]) {
      if (down) s3.outage()
      await expect(store.put('a', failing())).rejects.toMatchObject({ code: 'BODY_FAILED', cause })
      await expect(store.put('a', patternStream(100), { size: 99 })).rejects.toMatchObject({ code: 'SIZE_MISMATCH' })
      await expect(store.put('a', patternStream(100), { size: 101 })).rejects.toMatchObject({ code: 'SIZE_MISMATCH' })
      await expect(store.put('a', patternStream(100), { maxSize: 99 })).rejects.toMatchObject({ code: 'TOO_LARGE' })
      await expect(store.put('a', patternStream(100), { sha256: '0'.repeat(64) })).rejects.toMatchObject({
        code: 'CHECKSUM_MISMATCH',
      })
      await expect(store.put('a', pattern(0, 100), { sha256: '0'.repeat(64) })).rejects.toMatchObject({
        code: 'CHECKSUM_MISMATCH',
      })
    }
    expect(await store.pending()).toEqual([])
    s3.recover()
    expect(await store.exists('a')).toBe(false)
  })

  test('an abort ends the put, also while it is falling back', async () => {
    const { store, s3, root } = await memoryStore()
    const early = new AbortController()
    early.abort()
    await expect(store.put('a', 'x', { signal: early.signal })).rejects.toMatchObject({ code: 'ABORTED' })
    s3.outage()
    const controller = new AbortController()
    const body = patternStream(40 * MIB, (bytes) => {
      if (bytes === 30 * MIB) controller.abort()
    })
    await expect(store.put('a', body, { signal: controller.signal })).rejects.toMatchObject({ code: 'ABORTED' })
    expect(body.destroyed).toBe(true)
    expect(await store.pending()).toEqual([])
    expect(await readdir(join(root, '.hybrid-store/outbox/bodies'))).toEqual([])
  })

  test('a declared sha256 and size hold over a stream that fell back midway', async () => {
    const { store, s3 } = await memoryStore()
    const size = 3 * MIB
    const sha256 = createHash('sha256').update(pattern(0, size)).digest('hex')
    s3.fail('put', 'UNAVAILABLE', 1, { afterBytes: MIB })
    const blob = await store.put('a', patternStream(size), { sha256, size })
    expect(blob).toMatchObject({ sha256, size, pendingFor: 's3' })
    s3.fail('put', 'UNAVAILABLE', 1, { afterBytes: MIB })
    await expect(store.put('a', patternStream(size), { sha256: 'f'.repeat(64) })).rejects.toMatchObject({
      code: 'CHECKSUM_MISMATCH',
    })
    expect(Buffer.from(await (await store.get('s3:a')).bytes()).equals(pattern(0, size))).toBe(true)
  })

  test('progress is told once for each byte of a stream, and the body is released', async () => {
    const { store, s3 } = await memoryStore()
    s3.fail('put', 'UNAVAILABLE', 1, { afterBytes: 10_000 })
    const seen: number[] = []
    const body = patternStream(100_000, undefined, 1000)
    await store.put('a', body, { onProgress: ({ bytes }) => seen.push(bytes) })
    expect(seen).toEqual(Array.from({ length: 100 }, (_, i) => (i + 1) * 1000))
    expect(body.destroyed).toBe(true)
  })
})

describe('the spool', () => {
  const dying = (s3: FaultyDriver, afterBytes: number) => s3.fail('put', 'UNAVAILABLE', 1, { afterBytes })

  test('a healthy put leaves nothing behind, in memory or on disk', async () => {
    const { store, root, events } = await memoryStore({ spool: { memory: MIB } })
    for (let i = 0; i < 3; i++) await store.put('a', patternStream(5 * MIB))
    expect(await readdir(join(root, '.hybrid-store/outbox/bodies'))).toEqual([])
    expect(events.map(({ name }) => name)).toEqual(['put', 'put', 'put'])
  })

  test.each([
    ['switched off', { spool: false as const }, 'off'],
    ['out of its disk budget', { spool: { memory: 0, totalDisk: 2 * MIB } }, 'budget'],
    ['out of free space', { spool: { memory: MIB, minFree: Number.MAX_SAFE_INTEGER } }, 'free-space'],
  ])('%s: a healthy upload goes on, one that fails rejects, and the event says so', async (_, options, reason) => {
    const { store, s3, events } = await memoryStore(options)
    const blob = await store.put('a', patternStream(5 * MIB))
    expect(blob).toMatchObject({ driver: 's3', size: 5 * MIB })
    expect(events.filter(({ name }) => name === 'spool')).toMatchObject([{ event: { key: 'a', driver: 's3', reason } }])
    dying(s3, 4 * MIB)
    await expect(store.put('b', patternStream(5 * MIB))).rejects.toMatchObject({ code: 'UNAVAILABLE' })
    expect(await store.pending()).toEqual([])
    // What can be read again needs no spool.
    dying(s3, 4 * MIB)
    expect((await store.put('c', () => patternStream(5 * MIB))).pendingFor).toBe('s3')
  })

  test('a disk that cannot be written to does not stop a healthy upload', async () => {
    const { store, root, events } = await memoryStore({ spool: { memory: MIB } })
    await mkdir(join(root, '.hybrid-store'), { recursive: true })
    await writeFile(join(root, '.hybrid-store/outbox'), 'a file where the folder should be')
    // Whether a newer version waits there cannot be known, so nothing may be written over it.
    await expect(store.put('a', patternStream(5 * MIB))).rejects.toMatchObject({ code: 'CONFIGURATION' })
    const { store: other, s3, root: otherRoot, events: otherEvents } = await memoryStore({ spool: { memory: MIB } })
    await other.put('warm', 'up')
    await rm(join(otherRoot, '.hybrid-store/outbox/bodies'), { recursive: true })
    await writeFile(join(otherRoot, '.hybrid-store/outbox/bodies'), 'a file where the folder should be')
    expect(await other.put('a', patternStream(5 * MIB))).toMatchObject({ driver: 's3' })
    expect(otherEvents.filter(({ name }) => name === 'spool')).toMatchObject([{ event: { reason: 'failed' } }])
    dying(s3, 0)
    await expect(other.put('b', pattern(0, 100_000))).rejects.toMatchObject({ code: 'UNAVAILABLE', key: 'b' })
    expect(events).toMatchObject([{ name: 'failed', event: { key: 'a', code: 'CONFIGURATION' } }])
  })

  test('many streams at once share one budget and all arrive', async () => {
    const { store, s3 } = await memoryStore({ spool: { memory: MIB, totalMemory: 2 * MIB } })
    const sizes = [3, 1, 0.5, 4, 2, 0.1, 3.3, 2.7].map((mib) => Math.round(mib * MIB))
    s3.fail('put', 'UNAVAILABLE', sizes.length, { afterBytes: 0.4 * MIB })
    const blobs = await Promise.all(sizes.map((size, i) => store.put(`k${i}`, patternStream(size))))
    for (const [i, blob] of blobs.entries()) {
      const size = sizes[i] as number
      expect(Buffer.from(await (await store.get(blob.path)).bytes()).equals(pattern(0, size))).toBe(true)
    }
  })

  test('a source that fills one buffer again and again is kept right', async () => {
    const { store, s3 } = await memoryStore()
    s3.fail('put', 'UNAVAILABLE', 1, { afterBytes: 50_000 })
    async function* reusing() {
      const buffer = Buffer.alloc(1000)
      for (let at = 0; at < 100_000; at += 1000) {
        pattern(at, 1000).copy(buffer)
        yield buffer
      }
    }
    const blob = await store.put('a', reusing())
    expect(Buffer.from(await (await store.get(blob.path)).bytes()).equals(pattern(0, 100_000))).toBe(true)
  })
})

describe('when both fail', () => {
  test('the put rejects with the first failure, and one error line names both', async () => {
    const { store, s3, root, lines } = await memoryStore()
    await store.put('warm', 'up')
    s3.outage()
    await rm(join(root, '.hybrid-store/outbox/records'), { recursive: true })
    await writeFile(join(root, '.hybrid-store/outbox/records'), '')
    const error: StorageError = await store.put('a', 'x').then(
      () => Promise.reject(new Error('resolved')),
      (reason) => reason,
    )
    expect(error).toBeInstanceOf(StorageError)
    expect(error).toMatchObject({ code: 'UNAVAILABLE', key: 'a', driver: 's3' })
    expect(error.message).toContain('Falling back to local failed too')
    expect(JSON.stringify(error) + error.message).not.toContain(root)
    expect(lines.filter(({ level }) => level === 'error')).toMatchObject([
      { message: 'S3 upload failed, and so did local storage', fields: { key: 'a', code: 'UNAVAILABLE' } },
    ])
  })

  test.skipIf(process.getuid?.() === 0)('a folder without rights rejects', async () => {
    const { store, s3, root } = await memoryStore()
    s3.outage()
    await chmod(root, 0o500)
    onEnd(() => chmod(root, 0o700))
    await expect(store.put('a', 'x')).rejects.toMatchObject({ code: 'UNAVAILABLE' })
  })
})

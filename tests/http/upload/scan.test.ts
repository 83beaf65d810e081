import { once } from 'node:events'
import type { Readable } from 'node:stream'
import { describe, expect, test } from 'vitest'
import type { FailedRequest } from '../../../src/http/index.js'
import { createTestStore } from '../../../src/testing/index.js'
import { until } from '../robustness/until.js'
import { file, form } from './case.js'
import { keysOf, serveUploads } from './support.js'

const MIB = 1024 * 1024
const large = form(file('large.txt', 'x'.repeat(3 * MIB)))

async function drained(stream: Readable): Promise<number> {
  let size = 0
  for await (const chunk of stream) size += chunk.length
  return size
}

describe('a scanner', () => {
  test('sees all bytes, and nothing can be read before it has answered', async () => {
    const { store } = createTestStore()
    let answer: (allowed: boolean) => void = () => {}
    let seen = 0
    const { upload } = await serveUploads('node', store, {
      scan: async ({ stream }) => {
        seen = await drained(stream)
        return new Promise<boolean>((resolve) => {
          answer = resolve
        })
      },
    })
    const answered = upload(large)
    await until(() => seen === 3 * MIB, 'end of the scan')
    expect(await keysOf(store)).toEqual([])
    answer(true)
    expect((await answered).status).toBe(201)
    expect(await keysOf(store)).toHaveLength(1)
  })

  test.each([
    ['false', async () => false],
    ['something that is no yes', async () => 'clean' as unknown as boolean],
    ['false before it has read anything', () => false],
  ])('that answers %s keeps the file out', async (_, scan) => {
    const { store } = createTestStore()
    const { upload } = await serveUploads('node', store, { scan })
    expect((await upload(large)).status).toBe(422)
    expect(await keysOf(store)).toEqual([])
  })

  test('may do with the bytes whatever it likes: the file is what was sent', async () => {
    const { store } = createTestStore()
    const { upload } = await serveUploads('node', store, {
      scan: async ({ stream }) => {
        stream.on('data', (chunk: Buffer) => chunk.fill(0))
        await once(stream, 'end')
        return true
      },
    })
    const [{ path }] = JSON.parse((await upload(large)).body.toString())
    expect(await (await store.get(path)).text()).toBe('x'.repeat(3 * MIB))
  })

  test('that throws lets nothing in, and is a failure of the server', async () => {
    const { store } = createTestStore()
    const failures: FailedRequest[] = []
    const { upload } = await serveUploads('node', store, {
      scan: () => Promise.reject(new Error('clamd is away')),
      onError: (failed) => failures.push(failed),
    })
    const answer = await upload(large)
    expect(answer.status).toBe(500)
    expect(answer.body.toString()).not.toContain('clamd')
    expect(failures[0]?.error.cause).toMatchObject({ message: 'clamd is away' })
    expect(await keysOf(store)).toEqual([])
  })

  test('may answer before the end, and leave the rest', async () => {
    const { store } = createTestStore()
    const { upload } = await serveUploads('node', store, {
      scan: async ({ stream }) => {
        for await (const chunk of stream) return chunk.length > 0
        return false
      },
    })
    expect((await upload(large)).status).toBe(201)
    const [key = ''] = await keysOf(store)
    expect((await store.head(key)).size).toBe(3 * MIB)
  })

  test('that neither reads nor answers is given up', async () => {
    const { store } = createTestStore()
    let signal: AbortSignal | undefined
    const { upload } = await serveUploads('node', store, {
      limits: { scan: 50 },
      scan: (input) => {
        signal = input.signal
        return new Promise(() => {})
      },
    })
    expect((await upload(large)).status).toBe(504)
    expect(await keysOf(store)).toEqual([])
    await until(() => signal?.aborted === true, 'abort of the scanner')
  })

  test('is told when the upload fails for another reason', async () => {
    const { store } = createTestStore()
    let signal: AbortSignal | undefined
    let failed: unknown
    const { upload } = await serveUploads('node', store, {
      limits: { fileSize: MIB },
      scan: async (input) => {
        signal = input.signal
        await drained(input.stream).catch((error: unknown) => {
          failed = error
        })
        return true
      },
    })
    expect((await upload(large)).status).toBe(413)
    await until(() => signal?.aborted === true && failed !== undefined, 'end of the scanner')
    expect(await keysOf(store)).toEqual([])
  })
})

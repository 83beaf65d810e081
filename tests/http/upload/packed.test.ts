import { gzipSync } from 'node:zlib'
import { afterEach, describe, expect, test, vi } from 'vitest'
import { createTestStore } from '../../../src/testing/index.js'
import { adapters } from '../servers.js'
import { file, form } from './case.js'
import { serveUploads } from './support.js'

const MIB = 1024 * 1024
const bomb = gzipSync(Buffer.alloc(64 * MIB))
const small = gzipSync(Buffer.alloc(4 * MIB))
const mark = Buffer.from('\ufeff')

afterEach(() => vi.restoreAllMocks())

describe.each(adapters)('what is packed, on %s', (adapter) => {
  test.each([
    ['a bomb of 64 MiB', bomb],
    ['one that is there whole within the first bytes', small],
    ['one behind byte order marks', Buffer.concat([mark, mark, small])],
  ])('%s is stored as it is, and never unpacked', async (_, bytes) => {
    const unpacked = vi.spyOn(globalThis, 'DecompressionStream')
    const { store } = createTestStore()
    const { upload } = await serveUploads(adapter, store)
    for (const type of ['application/octet-stream', 'application/gzip', 'application/x-tgz', 'image/png']) {
      const answer = await upload(form(file('a.tar.gz', bytes, type)))
      const [{ path, contentType }] = JSON.parse(answer.body.toString())
      expect([answer.status, contentType]).toEqual([201, type === 'application/x-tgz' ? type : 'application/gzip'])
      expect(Buffer.from(await (await store.get(path)).bytes()).equals(bytes)).toBe(true)
    }
    expect(unpacked).not.toHaveBeenCalled()
  })

  test('a form that is packed itself is refused before a byte of it is read', async () => {
    const unpacked = vi.spyOn(globalThis, 'DecompressionStream')
    const { store } = createTestStore()
    let arrived = 0
    const onProgress = ({ bytes }: { readonly bytes: number }) => {
      arrived = bytes
    }
    const { upload } = await serveUploads(adapter, store, { onProgress })
    const body = gzipSync(form(file('a.txt', Buffer.alloc(16 * MIB))))
    for (const coding of ['gzip', 'x-gzip', 'deflate', 'br', 'identity, gzip', 'GZIP']) {
      expect((await upload(body, { 'content-encoding': coding })).status, coding).toBe(415)
    }
    expect(arrived).toBe(0)
    expect(unpacked).not.toHaveBeenCalled()
  })
})

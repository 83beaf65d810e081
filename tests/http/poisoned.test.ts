import { describe, expect, test } from 'vitest'
import { type BlobStore, blobHref } from '../../src/http/index.js'
import type { StoredBlob } from '../../src/index.js'
import { createTestStore } from '../../src/testing/index.js'
import { adapters } from './servers.js'
import { serve } from './support.js'

const injection = 'x\r\nSet-Cookie: stolen=1\r\n\r\n<script>'

/** What a foreign program may have stored beside an object: no driver of the library would write it. */
const poisons: readonly Partial<StoredBlob>[] = [
  { contentType: `text/html${injection}` },
  { contentType: 'text/plain; charset="\u2028"' },
  { contentType: '\0' },
  { contentType: 'text/plain; a=\ud800' },
  { contentType: `text/plain;${' '.repeat(10_000)}x` },
  { contentType: 'text/plain;a='.repeat(2000) },
  { contentDisposition: `attachment; filename="${injection}"` },
  { contentDisposition: `attachment; filename*=UTF-8''${encodeURIComponent(injection)}` },
  { contentDisposition: `attachment; filename*=UTF-8''%C3%28; filename="ok.txt"` },
  { contentDisposition: 'attachment; filename="\u{1f600}\0"' },
  { contentDisposition: `inline; ${'a=b;'.repeat(5000)}` },
  { contentEncoding: `gzip${injection}` },
  { contentEncoding: 'gzip\u0100' },
  { contentLanguage: `de${injection}` },
  { cacheControl: `public${injection}` },
  { etag: `"${injection}` },
  { etag: 'with "quotes"' },
  { etag: '' },
  { etag: 'non-ascii-\u0100' },
  { key: `project_7/${injection}` },
  { lastModified: new Date(Date.UTC(2100, 1, 1)) },
  { lastModified: new Date(0) },
]

describe.each(adapters)('%s', (adapter) => {
  test('stored values that no header may carry never reach one', async () => {
    const { store } = createTestStore()
    const { path } = await store.put('project_7/x.txt', 'text')
    let poison: Partial<StoredBlob> = {}
    const { get, head } = await serve(
      adapter,
      poisoned(store, () => poison),
    )
    for (const one of poisons) {
      poison = one
      for (const ask of [get, head]) {
        for (const route of ['content', 'download', 'view']) {
          const { status, headers } = await ask(blobHref(`/${route}`, path))
          expect(status, JSON.stringify(one)).toBe(200)
          expect(headers).not.toHaveProperty('set-cookie')
          expect(headers['x-content-type-options']).toBe('nosniff')
          for (const value of Object.values(headers)) expect(value).toMatch(/^[\x20-\x7e]*$/)
          if (headers.etag !== undefined) expect(headers.etag).toMatch(/^(W\/)?"[\x21\x23-\x7e]+"$/)
          // Section 8.8.2.1: never later than Date, of which Node's may be the last second's on a busy machine.
          const modified = Date.parse(headers['last-modified'] ?? '1970')
          expect(modified).toBeLessThanOrEqual(Date.parse(headers.date ?? '') + 1000)
        }
      }
    }
  })

  test('a type that is none is bytes, saved', async () => {
    const { store } = createTestStore()
    const { path } = await store.put('project_7/x.txt', 'text')
    const { get } = await serve(
      adapter,
      poisoned(store, () => ({ contentType: `text/html${injection}` })),
    )
    const { headers } = await get(blobHref('/content', path))
    expect(headers['content-type']).toBe('application/octet-stream')
    expect(headers['content-disposition']).toMatch(/^attachment;/)
  })
})

function poisoned(store: BlobStore, poison: () => Partial<StoredBlob>): BlobStore {
  return {
    get: async (path, options) => {
      const reader = await store.get(path, options)
      Object.defineProperty(reader, 'info', { value: { ...reader.info, ...poison() } })
      return reader
    },
    head: async (path, options) => ({ ...(await store.head(path, options)), ...poison() }),
    put: (key, body, options) => store.put(key, body, options),
    delete: (path, options) => store.delete(path, options),
    listPage: (options) => store.listPage(options),
    resolve: (path) => store.resolve(path),
    route: (blob) => store.route(blob),
    signUrl: (path, options) => store.signUrl(path, options),
    verifySignedUrl: (link, options) => store.verifySignedUrl(link, options),
    verifySignedUpload: (link, options) => store.verifySignedUpload(link, options),
    localFile: (path, options) => store.localFile(path, options),
  }
}

import assert from 'node:assert/strict'
import type { BlobAttributes } from '../../driver/index.js'
import { nodeStream, pattern } from './bodies.js'
import { caseGroup } from './case.js'
import type { CaseContext } from './context.js'

/** The attributes must come back with put, head and get, after a put of bytes and after one of parts. */
async function comeBack(
  t: CaseContext,
  attributes: BlobAttributes,
  expected: BlobAttributes = attributes,
): Promise<void> {
  const bodies = { small: 'body', large: nodeStream(pattern(t.partSize * 2 + 100)) }
  for (const [name, body] of Object.entries(bodies)) {
    const put = await t.put(name, body, attributes)
    const head = await t.head(name)
    const reader = await t.subject.get(t.key(name))
    await reader.cancel()
    for (const [where, info] of Object.entries({ put, head, get: reader.info })) {
      for (const [attribute, value] of Object.entries(expected)) {
        assert.deepEqual(
          info[attribute as keyof BlobAttributes],
          value,
          `${attribute} in the answer of ${where} (${name})`,
        )
      }
    }
  }
}

export const attributes = caseGroup('attributes', (rule) => {
  rule('a content type that is given', (t) => comeBack(t, { contentType: 'application/x-special' }))
  rule('a content type with parameters', (t) => comeBack(t, { contentType: 'text/html; charset="utf-8"; q=1' }))

  rule('a content type by extension', async (t) => {
    const types = {
      'a.pdf': 'application/pdf',
      'a.PNG': 'image/png',
      'dir.pdf/a.txt': 'text/plain',
      'a.tar.json': 'application/json',
    }
    for (const [name, type] of Object.entries(types)) {
      await t.put(name, 'body')
      assert.equal((await t.head(name)).contentType, type, name)
    }
  })

  rule('an unknown content type', async (t) => {
    for (const name of ['blob', 'blob.unknown-extension', 'dir.pdf/blob']) {
      await t.put(name, 'body')
      assert.equal((await t.head(name)).contentType, 'application/octet-stream', name)
    }
  })

  rule('cache control, disposition, encoding, language', (t) =>
    comeBack(t, {
      cacheControl: 'public, max-age=31536000, immutable',
      contentDisposition: 'attachment; filename="a b.txt"; filename*=UTF-8\'\'%C3%A9.txt',
      contentEncoding: 'br',
      contentLanguage: 'de, en',
    }),
  )

  rule('what was not given is not there', async (t) => {
    const { etag } = await t.put('blob', 'body')
    const info = await t.head('blob')
    assert.equal(info.etag, etag)
    assert.equal(info.cacheControl, undefined)
    assert.equal(info.contentDisposition, undefined)
    assert.equal(info.contentEncoding, undefined)
    assert.equal(info.contentLanguage, undefined)
    assert.deepEqual(info.metadata, {})
  })

  rule('an encoded body comes back as it was put', async (t) => {
    const encoded = pattern(500)
    await t.put('blob.txt', encoded, { contentEncoding: 'gzip' })
    assert.deepEqual(Buffer.from(await t.bytes('blob.txt')), Buffer.from(encoded))
  })

  rule('metadata', (t) => comeBack(t, { metadata: { 'order-id': '42', author: 'Ada', a: 'b' } }))
  rule('metadata with spaces inside', (t) => comeBack(t, { metadata: { title: 'two words  and more' } }))
  rule('metadata with spaces at its ends', (t) => comeBack(t, { metadata: { title: '  padded ' } }))
  rule('metadata without a value', (t) => comeBack(t, { metadata: { empty: '', full: 'x' } }))
  rule('metadata in unicode', (t) => comeBack(t, { metadata: { title: 'Grüße 世界 🚀', other: 'é' } }))
  rule('metadata that looks encoded', (t) =>
    comeBack(t, {
      metadata: { a: '=?UTF-8?B?YWJj?=', b: '%C3%A9', c: '"quoted", and \\ more', d: '=?UTF-8?Q?=41?= x' },
    }),
  )
  rule('metadata under names of Object.prototype', (t) =>
    comeBack(t, { metadata: { constructor: 'a', tostring: 'b', valueof: 'c' } }),
  )
  rule('metadata under a name with an underscore', (t) => comeBack(t, { metadata: { order_id: '42' } }))
  rule('metadata under a name with a dot', (t) => comeBack(t, { metadata: { 'a.b': '42' } }))

  rule('metadata names are kept in lower case', (t) =>
    comeBack(t, { metadata: { 'Order-ID': '42', AUTHOR: 'Ada' } }, { metadata: { 'order-id': '42', author: 'Ada' } }),
  )

  rule('as much metadata as is allowed', async (t) => {
    const { maxMetadataBytes } = t.capabilities
    const metadata = { a: 'x'.repeat(maxMetadataBytes / 2 - 1), b: 'y'.repeat(maxMetadataBytes / 2 - 1) }
    await t.put('blob', 'body', { metadata })
    assert.deepEqual((await t.head('blob')).metadata, metadata)
  })

  rule('attributes that are refused leave everything as it was', async (t) => {
    await t.put('blob', 'old', { metadata: { version: 'old' } })
    const { maxMetadataBytes } = t.capabilities
    const bad: readonly BlobAttributes[] = [
      { metadata: { a: 'x'.repeat(maxMetadataBytes) } },
      { metadata: { a: 'é'.repeat(maxMetadataBytes / 2) } },
      { metadata: { title: 'a', Title: 'b' } },
      { metadata: { '': 'empty name' } },
      { metadata: { 'two words': 'x' } },
      { metadata: { é: 'x' } },
      { metadata: { 'a:b': 'x' } },
      { metadata: { a: 'line\r\nInjected: yes' } },
      { metadata: { a: 'nul\0' } },
      { metadata: { a: '\ud800' } },
      { metadata: { a: 42 as never } },
      { contentType: 'text/html\r\nInjected: yes' },
      { cacheControl: 'no-cache\nx' },
      { contentDisposition: 'inline\u0000' },
      { contentType: 42 as never },
      { visibility: 'secret' as never },
    ]
    for (const attributes of bad) {
      await t.rejects('INVALID_ARGUMENT', t.put('blob', 'new', attributes))
      await t.rejects('INVALID_ARGUMENT', t.put('new', 'new', attributes))
    }
    assert.equal(await t.text('blob'), 'old')
    assert.deepEqual((await t.head('blob')).metadata, { version: 'old' })
    await t.absent('new')
  })

  rule('an overwrite drops the old ones', async (t) => {
    await t.put('blob', 'old', {
      contentType: 'text/old',
      cacheControl: 'no-cache',
      contentDisposition: 'attachment',
      contentEncoding: 'gzip',
      contentLanguage: 'de',
      metadata: { old: 'yes' },
    })
    await t.put('blob', 'new', { metadata: { new: 'yes' } })
    const info = await t.head('blob')
    assert.equal(info.contentType, 'application/octet-stream')
    assert.equal(info.cacheControl, undefined)
    assert.equal(info.contentDisposition, undefined)
    assert.equal(info.contentEncoding, undefined)
    assert.equal(info.contentLanguage, undefined)
    assert.deepEqual(info.metadata, { new: 'yes' })
  })

  rule(
    'visibility, as it is set',
    async (t) => {
      const key = t.key('blob')
      await t.put('blob', 'body', { metadata: { a: 'b' } })
      assert.equal(await t.subject.getVisibility?.(key), 'private')
      await t.subject.setVisibility?.(key, 'public')
      assert.equal(await t.subject.getVisibility?.(key), 'public')
      assert.equal(await t.text('blob'), 'body')
      assert.deepEqual((await t.head('blob')).metadata, { a: 'b' })
      await t.put('blob', 'body', { visibility: 'public' })
      assert.equal(await t.subject.getVisibility?.(key), 'public')
      await t.put('blob', 'body')
      assert.equal(await t.subject.getVisibility?.(key), 'private', 'an overwrite drops the visibility')
      await t.rejects('NOT_FOUND', t.subject.getVisibility?.(t.key('missing')) as Promise<unknown>)
      await t.rejects('NOT_FOUND', t.subject.setVisibility?.(t.key('missing'), 'public') as Promise<unknown>)
    },
    { needs: ['visibility'] },
  )
})

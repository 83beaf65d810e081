import assert from 'node:assert/strict'
import { pattern } from './bodies.js'
import { caseGroup } from './case.js'

export const head = caseGroup('head and exists', (rule) => {
  const some = pattern(1000)

  rule('all fields', async (t) => {
    const before = Date.now()
    const attributes = {
      contentType: 'application/pdf',
      cacheControl: 'private, max-age=60',
      contentDisposition: 'attachment; filename="a.pdf"',
      contentEncoding: 'identity',
      contentLanguage: 'de',
      metadata: { 'order-id': '42' },
    }
    await t.put('blob', some, attributes)
    const info = await t.head('blob')
    assert.equal(info.key, t.key('blob'))
    assert.equal(info.size, 1000)
    assert.match(info.etag, /^(W\/)?[^"]+$/)
    assert.ok(info.lastModified instanceof Date)
    const age = info.lastModified.getTime() - before
    assert.ok(Math.abs(age) < t.clockSkew + 60_000, `lastModified is ${age} ms off`)
    for (const [name, value] of Object.entries(attributes)) {
      assert.deepEqual(info[name as keyof typeof attributes], value, name)
    }
  })

  rule('get and head say the same', async (t) => {
    await t.put('blob.txt', some, { metadata: { a: '1' }, cacheControl: 'no-store' })
    const info = await t.head('blob.txt')
    const reader = await t.subject.get(t.key('blob.txt'))
    await reader.cancel()
    assert.deepEqual(reader.info, info)
  })

  rule('a list says the same', async (t) => {
    await t.put('blob.txt', some)
    const info = await t.head('blob.txt')
    for await (const entry of t.subject.list({ prefix: t.prefix })) {
      assert.equal(entry.type, 'blob')
      if (entry.type !== 'blob') continue
      assert.equal(entry.key, info.key)
      assert.equal(entry.size, info.size)
      assert.equal(entry.etag, info.etag)
      assert.ok(Math.abs(entry.lastModified.getTime() - info.lastModified.getTime()) < 1_000, 'lastModified differs')
    }
  })

  rule('a missing key is NOT_FOUND', (t) => t.absent('missing'))

  rule('a directory is NOT_FOUND', async (t) => {
    await t.put('dir/file', some)
    await t.absent('dir')
    await t.subject.delete(t.key('dir'))
    assert.deepEqual(await t.names(), ['dir/file'])
  })

  rule('below a blob is NOT_FOUND', async (t) => {
    await t.put('file', some)
    await t.absent('file/below')
    await t.subject.delete(t.key('file/below'))
    assert.deepEqual(await t.names(), ['file'])
  })

  rule(
    'exists, both ways',
    async (t) => {
      await t.put('dir/blob', some)
      assert.equal(await t.subject.exists?.(t.key('dir/blob')), true)
      assert.equal(await t.subject.exists?.(t.key('missing')), false)
      assert.equal(await t.subject.exists?.(t.key('dir')), false)
      await t.rejects('INVALID_KEY', t.subject.exists?.('../x') as Promise<unknown>)
    },
    { needs: ['exists'] },
  )

  rule(
    'a refusal is no "does not exist"',
    async (t) => {
      const refused = await t.open('refused')
      const codes = ['ACCESS_DENIED', 'UNAUTHENTICATED', 'CONFIGURATION'] as const
      await t.rejects(codes, refused.head(t.key('blob')))
      await t.rejects(codes, refused.get(t.key('blob')))
      if (refused.exists) await t.rejects(codes, refused.exists(t.key('blob')))
    },
    { needs: ['refused'] },
  )

  rule(
    'an outage is no "does not exist"',
    async (t) => {
      const unavailable = await t.open('unavailable')
      const codes = ['UNAVAILABLE', 'TIMEOUT'] as const
      const error = await t.rejects(codes, unavailable.head(t.key('blob')))
      assert.equal(error.retryable, true)
      await t.rejects(codes, unavailable.get(t.key('blob')))
      if (unavailable.exists) await t.rejects(codes, unavailable.exists(t.key('blob')))
    },
    { needs: ['unavailable'] },
  )

  rule('the etag stays the same across reads', async (t) => {
    const { etag } = await t.put('blob', some)
    for (let i = 0; i < 3; i++) {
      assert.equal((await t.head('blob')).etag, etag)
      const reader = await t.subject.get(t.key('blob'), { range: { start: i } })
      assert.equal(reader.info.etag, etag)
      await reader.cancel()
    }
  })

  rule('the etag changes with the content', async (t) => {
    const etags = new Set<string>()
    for (const body of ['one', 'two', 'six', '', 'one longer']) etags.add((await t.put('blob', body)).etag)
    assert.equal(etags.size, 5)
  })
})

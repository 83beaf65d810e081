import assert from 'node:assert/strict'
import { pattern, sameBytes } from './bodies.js'
import { caseGroup } from './case.js'

export const deletion = caseGroup('delete', (rule) => {
  rule('an existing blob', async (t) => {
    await t.put('dir/blob', 'body', { metadata: { a: 'b' } })
    await t.subject.delete(t.key('dir/blob'))
    await t.absent('dir/blob')
    assert.deepEqual(await t.names(), [])
    await t.put('dir', 'what was a directory is a free key again')
    assert.deepEqual((await t.head('dir')).metadata, {})
  })

  rule('a missing blob is fine', async (t) => {
    await t.subject.delete(t.key('missing'))
    await t.subject.delete(t.key('no/such/directory'))
    await t.put('blob', 'body')
    await t.subject.delete(t.key('blob'))
    await t.subject.delete(t.key('blob'))
  })

  rule('a blob put again after a delete has nothing of the old one', async (t) => {
    await t.put('blob.txt', 'old', { contentType: 'text/old', metadata: { a: 'b' } })
    await t.subject.delete(t.key('blob.txt'))
    await t.put('blob.txt', 'new')
    const info = await t.head('blob.txt')
    assert.equal(info.contentType, 'text/plain')
    assert.deepEqual(info.metadata, {})
  })

  rule('many, answered in the order asked', async (t) => {
    for (const name of ['c', 'a', 'b', 'kept']) await t.put(name, name)
    const keys = ['b', 'missing', 'a', 'c'].map((name) => t.key(name))
    const results = await t.subject.deleteMany(keys)
    assert.deepEqual(
      results.map(({ key }) => key),
      keys,
    )
    for (const { error } of results) assert.equal(error, undefined)
    assert.deepEqual(await t.names(), ['kept'])
  })

  rule('many, with one asked for twice', async (t) => {
    await t.put('a', 'a')
    const results = await t.subject.deleteMany([t.key('a'), t.key('a')])
    assert.equal(results.length, 2)
    for (const { error } of results) assert.equal(error, undefined)
    await t.absent('a')
  })

  rule('none of many', async (t) => {
    assert.equal((await t.subject.deleteMany([])).length, 0)
  })

  rule('many, with one refused, answers for each', async (t) => {
    await t.put('a', 'a')
    await t.put('b', 'b')
    const keys = [t.key('a'), t.key('../x'), t.key('b')]
    const results = await t.subject.deleteMany(keys)
    assert.deepEqual(
      results.map(({ key }) => key),
      keys,
    )
    assert.equal(results[0]?.error, undefined)
    assert.equal(results[2]?.error, undefined)
    await t.rejects('INVALID_KEY', Promise.reject(results[1]?.error ?? new Error('the bad key was answered well')))
    assert.deepEqual(await t.names(), [])
  })

  rule('one key takes no other key that begins like it', async (t) => {
    const names = ['user1', 'user1.txt', 'user1/a', 'user1/b/c', 'user10', 'user10/a']
    for (const name of names) await t.put(name, name)
    await t.subject.delete(t.key('user1'))
    assert.deepEqual(
      await t.names(),
      names.filter((name) => name !== 'user1'),
    )
    await t.subject.deleteMany([t.key('user1/a')])
    assert.deepEqual(await t.names(), ['user1.txt', 'user1/b/c', 'user10', 'user10/a'])
    assert.equal(await t.text('user10/a'), 'user10/a')
  })

  rule('a prefix that is listed and deleted takes no other segment', async (t) => {
    for (const name of ['user1/a', 'user1/b', 'user10/a', 'user1x']) await t.put(name, name)
    const doomed = (await t.names({ prefix: 'user1/' })).map((name) => t.key(name))
    assert.equal(doomed.length, 2)
    await t.subject.deleteMany(doomed)
    assert.deepEqual(await t.names(), ['user10/a', 'user1x'])
  })

  rule('an open reader finishes', async (t) => {
    const bytes = pattern(100_000)
    await t.put('blob', bytes)
    const reader = await t.subject.get(t.key('blob'))
    await t.subject.delete(t.key('blob'))
    sameBytes(await reader.bytes(), bytes)
    await t.absent('blob')
  })

  rule('an open reader finishes with its own version after an overwrite', async (t) => {
    const bytes = pattern(100_000)
    const { etag } = await t.put('blob', bytes)
    const reader = await t.subject.get(t.key('blob'))
    await t.put('blob', pattern(100_000, 2))
    assert.equal(reader.info.etag, etag)
    sameBytes(await reader.bytes(), bytes)
  })

  const conditional = { needs: ['conditionalDelete'] } as const
  rule(
    'the current version only',
    async (t) => {
      const first = await t.put('blob', 'first')
      const second = await t.put('blob', 'second')
      await t.rejects('PRECONDITION_FAILED', t.subject.delete(t.key('blob'), { ifMatch: first.etag }))
      assert.equal(await t.text('blob'), 'second')
      await t.subject.delete(t.key('blob'), { ifMatch: `"${second.etag}"` })
      await t.absent('blob')
    },
    conditional,
  )

  rule(
    'a version of a missing blob',
    async (t) => {
      await t.rejects('PRECONDITION_FAILED', t.subject.delete(t.key('missing'), { ifMatch: 'etag' }))
    },
    conditional,
  )
})

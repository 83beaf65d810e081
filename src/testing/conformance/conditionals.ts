import assert from 'node:assert/strict'
import type { ReadConditions } from '../../driver/index.js'
import { isStorageError, type StorageErrorCode } from '../../errors/index.js'
import { heldBody, nodeStream, pattern } from './bodies.js'
import { caseGroup } from './case.js'

const HOUR = 3_600_000

export const conditionals = caseGroup('conditionals', (rule) => {
  type Case = readonly [string, (etag: string, modified: Date) => ReadConditions, StorageErrorCode | 'read']
  const before = (date: Date) => new Date(date.getTime() - HOUR)
  const reads: readonly Case[] = [
    ['if-match', (etag) => ({ ifMatch: etag }), 'read'],
    ['if-match, quoted', (etag) => ({ ifMatch: `"${etag}"` }), 'read'],
    ['if-match with one of several', (etag) => ({ ifMatch: ['other', etag] }), 'read'],
    ['if-match with any', () => ({ ifMatch: '*' }), 'read'],
    ['if-match, stale', () => ({ ifMatch: 'stale' }), 'PRECONDITION_FAILED'],
    ['if-match with none of several', () => ({ ifMatch: ['stale', 'older'] }), 'PRECONDITION_FAILED'],
    ['if-none-match', (etag) => ({ ifNoneMatch: etag }), 'NOT_MODIFIED'],
    ['if-none-match, quoted', (etag) => ({ ifNoneMatch: `"${etag}"` }), 'NOT_MODIFIED'],
    ['if-none-match, weak', (etag) => ({ ifNoneMatch: `W/"${etag}"` }), 'NOT_MODIFIED'],
    ['if-none-match with one of several', (etag) => ({ ifNoneMatch: ['other', etag] }), 'NOT_MODIFIED'],
    ['if-none-match with any', () => ({ ifNoneMatch: '*' }), 'NOT_MODIFIED'],
    ['if-none-match, stale', () => ({ ifNoneMatch: 'stale' }), 'read'],
    ['if-modified-since the same time', (_, date) => ({ ifModifiedSince: date }), 'NOT_MODIFIED'],
    ['if-modified-since an earlier time', (_, date) => ({ ifModifiedSince: before(date) }), 'read'],
    ['if-unmodified-since the same time', (_, date) => ({ ifUnmodifiedSince: date }), 'read'],
    ['if-unmodified-since an earlier time', (_, date) => ({ ifUnmodifiedSince: before(date) }), 'PRECONDITION_FAILED'],
    [
      'if-match outweighs if-unmodified-since',
      (etag, date) => ({ ifMatch: etag, ifUnmodifiedSince: before(date) }),
      'read',
    ],
    [
      'if-none-match outweighs if-modified-since',
      (_, date) => ({ ifNoneMatch: 'stale', ifModifiedSince: date }),
      'read',
    ],
    [
      'if-none-match that fits outweighs if-modified-since',
      (etag, date) => ({ ifNoneMatch: etag, ifModifiedSince: before(date) }),
      'NOT_MODIFIED',
    ],
    [
      'if-match is judged before if-none-match',
      (etag) => ({ ifMatch: 'stale', ifNoneMatch: etag }),
      'PRECONDITION_FAILED',
    ],
    [
      'if-unmodified-since is judged before if-none-match',
      (etag, date) => ({ ifUnmodifiedSince: before(date), ifNoneMatch: etag }),
      'PRECONDITION_FAILED',
    ],
    ['if-match that fits leaves it to if-none-match', (etag) => ({ ifMatch: etag, ifNoneMatch: etag }), 'NOT_MODIFIED'],
  ]
  for (const [name, conditions, expected] of reads) {
    rule(`${name} on get and head: ${expected}`, async (t) => {
      const { etag } = await t.put('blob', 'content')
      const given = conditions(etag, (await t.head('blob')).lastModified)
      const key = t.key('blob')
      if (expected === 'read') {
        assert.equal(await (await t.subject.get(key, given)).text(), 'content')
        assert.equal((await t.subject.head(key, given)).etag, etag)
      } else {
        await t.rejects(expected, t.subject.get(key, given))
        await t.rejects(expected, t.subject.head(key, given))
      }
    })
  }

  rule('a condition on a missing key is NOT_FOUND', async (t) => {
    await t.rejects('NOT_FOUND', t.subject.get(t.key('missing'), { ifNoneMatch: 'any' }))
    await t.rejects('NOT_FOUND', t.subject.head(t.key('missing'), { ifModifiedSince: new Date(0) }))
  })

  const create = { needs: ['createOnly'] } as const
  rule(
    'create when absent',
    async (t) => {
      await t.put('blob', 'created', { ifNoneMatch: '*' })
      assert.equal(await t.text('blob'), 'created')
    },
    create,
  )

  rule(
    'create when present has no effect',
    async (t) => {
      const { etag } = await t.put('blob', 'first', { metadata: { version: 'first' } })
      for (const body of ['second', nodeStream(pattern(t.partSize * 2 + 100))]) {
        const second = t.put('blob', body, { ifNoneMatch: '*', metadata: { version: 'second' } })
        const error = await t.rejects('ALREADY_EXISTS', second)
        assert.equal(error.status, 412)
        assert.notEqual(error.outcome, 'unknown')
      }
      const info = await t.head('blob')
      assert.equal(info.etag, etag)
      assert.deepEqual(info.metadata, { version: 'first' })
      assert.equal(await t.text('blob'), 'first')
    },
    create,
  )

  rule(
    'create again after a delete',
    async (t) => {
      await t.put('blob', 'first', { ifNoneMatch: '*' })
      await t.subject.delete(t.key('blob'))
      await t.put('blob', 'second', { ifNoneMatch: '*' })
      assert.equal(await t.text('blob'), 'second')
    },
    create,
  )

  rule(
    'create of several parts when absent',
    async (t) => {
      const bytes = pattern(t.partSize * 2 + 100)
      const { size } = await t.put('blob', nodeStream(bytes), { ifNoneMatch: '*' })
      assert.equal(size, bytes.byteLength)
    },
    create,
  )

  rule(
    'create is judged at publish, not at the start',
    async (t) => {
      const { body, held, finish } = heldBody(pattern(1000))
      const late = t.rejects('ALREADY_EXISTS', t.put('blob', body, { ifNoneMatch: '*' }))
      await Promise.race([held, late])
      await t.put('blob', 'in between')
      finish()
      await late
      assert.equal(await t.text('blob'), 'in between')
    },
    create,
  )

  rule(
    'twenty creators, one wins',
    async (t) => {
      const puts = Array.from({ length: 20 }, (_, i) =>
        t.put('blob', `creator ${i}`, { ifNoneMatch: '*' }).then(() => i),
      )
      const outcomes = await Promise.allSettled(puts)
      const winners = outcomes.flatMap((outcome) => (outcome.status === 'fulfilled' ? [outcome.value] : []))
      for (const outcome of outcomes) {
        if (outcome.status === 'rejected') await t.rejects('ALREADY_EXISTS', Promise.reject(outcome.reason))
      }
      assert.equal(winners.length, 1, `${winners.length} creators won`)
      assert.equal(await t.text('blob'), `creator ${winners[0]}`)
    },
    create,
  )

  const update = { needs: ['conditionalUpdate'] } as const
  rule(
    'update of the current version, quoted or not',
    async (t) => {
      const first = await t.put('blob', 'first')
      const second = await t.put('blob', 'second', { ifMatch: first.etag })
      await t.put('blob', nodeStream(Buffer.from('third')), { ifMatch: `"${second.etag}"` })
      assert.equal(await t.text('blob'), 'third')
    },
    update,
  )

  rule(
    'update of a stale version has no effect',
    async (t) => {
      const first = await t.put('blob', 'first')
      await t.put('blob', 'second', { metadata: { version: 'second' } })
      for (const body of ['third', nodeStream(pattern(t.partSize * 2 + 100))]) {
        const error = await t.rejects('PRECONDITION_FAILED', t.put('blob', body, { ifMatch: first.etag }))
        assert.equal(error.status, 412)
        assert.notEqual(error.outcome, 'unknown')
      }
      assert.equal(await t.text('blob'), 'second')
      assert.deepEqual((await t.head('blob')).metadata, { version: 'second' })
    },
    update,
  )

  rule(
    'update of a missing blob',
    async (t) => {
      await t.rejects('PRECONDITION_FAILED', t.put('blob', 'body', { ifMatch: 'etag' }))
      await t.absent('blob')
    },
    update,
  )

  rule(
    'update is judged at publish, not at the start',
    async (t) => {
      const first = await t.put('blob', 'first')
      const { body, held, finish } = heldBody(pattern(1000))
      const late = t.rejects('PRECONDITION_FAILED', t.put('blob', body, { ifMatch: first.etag }))
      await Promise.race([held, late])
      await t.put('blob', 'in between')
      finish()
      await late
      assert.equal(await t.text('blob'), 'in between')
    },
    update,
  )

  rule(
    'five writers lose nothing in ten rounds of compare-and-swap',
    async (t) => {
      await t.put('counter', '0;')
      const writer = async (id: number) => {
        for (let done = 0; done < 10; ) {
          const reader = await t.subject.get(t.key('counter'))
          const [count = '', log = ''] = (await reader.text()).split(';')
          try {
            await t.put('counter', `${Number(count) + 1};${log}${id}`, { ifMatch: reader.info.etag })
            done++
          } catch (error) {
            if (!isStorageError(error, 'PRECONDITION_FAILED')) throw error
          }
        }
      }
      await Promise.all([0, 1, 2, 3, 4].map(writer))
      const [count, log = ''] = (await t.text('counter')).split(';')
      assert.equal(count, '50')
      assert.equal([...log].sort().join(''), [0, 1, 2, 3, 4].map((id) => `${id}`.repeat(10)).join(''))
    },
    update,
  )

  rule('conditions that cannot be meant', async (t) => {
    await t.put('blob', 'old')
    const bad = [{ ifNoneMatch: 'etag' }, { ifNoneMatch: '*', ifMatch: 'etag' }, { ifMatch: '' }, { ifMatch: '""' }]
    for (const options of bad) await t.rejects('INVALID_ARGUMENT', t.put('blob', 'new', options as never))
    assert.equal(await t.text('blob'), 'old')
  })
})

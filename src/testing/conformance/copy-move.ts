import assert from 'node:assert/strict'
import type { BlobInfo, CopyOptions } from '../../driver/index.js'
import { pattern, sameBytes } from './bodies.js'
import { caseGroup } from './case.js'
import type { CaseContext } from './context.js'

type Operation = 'copy' | 'move'

async function transfer(
  t: CaseContext,
  operation: Operation,
  from: string,
  to: string,
  options?: CopyOptions,
): Promise<BlobInfo> {
  const method = t.subject[operation]
  assert.ok(method, `the subject has no ${operation}`)
  return method.call(t.subject, t.key(from), t.key(to), options)
}

/** The destination must hold the body, and the source must be there or not as the operation says. */
async function arrived(t: CaseContext, operation: Operation, from: string, to: string, body: string): Promise<void> {
  assert.equal(await t.text(to), body)
  if (operation === 'copy') assert.equal(await t.text(from), body)
  else await t.absent(from)
}

export const copyMove = caseGroup('copy and move', (rule) => {
  for (const operation of ['copy', 'move'] as const) {
    const needs = { needs: [operation] } as const
    const conditional = { needs: [operation, 'conditionalCopy'] } as const

    rule(
      `${operation} carries bytes and attributes`,
      async (t) => {
        const attributes = {
          contentType: 'text/x-special',
          cacheControl: 'no-cache',
          contentDisposition: 'attachment; filename="a.txt"',
          contentEncoding: 'identity',
          contentLanguage: 'de',
          metadata: { title: 'Grüße', 'order-id': '42' },
        }
        await t.put('a', 'body', attributes)
        const info = await transfer(t, operation, 'a', 'dir/b.pdf')
        assert.equal(info.key, t.key('dir/b.pdf'))
        assert.equal(info.size, 4)
        const head = await t.head('dir/b.pdf')
        assert.equal(head.etag, info.etag)
        for (const [name, value] of Object.entries(attributes)) {
          assert.deepEqual(head[name as keyof typeof attributes], value, name)
          assert.deepEqual(info[name as keyof typeof attributes], value, `${name} in the answer`)
        }
        await arrived(t, operation, 'a', 'dir/b.pdf', 'body')
      },
      needs,
    )

    rule(
      `${operation} of several parts`,
      async (t) => {
        const bytes = pattern(t.partSize * 2 + 100)
        await t.put('a', bytes)
        await transfer(t, operation, 'a', 'b')
        sameBytes(await t.bytes('b'), bytes)
      },
      needs,
    )

    rule(
      `${operation} of an empty blob`,
      async (t) => {
        await t.put('a', '')
        await transfer(t, operation, 'a', 'b')
        await arrived(t, operation, 'a', 'b', '')
      },
      needs,
    )

    rule(
      `${operation} of a missing source`,
      async (t) => {
        await t.put('b', 'kept')
        await t.rejects('NOT_FOUND', transfer(t, operation, 'missing', 'b'))
        await t.rejects('NOT_FOUND', transfer(t, operation, 'missing', 'c'))
        await t.rejects('NOT_FOUND', transfer(t, operation, 'missing', 'missing'))
        assert.equal(await t.text('b'), 'kept')
        assert.deepEqual(await t.names(), ['b'])
      },
      needs,
    )

    rule(
      `${operation} overwrites, attributes included`,
      async (t) => {
        await t.put('a', 'new', { metadata: { from: 'a' } })
        await t.put('b', 'old and longer', { metadata: { only: 'b' }, cacheControl: 'no-cache' })
        await transfer(t, operation, 'a', 'b')
        await arrived(t, operation, 'a', 'b', 'new')
        const info = await t.head('b')
        assert.deepEqual(info.metadata, { from: 'a' })
        assert.equal(info.cacheControl, undefined)
      },
      needs,
    )

    rule(
      `${operation} onto itself loses nothing`,
      async (t) => {
        const { etag } = await t.put('a', 'body', { metadata: { kept: 'yes' }, contentType: 'text/kept' })
        const info = await transfer(t, operation, 'a', 'a')
        assert.equal(info.key, t.key('a'))
        assert.equal(await t.text('a'), 'body')
        const head = await t.head('a')
        assert.equal(head.etag, etag)
        assert.deepEqual(head.metadata, { kept: 'yes' })
        assert.equal(head.contentType, 'text/kept')
      },
      needs,
    )

    rule(
      `${operation} from and to odd keys`,
      async (t) => {
        const odd = ['a+b', 'a b', 'a%20b', 'a%2Fb', 'a?b=c&d', 'ä/ö #1', '世界/🚀', 'a"b\'c', 'a%', '100% (1).pdf']
        for (const [i, name] of odd.entries()) {
          await t.put(name, name)
          await transfer(t, operation, name, `to/${name}`)
          await arrived(t, operation, name, `to/${name}`, name)
          await transfer(t, operation, `to/${name}`, `back-${i}`)
          assert.equal(await t.text(`back-${i}`), name)
        }
      },
      needs,
    )

    rule(
      `${operation} refuses keys that are none`,
      async (t) => {
        await t.put('a', 'body')
        await t.rejects('INVALID_KEY', transfer(t, operation, 'a', '../b'))
        await t.rejects('INVALID_KEY', transfer(t, operation, 'a//b', 'c'))
        await arrived(t, 'copy', 'a', 'a', 'body')
      },
      needs,
    )

    rule(
      `${operation} to a key that must not exist`,
      async (t) => {
        await t.put('a', 'body')
        await transfer(t, operation, 'a', 'b', { ifNoneMatch: '*' })
        await arrived(t, operation, 'a', 'b', 'body')
      },
      conditional,
    )

    rule(
      `${operation} that is refused keeps source and destination`,
      async (t) => {
        await t.put('a', 'source')
        await t.put('b', 'destination')
        const error = await t.rejects('ALREADY_EXISTS', transfer(t, operation, 'a', 'b', { ifNoneMatch: '*' }))
        assert.notEqual(error.outcome, 'unknown')
        assert.equal(await t.text('a'), 'source')
        assert.equal(await t.text('b'), 'destination')
      },
      conditional,
    )
  }

  rule(
    'a copy is not bound to its source',
    async (t) => {
      await t.put('a', 'first', { metadata: { version: 'first' } })
      await transfer(t, 'copy', 'a', 'b')
      await t.put('a', 'second', { metadata: { version: 'second' } })
      assert.equal(await t.text('b'), 'first')
      assert.deepEqual((await t.head('b')).metadata, { version: 'first' })
      await t.subject.delete(t.key('a'))
      assert.equal(await t.text('b'), 'first')
      await transfer(t, 'copy', 'b', 'c')
      await t.put('b', 'third')
      assert.equal(await t.text('c'), 'first')
    },
    { needs: ['copy'] },
  )

  rule(
    'a directory is no source',
    async (t) => {
      await t.put('dir/a', 'body')
      await t.rejects('NOT_FOUND', transfer(t, 'move', 'dir', 'elsewhere'))
      assert.deepEqual(await t.names(), ['dir/a'])
    },
    { needs: ['move'] },
  )
})

import assert from 'node:assert/strict'
import { nodeStream, pattern } from './bodies.js'
import { caseGroup } from './case.js'
import type { CaseContext } from './context.js'

/** A method that is not there refuses too; one that is there must say so. */
async function refuses(t: CaseContext, call: (() => unknown) | undefined): Promise<void> {
  if (call === undefined) return
  const error = await t.rejects('NOT_SUPPORTED', (async () => call())())
  assert.equal(error.status, 501)
}

export const refusals = caseGroup('what is not declared is refused', (rule) => {
  rule(
    'createOnly',
    async (t) => {
      for (const body of ['body', nodeStream(pattern(t.partSize * 2 + 100))]) {
        await refuses(t, () => t.put('new', body, { ifNoneMatch: '*' }))
      }
      await t.absent('new')
    },
    { lacks: 'createOnly' },
  )

  rule(
    'conditionalUpdate',
    async (t) => {
      const { etag } = await t.put('blob', 'old')
      await refuses(t, () => t.put('blob', 'new', { ifMatch: etag }))
      assert.equal(await t.text('blob'), 'old')
    },
    { lacks: 'conditionalUpdate' },
  )

  rule(
    'conditionalDelete',
    async (t) => {
      const { etag } = await t.put('blob', 'old')
      await refuses(t, () => t.subject.delete(t.key('blob'), { ifMatch: etag }))
      assert.equal(await t.text('blob'), 'old')
    },
    { lacks: 'conditionalDelete' },
  )

  rule(
    'conditionalCopy',
    async (t) => {
      const { subject } = t
      await t.put('a', 'body')
      await refuses(t, subject.copy && (() => subject.copy?.(t.key('a'), t.key('b'), { ifNoneMatch: '*' })))
      await refuses(t, subject.move && (() => subject.move?.(t.key('a'), t.key('b'), { ifNoneMatch: '*' })))
      assert.deepEqual(await t.names(), ['a'])
    },
    { lacks: 'conditionalCopy' },
  )

  rule(
    'visibility',
    async (t) => {
      const { subject } = t
      await refuses(t, () => t.put('new', 'body', { visibility: 'public' }))
      await t.absent('new')
      await t.put('blob', 'body', { visibility: 'private' })
      await refuses(t, subject.setVisibility && (() => subject.setVisibility?.(t.key('blob'), 'public')))
      await refuses(t, subject.getVisibility && (() => subject.getVisibility?.(t.key('blob'))))
    },
    { lacks: 'visibility' },
  )

  rule('signedUrls', (t) => refuses(t, t.subject.signUrl && (() => t.subject.signUrl?.(t.key('a')))), {
    lacks: 'signedUrls',
  })
  rule('signedUploads', (t) => refuses(t, t.subject.signUpload && (() => t.subject.signUpload?.(t.key('a')))), {
    lacks: 'signedUploads',
  })
  rule('publicUrls', (t) => refuses(t, t.subject.publicUrl && (() => t.subject.publicUrl?.(t.key('a')))), {
    lacks: 'publicUrls',
  })
})

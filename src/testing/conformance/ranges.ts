import assert from 'node:assert/strict'
import type { ByteRange } from '../../driver/index.js'
import { pattern, sameBytes } from './bodies.js'
import { caseGroup } from './case.js'

export const ranges = caseGroup('ranges', (rule) => {
  const size = 1000
  const some = pattern(size)

  const satisfied: ReadonlyArray<readonly [string, ByteRange, number, number]> = [
    ['the middle', { start: 100, end: 199 }, 100, 199],
    ['from an offset', { start: 900 }, 900, 999],
    ['from zero', { start: 0 }, 0, 999],
    ['an end beyond the blob is clamped', { start: 990, end: 5000 }, 990, 999],
    ['an end far beyond the blob is clamped', { start: 990, end: Number.MAX_SAFE_INTEGER }, 990, 999],
    ['a suffix', { suffix: 10 }, 990, 999],
    ['a suffix longer than the blob', { suffix: 5000 }, 0, 999],
    ['the first byte', { start: 0, end: 0 }, 0, 0],
    ['the last byte', { start: 999, end: 999 }, 999, 999],
  ]
  for (const [name, range, start, end] of satisfied) {
    rule(name, async (t) => {
      await t.put('blob', some)
      const reader = await t.subject.get(t.key('blob'), { range })
      assert.deepEqual(reader.range, { start, end, size })
      assert.equal(reader.info.size, size, 'info.size is the size of the whole blob')
      sameBytes(await reader.bytes(), some.subarray(start, end + 1))
    })
  }

  const unsatisfiable: ReadonlyArray<readonly [string, ByteRange, number]> = [
    ['a start at the end', { start: size }, size],
    ['a start past the end', { start: 5000, end: 6000 }, size],
    ['a suffix of zero bytes', { suffix: 0 }, size],
    ['any start in an empty blob', { start: 0 }, 0],
    ['a suffix of an empty blob', { suffix: 5 }, 0],
  ]
  for (const [name, range, length] of unsatisfiable) {
    rule(`${name} is INVALID_RANGE`, async (t) => {
      await t.put('blob', some.subarray(0, length))
      const error = await t.rejects('INVALID_RANGE', t.subject.get(t.key('blob'), { range }))
      assert.equal(error.status, 416)
    })
  }

  rule('a range that no blob could satisfy is refused', async (t) => {
    await t.put('blob', some)
    const bad: readonly ByteRange[] = [
      { start: -1 },
      { start: 5, end: 4 },
      { start: 0.5 },
      { start: Number.NaN },
      { suffix: -1 },
      { suffix: 1.5 },
    ]
    for (const range of bad) await t.rejects('INVALID_ARGUMENT', t.subject.get(t.key('blob'), { range }))
  })

  rule('across the boundary of parts', async (t) => {
    const bytes = pattern(t.partSize * 2 + 1000)
    await t.put('blob', bytes)
    const edge = t.partSize
    sameBytes(await t.bytes('blob', { range: { start: edge - 5, end: edge + 4 } }), bytes.subarray(edge - 5, edge + 5))
    sameBytes(await t.bytes('blob', { range: { suffix: 1001 } }), bytes.subarray(-1001))
    sameBytes(await t.bytes('blob', { range: { start: 1, end: bytes.byteLength - 2 } }), bytes.subarray(1, -1))
  })

  rule('a range of a missing key is NOT_FOUND', async (t) => {
    await t.rejects('NOT_FOUND', t.subject.get(t.key('missing'), { range: { start: 5000 } }))
  })

  rule('conditions come before the range', async (t) => {
    const range = { start: 5000 }
    const { etag } = await t.put('blob', some)
    await t.rejects('PRECONDITION_FAILED', t.subject.get(t.key('blob'), { range, ifMatch: 'another' }))
    await t.rejects('PRECONDITION_FAILED', t.subject.get(t.key('blob'), { range, ifMatch: ['another', 'a third'] }))
    await t.rejects(
      'NOT_MODIFIED',
      t.subject.get(t.key('blob'), { range, ifMatch: etag, ifNoneMatch: [etag, 'another'] }),
    )
  })
})

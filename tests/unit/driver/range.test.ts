import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type ByteRange, checkRange, resolveRange } from '../../../src/driver/index.js'
import { isStorageError } from '../../../src/errors/index.js'

function outcome(range: ByteRange, size: number): unknown {
  try {
    const { start, end } = resolveRange(range, size, 'k')
    return [start, end]
  } catch (error) {
    if (isStorageError(error)) return error.code
    throw error
  }
}

describe('resolveRange', () => {
  it.each<[ByteRange, number, unknown]>([
    [{ start: 0, end: 0 }, 10, [0, 0]],
    [{ start: 2, end: 5 }, 10, [2, 5]],
    [{ start: 2 }, 10, [2, 9]],
    [{ start: 9 }, 10, [9, 9]],
    [{ start: 2, end: 1000 }, 10, [2, 9]],
    [{ suffix: 3 }, 10, [7, 9]],
    [{ suffix: 1000 }, 10, [0, 9]],
    [{ suffix: 0 }, 10, 'INVALID_RANGE'],
    [{ start: 10 }, 10, 'INVALID_RANGE'],
    [{ start: 11, end: 20 }, 10, 'INVALID_RANGE'],
    [{ start: 0 }, 0, 'INVALID_RANGE'],
    [{ suffix: 1 }, 0, 'INVALID_RANGE'],
  ])('%j of %d bytes is %j', (range, size, expected) => {
    expect(outcome(range, size)).toEqual(expected)
  })

  it('covers what slice does', () => {
    const bytes = Array.from({ length: 20 }, (_, index) => index)
    const range = fc.oneof(
      fc.record({ start: fc.nat(25), end: fc.option(fc.nat(30), { nil: undefined }) }),
      fc.record({ suffix: fc.nat(25) }),
    )
    fc.assert(
      fc.property(range, fc.nat(20), (asked, size) => {
        fc.pre('suffix' in asked || asked.end === undefined || asked.end >= asked.start)
        const all = bytes.slice(0, size)
        const expected =
          'suffix' in asked
            ? all.slice(Math.max(0, size - asked.suffix))
            : all.slice(asked.start, (asked.end ?? size) + 1)
        const got = outcome(asked, size)
        if (expected.length === 0) expect(got).toBe('INVALID_RANGE')
        else expect(got).toEqual([expected[0], expected.at(-1)])
      }),
    )
  })
})

describe('checkRange', () => {
  it.each([
    { start: -1 },
    { start: 1.5 },
    { start: Number.NaN },
    { start: 2 ** 53 },
    { start: '0' },
    { start: 5, end: 4 },
    { start: 0, end: -1 },
    { start: 0, end: Number.POSITIVE_INFINITY },
    { end: 5 },
    {},
    { suffix: -1 },
    { suffix: undefined },
    null,
    'bytes=0-1',
    [0, 1],
  ])('refuses %j as INVALID_ARGUMENT', (range) => {
    let caught: unknown
    try {
      checkRange(range as ByteRange)
    } catch (error) {
      caught = error
    }
    expect(isStorageError(caught, 'INVALID_ARGUMENT')).toBe(true)
  })
})

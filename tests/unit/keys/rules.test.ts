import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { isStorageError } from '../../../src/errors/index.js'
import { assertKey, compareKeys, keyProblem, MAX_KEY_BYTES, quoteKey } from '../../../src/keys/index.js'

describe('keyProblem', () => {
  it.each([
    'a',
    'a/b/c.txt',
    'résumé (1).pdf',
    'a@2x.png',
    'a?x',
    'a+b%20c',
    '...',
    '..a/b..',
    '.hidden',
    'CON',
    'a:b',
    ' ',
    '😀'.repeat(256),
    'x'.repeat(1024),
    'e\u0301',
  ])('takes %j', (key) => {
    expect(keyProblem(key)).toBeUndefined()
  })

  it.each([
    ['', /empty/],
    ['/a', /starts with a slash/],
    ['a/', /empty segment/],
    ['a//b', /empty segment/],
    ['.', /"\."/],
    ['..', /"\.\."/],
    ['a/../b', /"\.\."/],
    ['a/.', /"\."/],
    ['..\\..\\etc', /backslash/],
    ['a\0b', /control/],
    ['a\nb', /control/],
    ['a\u007f', /control/],
    ['a\u0085', /control/],
    ['a\ud800', /surrogate/],
    ['\udc00a', /surrogate/],
    ['x'.repeat(MAX_KEY_BYTES + 1), /1025 bytes/],
    ['é'.repeat(513), /1026 bytes/],
    [undefined, /undefined/],
    [null, /null/],
    [7, /number/],
    [['a'], /object/],
  ])('refuses %j', (key, problem) => {
    expect(keyProblem(key)).toMatch(problem)
    expect(() => assertKey(key, 'put')).toThrow(problem)
  })

  it('throws INVALID_KEY that names the operation and says that nothing changed', () => {
    let caught: unknown
    try {
      assertKey('../x', 'put')
    } catch (error) {
      caught = error
    }
    expect(isStorageError(caught, 'INVALID_KEY')).toBe(true)
    expect(caught).toMatchObject({ operation: 'put', outcome: 'unchanged', status: 400 })
  })
})

describe('quoteKey', () => {
  it('shows no raw control, bidi or zero-width character, and not more than 100 characters', () => {
    const shown = quoteKey(`a\n\u0000\u007f\u0085\u061c\u200b\u200f\u2028\u202e\u2066\ufeff\ud800${'x'.repeat(5000)}`)
    expect(shown).toMatch(/^"a\\n\\u0000\\u007f\\u0085\\u061c\\u200b\\u200f\\u2028\\u202e\\u2066\\ufeff\\ud800x+…"$/)
    expect(shown.length).toBeLessThan(200)
  })

  it('never holds one, whatever the key', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 150 }), (key) => {
        expect(quoteKey(key)).not.toMatch(/[\p{Cc}\u202a-\u202e\u2066-\u2069\u200b]/u)
        expect(quoteKey(key).isWellFormed()).toBe(true)
      }),
    )
  })
})

describe('compareKeys', () => {
  const text = fc.oneof(
    fc.string({ unit: 'binary', maxLength: 12 }),
    fc
      .array(fc.constantFrom('a', '/', '-', 'é', '\uffee', '\ud7ff', '\ue000', '😀', '\u{10ffff}'), { maxLength: 6 })
      .map((s) => s.join('')),
  )

  it('orders as the bytes of UTF-8 do', () => {
    fc.assert(
      fc.property(text, text, (a, b) => {
        expect(Math.sign(compareKeys(a, b))).toBe(Buffer.compare(Buffer.from(a), Buffer.from(b)))
      }),
      { numRuns: 2000 },
    )
  })

  it('is not the order of UTF-16 units', () => {
    expect(['\u{1f600}', '\uffee'].sort(compareKeys)).toEqual(['\uffee', '\u{1f600}'])
    expect(['\u{1f600}', '\uffee'].sort()).toEqual(['\u{1f600}', '\uffee'])
  })
})

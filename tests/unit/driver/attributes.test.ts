import { describe, expect, it } from 'vitest'
import { type BlobAttributes, checkAttributes, contentTypeOf, MAX_METADATA_BYTES } from '../../../src/driver/index.js'
import { isStorageError } from '../../../src/errors/index.js'

function refusal(attributes: unknown): string {
  try {
    checkAttributes('a.pdf', attributes as BlobAttributes)
  } catch (error) {
    expect(isStorageError(error, 'INVALID_ARGUMENT')).toBe(true)
    expect(error).toMatchObject({ outcome: 'unchanged' })
    return (error as Error).message
  }
  throw new Error('It was not refused.')
}

describe('contentTypeOf', () => {
  it.each([
    ['a/b.pdf', 'application/pdf'],
    ['b.PDF', 'application/pdf'],
    ['x.tar.gz', 'application/gzip'],
    ['a.html/b', 'application/octet-stream'],
    ['a/html', 'application/octet-stream'],
    ['pdf', 'application/octet-stream'],
    ['.html', 'application/octet-stream'],
    ['a.', 'application/octet-stream'],
    ['a.nonsense', 'application/octet-stream'],
    ['a.__proto__', 'application/octet-stream'],
    ['a.constructor', 'application/octet-stream'],
  ])('%s is %s', (key, type) => {
    expect(contentTypeOf(key)).toBe(type)
  })
})

describe('checkAttributes', () => {
  it('settles the content type and leaves out what is not said', () => {
    expect(checkAttributes('a.pdf', {})).toEqual({ contentType: 'application/pdf', metadata: {} })
    expect(checkAttributes('a.pdf', { contentType: '', cacheControl: '' })).toEqual({
      contentType: 'application/pdf',
      metadata: {},
    })
  })

  it('keeps what is said, metadata names in lower case', () => {
    const attributes = {
      contentType: 'text/plain; charset=utf-8',
      cacheControl: 'no-store',
      contentDisposition: 'attachment; filename="résumé.pdf"',
      contentEncoding: 'gzip',
      contentLanguage: 'de',
      visibility: 'public',
      metadata: { Owner: 'Zoë – 日本 😀', 'x-y_z': ' spaced ', empty: '' },
    } as const
    expect(checkAttributes('a', attributes)).toEqual({
      ...attributes,
      metadata: { owner: 'Zoë – 日本 😀', 'x-y_z': ' spaced ', empty: '' },
    })
  })

  it.each(['contentType', 'cacheControl', 'contentDisposition', 'contentEncoding', 'contentLanguage'])(
    'lets no header in through %s',
    (name) => {
      for (const value of ['a\r\nSet-Cookie: x=1', 'a\nb', 'a\0', '\u007f', '\ud800', 7, {}, ['a']]) {
        expect(refusal({ [name]: value })).toContain(name)
      }
    },
  )

  it.each([
    [{ '': 'x' }, /""/],
    [{ 'a b': 'x' }, /"a b"/],
    [{ 'a:b': 'x' }, /token/],
    [{ 'a\r\nb': 'x' }, /token/],
    [{ é: 'x' }, /token/],
    [{ '\u212aey': 'x' }, /token/],
    [{ A: '1', a: '2' }, /twice/],
    [JSON.parse('{"__Proto__":"x"}'), /__proto__/],
    [{ a: 7 }, /number/],
    [{ a: null }, /object/],
    [{ a: undefined }, /undefined/],
    [{ a: 'x\ny' }, /control/],
    [{ a: 'x'.repeat(MAX_METADATA_BYTES) }, /2049 bytes/],
    [{ aa: 'é'.repeat(1024) }, /2050 bytes/],
  ])('refuses the metadata %j', (metadata, problem) => {
    expect(refusal({ metadata })).toMatch(problem)
  })

  it('takes metadata up to the limit, names and values together', () => {
    const { metadata } = checkAttributes('a', { metadata: { a: 'x'.repeat(MAX_METADATA_BYTES - 1) } })
    expect(metadata.a).toHaveLength(2047)
  })

  it('takes the name constructor as any other', () => {
    expect(Object.entries(checkAttributes('a', { metadata: { constructor: 'y' } }).metadata)).toEqual([
      ['constructor', 'y'],
    ])
  })

  it.each(['Public', '', true, null])('refuses the visibility %j', (visibility) => {
    expect(refusal({ visibility })).toContain('visibility')
  })
})

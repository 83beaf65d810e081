import { describe, expect, it } from 'vitest'
import { checkSignedUrls, type SigningKey, type SignPathOptions, signPath } from '../../../src/signing/index.js'
import { baseUrl, failure, inAnHour, key, keys, now, sign } from './support.js'

describe('a signed link', () => {
  it('is the base URL, the encoded path and five parameters at most', () => {
    const url = new URL(
      sign({ path: 'a b/ü+%2F?#&.pdf', contentDisposition: 'inline; filename="a&b.pdf"', contentType: 'text/plain' }),
    )
    expect(url.href).toMatch(/^https:\/\/app\.example\.com\/files\/a%20b\/%C3%BC%2B%252F%3F%23%26\.pdf\?hs-exp=/)
    expect([...url.searchParams.keys()]).toEqual(['hs-exp', 'hs-kid', 'hs-cd', 'hs-ct', 'hs-sig'])
    expect(url.searchParams.get('hs-cd')).toBe('inline; filename="a&b.pdf"')
    expect([...new URL(sign()).searchParams.keys()]).toEqual(['hs-exp', 'hs-kid', 'hs-sig'])
  })

  it('never changes its form: what was signed yesterday verifies tomorrow', () => {
    const url = sign({ path: 'ü.pdf', audience: 'shop', contentDisposition: 'inline', contentType: 'text/plain' })
    expect(url).toBe(
      `${baseUrl}/%C3%BC.pdf?hs-exp=1700003601&hs-kid=k1&hs-cd=inline&hs-ct=text%2Fplain&hs-sig=s-2_CFr7xgt1Ty7-L-izYwP54yMahtuUB5Mkd7o503w`,
    )
  })

  it('is signed by the first key', () => {
    expect(new URL(sign({ keys: [key('new'), key('old')] })).searchParams.get('hs-kid')).toBe('new')
  })

  it.each(['https://x.test', 'https://x.test/', 'https://x.test//'])('below the host itself: %s', (base) => {
    expect(sign({ baseUrl: base })).toMatch(/^https:\/\/x\.test\/project_7\/a\.pdf\?/)
  })

  it('takes empty headers for none', () => {
    expect(sign({ contentDisposition: '', contentType: '' })).toBe(sign())
  })

  it('works for so many seconds at least, and for seven days at most', () => {
    const until = (ms: number) => new URL(sign({ expiresAt: new Date(now + ms) })).searchParams.get('hs-exp')
    expect(until(1)).toBe('1700000001')
    expect(until(604_800_000)).toBe('1700604801')
    for (const ms of [0, -1, 604_800_001, Number.NaN]) expect(failure(() => until(ms))).toMatch(/^INVALID_ARGUMENT 400/)
  })

  it('holds no secret', () => {
    const secret = 'a-secret-that-nobody-must-ever-see'
    const made = [sign({ keys: [{ id: 'k', secret }] })]
    for (const options of [{ path: '' }, { keys: [{ id: ':', secret }] }, { keys: [{ id: 'k', secret: 'short' }] }]) {
      made.push(failure(() => sign({ keys: [{ id: 'k', secret }], ...options })))
    }
    expect(made.join(' ')).not.toMatch(/a-secret|short/)
  })

  it.each<[string, Partial<SignPathOptions>]>([
    ['an empty path', { path: '' }],
    ['a path that is none', { path: 7 as never }],
    ['a slash in front', { path: '/a' }],
    ['a slash at the end', { path: 'a/' }],
    ['an empty segment', { path: 'a//b' }],
    ['a dot segment', { path: './a' }],
    ['a segment that goes up', { path: 'a/../b' }],
    ['a backslash', { path: 'a\\b' }],
    ['a control character', { path: 'a\nb' }],
    ['a lone surrogate', { path: 'a\ud800' }],
    ['a path that is too long', { path: 'ü'.repeat(2049) }],
    ['a line break in a header', { contentDisposition: 'inline\r\nset-cookie: a=b' }],
    ['a header that is not ASCII', { contentDisposition: 'attachment; filename="ü"' }],
    ['a header that is too long', { contentDisposition: 'x'.repeat(2049) }],
    ['a type that is no string', { contentType: 1 as never }],
    ['a type that is too long', { contentType: 'x'.repeat(257) }],
    ['another method', { method: 'PUT' as never }],
  ])('is not made of %s', (_, options) => {
    expect(failure(() => sign(options))).toMatch(/^INVALID_ARGUMENT 400/)
  })
})

describe('settings', () => {
  const bytes = (length: number) => new Uint8Array(length).fill(7)

  it.each<[string, object]>([
    ['no keys', { keys: [] }],
    ['keys that are no list', { keys: 'k1' }],
    ['a key that is none', { keys: [null] }],
    ['the same id twice', { keys: [key('k1'), key('k1', 'other')] }],
    ['a short secret', { keys: [{ id: 'k', secret: 'x'.repeat(31) }] }],
    ['few bytes', { keys: [{ id: 'k', secret: bytes(31) }] }],
    ['a short secret behind a good one', { keys: [key('k1'), { id: 'k2', secret: '' }] }],
    ['no secret', { keys: [{ id: 'k' }] }],
    ['a secret that is neither', { keys: [{ id: 'k', secret: 10 ** 40 }] }],
    ['an id with a colon', { keys: [key('a:b')] }],
    ['an empty id', { keys: [key('')] }],
    ['a long id', { keys: [key('k'.repeat(33))] }],
    ['a relative base', { baseUrl: '/files' }],
    ['a base that is none', { baseUrl: undefined }],
    ['another scheme', { baseUrl: 'ftp://x.test/files' }],
    ['a base with a query', { baseUrl: 'https://x.test/files?a=b' }],
    ['a base with an empty query', { baseUrl: 'https://x.test/files?' }],
    ['a base with a fragment', { baseUrl: 'https://x.test/files#a' }],
    ['a base with a user', { baseUrl: 'https://me:secret@x.test/files' }],
    ['a base that is not UTF-8', { baseUrl: 'https://x.test/%ff' }],
    ['an audience that is none', { audience: 7 }],
    ['a long audience', { audience: 'x'.repeat(129) }],
  ])('refuse %s, and so does signing', (_, wrong) => {
    const settings = { baseUrl, keys, ...wrong }
    const expected = /^CONFIGURATION 500 Links cannot be signed: /
    expect(failure(() => checkSignedUrls(settings as never))).toMatch(expected)
    const options = { path: 'a', method: 'GET', expiresAt: inAnHour, now, ...settings }
    expect(failure(() => signPath(options as never))).toMatch(expected)
  })

  it('take 32 bytes, as text and as bytes, which are the same', () => {
    const text: SigningKey = { id: 'k', secret: 'ü'.repeat(16) }
    expect(sign({ keys: [text] })).toBe(sign({ keys: [{ id: 'k', secret: new TextEncoder().encode('ü'.repeat(16)) }] }))
  })

  it('are copied', () => {
    const mine = [key('k1')]
    const { keys: checked } = checkSignedUrls({ baseUrl, keys: mine })
    mine.push(key('k1'))
    expect(checked).toHaveLength(1)
  })
})

import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { keyProblem } from '../../../src/keys/index.js'
import { signPath, type VerifyUrlOptions, verifyUrl } from '../../../src/signing/index.js'
import { maybeKey } from '../keys/arbitrary.js'
import { bitFlips, otherQueries } from './mutations.js'
import { baseUrl, expired, failure, inAnHour, invalid, key, keys, now, sign } from './support.js'

const options = { baseUrl, keys, method: 'GET', now } satisfies VerifyUrlOptions
const verify = (link: Parameters<typeof verifyUrl>[0], more: Partial<VerifyUrlOptions> = {}) =>
  verifyUrl(link, { ...options, ...more })
const refusal = (...args: Parameters<typeof verify>) => failure(() => verify(...args))

const full = { contentDisposition: 'attachment; filename="a.pdf"', contentType: 'application/pdf' }
const grant = { path: 'project_7/a.pdf', expiresAt: new Date(1_700_003_601_000) }

describe('a link that was signed', () => {
  it('says what it allows', () => {
    expect(verify(sign())).toEqual(grant)
    expect(verify(sign(full))).toEqual({ ...grant, ...full })
  })

  it('is read as a URL, as the target of a request, and as what is left of it behind a mount', () => {
    const url = new URL(sign({ path: 'ü/100%25.txt', ...full }))
    const expected = { ...grant, ...full, path: 'ü/100%25.txt' }
    for (const link of [
      url,
      url.href,
      url.pathname + url.search,
      `http://10.0.0.7:8080${url.pathname}${url.search}`,
      { path: 'ü/100%25.txt', query: url.search },
      { path: 'ü/100%25.txt', query: url.search.slice(1) },
      { path: 'ü/100%25.txt', query: url.searchParams },
    ]) {
      expect(verify(link)).toEqual(expected)
    }
    const [, target = ''] = url.href.split('/files')
    expect(verify(target, { baseUrl: undefined })).toEqual(expected)
    expect(verify(target, { baseUrl: 'https://other.test' })).toEqual(expected)
    expect(refusal(target)).toBe(invalid)
    for (const prefix of ['file', 'fileX', 'files/project_7', 'other']) {
      expect(refusal(url, { baseUrl: `https://app.example.com/${prefix}` })).toBe(invalid)
    }
    expect(refusal(url, { baseUrl: undefined })).toBe(invalid)
  })

  it('is one for GET and HEAD, and for nothing else', () => {
    expect(verify(sign(), { method: 'HEAD' })).toEqual(grant)
    for (const method of ['PUT', 'POST', 'DELETE', 'PATCH', 'OPTIONS', 'get', '', 'GET ']) {
      expect(refusal(sign(), { method })).toBe(invalid)
    }
  })

  it('works until the second in which it expires', () => {
    expect(verify(sign(), { now: 1_700_003_600_999 })).toEqual(grant)
    expect(refusal(sign(), { now: 1_700_003_601_000 })).toBe(expired)
    expect(refusal(sign(), { now: Number.MAX_SAFE_INTEGER })).toBe(expired)
    const past = sign({ now: 1, expiresAt: new Date(5000) })
    expect(refusal(past, { now: undefined })).toBe(expired)
    expect(() => verify(past, { now: undefined })).toThrow(
      expect.objectContaining({ retryable: false, hint: 'Ask for a new link.' }),
    )
  })

  it('that was changed does not tell whether it has expired', () => {
    expect(refusal(sign({ path: 'b' }).replace('/b?', '/c?'), { now: Number.MAX_SAFE_INTEGER })).toBe(invalid)
  })

  it('has the audience that it was signed for', () => {
    const url = sign({ audience: 'shop' })
    expect(verify(url, { audience: 'shop' })).toEqual(grant)
    for (const audience of ['', 'Shop', 'shop2', undefined]) expect(refusal(url, { audience })).toBe(invalid)
    expect(refusal(sign(), { audience: 'shop' })).toBe(invalid)
  })

  it('outlives its key for as long as that one is listed', () => {
    const [old, fresh] = [key('old'), key('new')]
    const url = sign({ keys: [old] })
    expect(verify(url, { keys: [fresh, old] })).toEqual(grant)
    expect(refusal(url, { keys: [fresh] })).toBe(invalid)
    expect(refusal(url, { keys: [{ ...fresh, id: 'old' }] })).toBe(invalid)
    expect(refusal(url, { keys: [{ ...old, id: 'new' }] })).toBe(invalid)
    expect(refusal(url.replace('hs-kid=old', 'hs-kid=new'), { keys: [{ ...old, id: 'new' }] })).toBe(invalid)
  })

  it('CONFIGURATION where the keys will not do', () => {
    expect(refusal(sign(), { keys: [] })).toMatch(/^CONFIGURATION/)
    expect(refusal(sign(), { keys: [key('k1'), { id: 'k2', secret: 'short' }] })).toMatch(/^CONFIGURATION/)
  })
})

describe('a link in which', () => {
  const url = new URL(sign(full))
  const names = [...url.searchParams.keys()]
  const target = () => ({ path: 'project_7/a.pdf', query: new URLSearchParams(url.search) })

  it.each([...names, 'path'])('any bit of %s is flipped is refused', (name) => {
    const value = url.searchParams.get(name) ?? 'project_7/a.pdf'
    for (const changed of bitFlips(value)) {
      const link = target()
      if (name === 'path') link.path = changed
      else link.query.set(name, changed)
      expect(refusal(link), changed).toBe(invalid)
    }
  })

  it.each(names)('%s is missing, empty, cut off or there twice is refused', (name) => {
    for (const query of otherQueries(url.search, name)) {
      expect(refusal({ ...target(), query }), String(query)).toBe(invalid)
      expect(refusal({ ...target(), query: String(query) }), String(query)).toBe(invalid)
    }
  })

  it('a header was added, or taken for the other one, is refused', () => {
    const plain = sign({ contentType: 'text/plain' })
    expect(refusal(`${plain}&hs-cd=inline`)).toBe(invalid)
    expect(refusal(plain.replace('hs-ct', 'hs-cd'))).toBe(invalid)
    expect(refusal(`${plain}&hs-cd=`)).toBe(invalid)
    expect(refusal(`${plain}&hs-cd=null`)).toBe(invalid)
  })

  it.each([
    'download=1',
    'versionId=2',
    'hs-size=1',
    'HS-EXP=9999999999',
    'response-content-type=text%2Fhtml',
    'constructor=1',
    '__proto__=1',
    'a',
    '=',
  ])('there is %s as well is refused', (more) => {
    expect(refusal(`${url}&${more}`)).toBe(invalid)
    expect(refusal(url.href.replace('?', `?${more}&`))).toBe(invalid)
  })

  it.each([
    'NaN',
    'Infinity',
    '1e9',
    '-1700003601',
    '+1700003601',
    '01700003601',
    '1700003601.0',
    '0x6553f1',
    '9999999999999',
  ])('the expiry is %s is refused', (expiry) => {
    const link = target()
    link.query.set('hs-exp', expiry)
    expect(refusal(link)).toBe(invalid)
  })

  it('the signature is written in another way is refused', () => {
    const signature = url.searchParams.get('hs-sig') ?? ''
    const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'
    const index = alphabet.indexOf(signature.at(-1) ?? '')
    // Decodes to the same bytes: the last character holds two bits that belong to none.
    const twin = signature.slice(0, -1) + alphabet[index ^ 1]
    expect(Buffer.from(twin, 'base64url').equals(Buffer.from(signature, 'base64url'))).toBe(true)
    const hex = Buffer.from(signature, 'base64url').toString('hex')
    for (const other of [twin, `${signature}=`, hex, `${signature}${signature}`, 'ü'.repeat(43), 'A'.repeat(43), '']) {
      const link = target()
      link.query.set('hs-sig', other)
      expect(refusal(link), other).toBe(invalid)
    }
  })

  it('the query is endless is refused', () => {
    expect(refusal(`${url}&${'a=b&'.repeat(100_000)}`)).toBe(invalid)
    expect(refusal(`${url}${'&'.repeat(8192)}`)).toBe(invalid)
  })

  it.each([
    ['', {}],
    ['/files/project_7/a.pdf', {}],
    ['/files/project_7/%ff', {}],
    ['/files/', {}],
    ['http://', {}],
    ['https://app.example.com:99999/files/a', {}],
  ])('there is nothing to verify is refused: %j', (link, more) => {
    expect(refusal(link + (link.includes('files') ? url.search : ''), more)).toBe(
      link.endsWith('a.pdf') ? 'nothing thrown' : invalid,
    )
    expect(refusal(link, more)).toBe(invalid)
  })

  it('the server made something else of the path is refused', () => {
    for (const path of [
      '',
      '/project_7/a.pdf',
      'project_7/a.pdf/',
      'project_7//a.pdf',
      'project_7%2Fa.pdf',
      undefined,
      null,
    ]) {
      expect(refusal({ path: path as string, query: url.search })).toBe(invalid)
    }
    expect(refusal({ path: 'project_7/a.pdf', query: undefined as never })).toBe(invalid)
  })
})

describe('whatever the path and the headers are', () => {
  const header = fc.option(
    fc.oneof(
      fc.constantFrom(
        'attachment; filename="a&b=c+d.pdf"',
        "inline; filename*=UTF-8''%C3%BC.pdf",
        '%',
        '+',
        ' ',
        '=&?#',
        'null',
      ),
      fc.string({ unit: 'grapheme-ascii', minLength: 1, maxLength: 40 }),
    ),
    { nil: undefined },
  )
  const links = fc.record({
    path: maybeKey.filter((path) => keyProblem(path) === undefined),
    contentDisposition: header,
    contentType: header,
  })

  it('they come back from every form of the link', () => {
    fc.assert(
      fc.property(links, (link) => {
        const url = signPath({ baseUrl, keys, method: 'GET', expiresAt: inAnHour, now, ...link })
        const { pathname, search } = new URL(url)
        const expected = { ...link, expiresAt: grant.expiresAt }
        expect({ contentDisposition: undefined, contentType: undefined, ...verify(url) }).toEqual(expected)
        // As fetch and a browser send it, and as a server mounted at /files sees it.
        const rest = { path: decodeURIComponent(pathname.slice('/files/'.length)), query: search }
        expect(verify(pathname + search)).toEqual(verify(url))
        expect(verify(rest)).toEqual(verify(url))
      }),
      { numRuns: 1000 },
    )
  })

  it('the signature of one is of no use for another', () => {
    fc.assert(
      fc.property(links, links, (one, other) => {
        const made = (link: typeof one) =>
          new URL(signPath({ baseUrl, keys, method: 'GET', expiresAt: inAnHour, now, ...link }))
        const [a, b] = [made(one), made(other)]
        fc.pre(a.href !== b.href)
        b.searchParams.set('hs-sig', a.searchParams.get('hs-sig') ?? '')
        expect(refusal(b)).toBe(invalid)
      }),
      { numRuns: 1000 },
    )
  })
})

import { describe, expect, it } from 'vitest'
import {
  type SignUploadPathOptions,
  signUploadPath,
  type VerifyUrlOptions,
  verifyUploadUrl,
  verifyUrl,
} from '../../../src/signing/index.js'
import { bitFlips, otherQueries } from './mutations.js'
import { baseUrl, expired, failure, inAnHour, invalid, key, keys, now, sign } from './support.js'

const bounds = { contentType: 'application/pdf', size: 10, maxSize: 20, ifNoneMatch: '*' } as const

function signUpload(options: Partial<SignUploadPathOptions> = {}): string {
  const path = 'project_7/a.pdf'
  return signUploadPath({
    baseUrl,
    keys,
    path,
    method: 'PUT',
    expiresAt: inAnHour,
    now,
    contentType: 'text/plain',
    ...options,
  })
}

const options = { baseUrl, keys, method: 'PUT', now } satisfies VerifyUrlOptions
const verify = (link: Parameters<typeof verifyUploadUrl>[0], more: Partial<VerifyUrlOptions> = {}) =>
  verifyUploadUrl(link, { ...options, ...more })
const refusal = (...args: Parameters<typeof verify>) => failure(() => verify(...args))
const grant = { path: 'project_7/a.pdf', expiresAt: new Date(1_700_003_601_000) }

describe('a link that writes', () => {
  it('says what it allows, and what the upload must be like', () => {
    expect(verify(signUpload())).toEqual({ ...grant, contentType: 'text/plain' })
    expect(verify(signUpload(bounds))).toEqual({ ...grant, ...bounds })
    expect(verify(signUpload({ size: 0, maxSize: Number.MAX_SAFE_INTEGER }))).toMatchObject({
      size: 0,
      maxSize: Number.MAX_SAFE_INTEGER,
    })
    const { searchParams } = new URL(signUpload(bounds))
    expect([...searchParams.keys()]).toEqual(['hs-exp', 'hs-kid', 'hs-ct', 'hs-size', 'hs-max', 'hs-new', 'hs-sig'])
  })

  it('never changes its form: what was signed yesterday verifies tomorrow', () => {
    expect(new URL(signUpload({ path: 'ü.pdf', audience: 'shop', ...bounds })).search).toBe(
      '?hs-exp=1700003601&hs-kid=k1&hs-ct=application%2Fpdf&hs-size=10&hs-max=20&hs-new=1&hs-sig=kTbLHRy-E-9oOpRj3MPAmm48Nx8xRXy_TJwguZA9mls',
    )
  })

  it('is for its own method and for no other', () => {
    const put = signUpload()
    const post = signUpload({ method: 'POST' })
    expect(verify(post, { method: 'POST' })).toEqual({ ...grant, contentType: 'text/plain' })
    for (const method of ['GET', 'HEAD', 'POST', 'DELETE', 'PATCH', 'put', '']) {
      expect(refusal(put, { method })).toBe(invalid)
    }
    expect(refusal(post)).toBe(invalid)
  })

  it('does not read, and one that reads does not write', () => {
    const [read, write] = [sign({ contentType: 'text/plain' }), signUpload()]
    // They look the same but for what is signed.
    expect(read.replace(/hs-sig=.*/, '')).toBe(write.replace(/hs-sig=.*/, ''))
    for (const method of ['PUT', 'POST']) expect(refusal(read, { method })).toBe(invalid)
    for (const method of ['GET', 'HEAD', 'PUT', 'POST']) {
      expect(failure(() => verifyUrl(write, { ...options, method }))).toBe(invalid)
    }
  })

  it('works until the second in which it expires', () => {
    expect(verify(signUpload(), { now: 1_700_003_600_999 })).toMatchObject(grant)
    expect(refusal(signUpload(), { now: 1_700_003_601_000 })).toBe(expired)
    expect(refusal(signUpload({ now: 1, expiresAt: new Date(5000) }), { now: undefined })).toBe(expired)
  })

  it('has its audience, and outlives its key for as long as that one is listed', () => {
    const [old, fresh] = [key('old'), key('new')]
    const url = signUpload({ keys: [old], audience: 'shop' })
    expect(verify(url, { keys: [fresh, old], audience: 'shop' })).toMatchObject(grant)
    expect(refusal(url, { keys: [fresh], audience: 'shop' })).toBe(invalid)
    expect(refusal(url, { keys: [{ ...fresh, id: 'old' }], audience: 'shop' })).toBe(invalid)
    for (const audience of ['', 'Shop', undefined]) expect(refusal(url, { keys: [old], audience })).toBe(invalid)
  })

  const url = new URL(signUpload(bounds))
  const names = [...url.searchParams.keys()]
  const target = () => ({ path: 'project_7/a.pdf', query: new URLSearchParams(url.search) })

  it.each([...names, 'path'])('is refused with any bit of %s flipped', (name) => {
    const value = url.searchParams.get(name) ?? 'project_7/a.pdf'
    for (const changed of bitFlips(value)) {
      const link = target()
      if (name === 'path') link.path = changed
      else link.query.set(name, changed)
      expect(refusal(link), changed).toBe(invalid)
    }
  })

  it.each(names)('is refused with %s missing, empty, cut off, longer or there twice', (name) => {
    for (const query of otherQueries(url.search, name)) {
      expect(refusal({ ...target(), query }), String(query)).toBe(invalid)
    }
  })

  it.each(['hs-cd=inline', 'hs-new=0', 'hs-size=1', 'hs-max=99', 'x=1', 'versionId=2'])(
    'is refused with %s added',
    (more) => {
      expect(refusal(`${signUpload()}&${more}`)).toBe(invalid)
    },
  )

  it('takes no bound of one sort for one of the other', () => {
    expect(refusal(signUpload({ maxSize: 10 }).replace('hs-max', 'hs-size'))).toBe(invalid)
    expect(refusal(signUpload({ size: 1 }).replace('hs-size', 'hs-new'))).toBe(invalid)
  })

  it.each<[string, Partial<SignUploadPathOptions>]>([
    ['a method that reads', { method: 'GET' as never }],
    ['no content type', { contentType: '' }],
    ['a content type that is none', { contentType: 7 as never }],
    ['a line break in the type', { contentType: 'a\r\nb' }],
    ['a type that is not ASCII', { contentType: 'ü/ü' }],
    ['a size below nothing', { size: -1 }],
    ['half a byte', { size: 1.5 }],
    ['a size that is text', { maxSize: '5' as never }],
    ['a size without end', { maxSize: Number.POSITIVE_INFINITY }],
    ['another condition', { ifNoneMatch: '"etag"' as never }],
    ['a path that goes up', { path: '../a' }],
    ['no time', { expiresAt: new Date(now) }],
    ['more than seven days', { expiresAt: new Date(now + 604_801_000) }],
  ])('is not made of %s', (_, wrong) => {
    expect(failure(() => signUpload(wrong))).toMatch(/^INVALID_ARGUMENT 400 signUpload: /)
  })

  it('is not made with keys or a base that will not do', () => {
    for (const wrong of [{ keys: [] }, { baseUrl: '/files' }, { audience: 7 as never }]) {
      expect(failure(() => signUpload(wrong))).toMatch(/^CONFIGURATION/)
    }
  })
})

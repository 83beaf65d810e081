import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest'
import { S3Driver } from '../../../src/drivers/s3/index.js'
import { createBucket, type TestBucket } from '../../servers/bucket.js'
import { driverFor, failure } from './setup.js'

const settings = inject('s3')
const real = settings.kind !== 'fauxqs'
let bucket: TestBucket
let driver: S3Driver

beforeAll(async () => {
  bucket = await createBucket(settings, 'sign')
  driver = driverFor(settings, bucket)
})
afterAll(async () => {
  await driver.close()
  await bucket.remove()
})

describe('a signed GET', () => {
  test.runIf(real)('reads, with the disposition and type asked for', async () => {
    await driver.put('doc ü+%.html', '<b>x</b>')
    const contentDisposition = 'attachment; filename="a b.txt"'
    const url = await driver.signUrl('doc ü+%.html', { contentDisposition, contentType: 'text/plain' })
    const answer = await fetch(url)
    expect([answer.status, await answer.text()]).toEqual([200, '<b>x</b>'])
    expect(answer.headers.get('content-disposition')).toBe(contentDisposition)
    expect(answer.headers.get('content-type')).toBe('text/plain')
    expect((await fetch(url.replace('a%20b.txt', 'evil.txt'))).status).toBe(403)
    expect((await fetch(url, { method: 'DELETE' })).status).toBe(403)
    expect(url).not.toContain(settings.credentials.secretAccessKey)
  })

  test.each([0, -1, 1.5, 604_801, Number.NaN])('expiresIn %d is refused', async (expiresIn) => {
    expect(await failure(driver.signUrl('a', { expiresIn }))).toMatchObject({ code: 'INVALID_ARGUMENT' })
    expect(await failure(driver.signUpload('a', { expiresIn }))).toMatchObject({ code: 'INVALID_ARGUMENT' })
  })

  test('never outlives its credentials', async () => {
    const expiration = new Date(Date.now() + 600_000)
    const other = driverFor(settings, bucket, { credentials: { ...settings.credentials, expiration } })
    const url = new URL(await other.signUrl('a', { expiresIn: 3600 }))
    const seconds = Number(url.searchParams.get('X-Amz-Expires'))
    expect(seconds).toBeGreaterThan(590)
    expect(seconds).toBeLessThanOrEqual(600)
    expect((await other.signUpload('a')).expiresAt.getTime()).toBeLessThanOrEqual(expiration.getTime())
    await other.close()
    const expired = driverFor(settings, bucket, { credentials: { ...settings.credentials, expiration: new Date(0) } })
    expect(await failure(expired.signUrl('a'))).toMatchObject({ code: 'UNAUTHENTICATED' })
    await expired.close()
  })
})

describe.runIf(real)('a signed PUT', () => {
  test('is bound to size and type, and carries no checksum', async () => {
    const upload = await driver.signUpload('up.txt', { size: 5, contentType: 'text/x-up' })
    if (upload.method !== 'PUT') throw new Error('no PUT')
    expect(upload.url).not.toMatch(/checksum/i)
    const { url, headers } = upload
    const send = (body: string, more = {}) =>
      fetch(url, { method: 'PUT', body, headers: { ...headers, 'content-length': `${body.length}`, ...more } })
    expect((await send('123456')).status).toBe(403)
    expect((await send('12345', { 'content-type': 'text/html' })).status).toBe(403)
    expect((await send('12345')).status).toBe(200)
    expect(await driver.head('up.txt')).toMatchObject({ size: 5, contentType: 'text/x-up' })
  })

  test('can be bound to a key that does not exist yet', async () => {
    const upload = await driver.signUpload('fresh.txt', { ifNoneMatch: '*' })
    if (upload.method !== 'PUT') throw new Error('no PUT')
    const send = (headers: Record<string, string>) => fetch(upload.url, { method: 'PUT', body: 'x', headers })
    const { 'if-none-match': _, ...without } = upload.headers
    expect((await send(without)).status).toBe(403)
    expect((await send(upload.headers)).status).toBe(200)
    expect((await send(upload.headers)).status).toBe(412)
  })
})

describe.runIf(real)('a signed POST', () => {
  test('is bound to key, type and size', async () => {
    const upload = await driver.signUpload('form ü.txt', { method: 'POST', maxSize: 5, contentType: 'text/x-form' })
    if (upload.method !== 'POST') throw new Error('no POST')
    const send = (body: string, changes: Record<string, string> = {}) => {
      const form = new FormData()
      for (const [name, value] of Object.entries({ ...upload.fields, ...changes })) form.append(name, value)
      form.append('file', new Blob([body]))
      return fetch(upload.url, { method: 'POST', body: form })
    }
    expect((await send('123456')).ok).toBe(false)
    expect((await send('12345', { 'Content-Type': 'text/html' })).ok).toBe(false)
    expect((await send('12345', { key: 'other.txt' })).ok).toBe(false)
    expect((await send('12345')).ok).toBe(true)
    expect(await driver.head('form ü.txt')).toMatchObject({ size: 5, contentType: 'text/x-form' })
  })
})

test.each([
  [{ maxSize: 5 }],
  [{ method: 'POST', ifNoneMatch: '*' }],
  [{ method: 'GET' as never }],
  [{ size: -1 }],
  [{ contentType: 'a\nb' }],
] as const)('signUpload refuses %j', async (options) => {
  expect(await failure(driver.signUpload('a', options))).toMatchObject({ code: 'INVALID_ARGUMENT' })
})

test('a form cannot be bound to a key that S3 would fill in', async () => {
  const key = `in/$\{filename}`
  expect(await failure(driver.signUpload(key, { method: 'POST' }))).toMatchObject({ code: 'INVALID_ARGUMENT' })
})

describe('publicUrl', () => {
  const url = (options: object, key = 'a b/é+%.txt') =>
    new S3Driver({ bucket: 'photos', region: 'eu-central-1', ...options }).publicUrl(key)

  test.each([
    [{}, 'https://photos.s3.eu-central-1.amazonaws.com/a%20b/%C3%A9%2B%25.txt'],
    [{ prefix: 'p/' }, 'https://photos.s3.eu-central-1.amazonaws.com/p/a%20b/%C3%A9%2B%25.txt'],
    [{ bucket: 'my.photos' }, 'https://s3.eu-central-1.amazonaws.com/my.photos/a%20b/%C3%A9%2B%25.txt'],
    [{ region: 'cn-north-1' }, 'https://photos.s3.cn-north-1.amazonaws.com.cn/a%20b/%C3%A9%2B%25.txt'],
    [{ endpoint: 'http://ceph:7480' }, 'http://ceph:7480/photos/a%20b/%C3%A9%2B%25.txt'],
    [{ endpoint: 'https://r2.example', forcePathStyle: false }, 'https://photos.r2.example/a%20b/%C3%A9%2B%25.txt'],
    [{ publicBaseUrl: 'https://cdn.example/x/' }, 'https://cdn.example/x/a%20b/%C3%A9%2B%25.txt'],
  ])('%j', (options, expected) => {
    expect(url(options)).toBe(expected)
  })

  test.runIf(real)('of a public blob reads without credentials, of a private one it does not', async () => {
    await driver.put('public.txt', 'x', { visibility: 'public' })
    await driver.put('private.txt', 'x')
    expect((await fetch(driver.publicUrl('public.txt'))).status).toBe(200)
    expect((await fetch(driver.publicUrl('private.txt'))).status).toBe(403)
    await driver.setVisibility('private.txt', 'public')
    expect(await driver.getVisibility('private.txt')).toBe('public')
    expect((await fetch(driver.publicUrl('private.txt'))).status).toBe(200)
    await driver.setVisibility('private.txt', 'private')
    expect((await fetch(driver.publicUrl('private.txt'))).status).toBe(403)
  })
})

import { PutObjectCommand } from '@aws-sdk/client-s3'
import { afterAll, afterEach, beforeAll, describe, expect, inject, test } from 'vitest'
import { Connection } from '../../../src/drivers/s3/connection.js'
import { copy } from '../../../src/drivers/s3/copy.js'
import { FeatureProbe } from '../../../src/drivers/s3/features.js'
import type { S3Driver } from '../../../src/drivers/s3/index.js'
import { checkOptions } from '../../../src/drivers/s3/settings.js'
import { Uploads } from '../../../src/drivers/s3/uploads.js'
import { createBucket, type TestBucket } from '../../servers/bucket.js'
import { type FaultProxy, type RecordedRequest, s3Error, startFaultProxy } from '../../servers/fault-proxy.js'
import { collect, driverFor, failure, mebibytes } from './setup.js'

const settings = inject('s3')
/** fauxqs keeps few headers, forgets them on copy, knows no uploads in a list and no copied parts. */
const real = settings.kind !== 'fauxqs'
const MIB = 1024 ** 2
let bucket: TestBucket
let proxy: FaultProxy
let driver: S3Driver
const skipped: string[] = []

beforeAll(async () => {
  bucket = await createBucket(settings, 'objects')
  proxy = await startFaultProxy(settings.endpoint)
  driver = driverFor({ ...settings, endpoint: proxy.endpoint }, bucket, {
    partSize: 5 * MIB,
    onSkippedKey: ({ key }) => skipped.push(key),
  })
})
afterEach(async () => {
  proxy.heal()
  await bucket.assertNoOpenUploads()
})
afterAll(async () => {
  await driver.close()
  await proxy.stop()
  await bucket.remove()
})

const odd = [
  'a+b',
  'a b',
  'a%20b',
  'a?b#c',
  "it's (1)!*",
  'résumé é.pdf',
  '😀/ﬀ',
  'x&y<z>"',
  ' lead',
  'trail ',
  'tilde~=:@,;$',
  '\uffff',
]

test.each(odd)('the key %j: put, list, copy, move, delete', async (name) => {
  const key = `odd/${name}`
  await driver.put(key, 'x', { metadata: { a: 'ü' } })
  expect((await collect(driver.list({ prefix: key }))).map((entry) => 'key' in entry && entry.key)).toEqual([key])
  const copied = await driver.copy(key, `copy/${name}`)
  expect(copied).toMatchObject({ key: `copy/${name}`, size: 1, metadata: { a: 'ü' } })
  const moved = await driver.move(`copy/${name}`, `moved/${name}`)
  expect((await driver.head(`moved/${name}`)).etag).toBe(moved.etag)
  expect(await failure(driver.head(`copy/${name}`))).toMatchObject({ code: 'NOT_FOUND' })
  expect(await driver.deleteMany([key, `moved/${name}`])).toEqual([{ key }, { key: `moved/${name}` }])
  expect(await failure(driver.head(`moved/${name}`))).toMatchObject({ code: 'NOT_FOUND' })
})

describe('copy', () => {
  test.runIf(real)('carries attributes and visibility', async () => {
    const attributes = { contentType: 'text/x-odd', cacheControl: 'no-store', metadata: { under_score: 'é' } }
    await driver.put('from', 'x', { ...attributes, visibility: 'public' })
    expect(await driver.copy('from', 'to')).toMatchObject(attributes)
    expect(await driver.head('to')).toMatchObject(attributes)
    expect(await driver.getVisibility('to')).toBe('public')
  })

  test('of a missing source is NOT_FOUND and leaves the destination', async () => {
    await driver.put('to', 'kept')
    expect(await failure(driver.copy('missing', 'to'))).toMatchObject({ code: 'NOT_FOUND', key: 'missing' })
    expect(await (await driver.get('to')).text()).toBe('kept')
  })

  test('onto itself, and a move onto itself, change nothing', async () => {
    const before = await driver.put('self', 'x', { metadata: { a: 'b' } })
    expect((await driver.copy('self', 'self')).etag).toBe(before.etag)
    expect((await driver.move('self', 'self')).etag).toBe(before.etag)
    expect(await (await driver.get('self')).text()).toBe('x')
    expect(await failure(driver.copy('nothing', 'nothing'))).toMatchObject({ code: 'NOT_FOUND' })
  })

  test('answered 200 with an error inside is no success', async () => {
    await driver.put('from', 'x')
    proxy.fail(
      { kind: 'answer', status: 200, body: s3Error('InternalError') },
      { when: ({ headers }) => 'x-amz-copy-source' in headers },
    )
    expect(await failure(driver.copy('from', 'inside'))).toMatchObject({ code: 'UNAVAILABLE' })
    expect(await failure(driver.head('inside'))).toMatchObject({ code: 'NOT_FOUND' })
  })

  test.runIf(real)('beyond the limit of one request goes in parts, attributes and all', async () => {
    const options = { bucket: bucket.name, endpoint: proxy.endpoint, region: settings.region }
    const s3 = new Connection(checkOptions(options), { credentials: settings.credentials })
    const context = {
      s3,
      probe: new FeatureProbe(s3, () => {}),
      uploads: new Uploads(s3),
      copyLimits: { single: 11 * MIB, part: 5 * MIB },
    }
    const attributes = { contentType: 'text/x-odd', metadata: { a: 'é' } }
    await driver.put('big', mebibytes(12), attributes)
    proxy.heal()
    const info = await copy(context, 'big', 'big copy')
    expect(proxy.requests.filter(({ url }) => url.includes('partNumber'))).toHaveLength(3)
    const { lastModified: _, ...head } = await driver.head('big copy')
    expect(info).toMatchObject(head)
    expect(head).toMatchObject(attributes)
    const [from, to] = await Promise.all(
      ['big', 'big copy'].map(async (key) => Buffer.from(await (await driver.get(key)).bytes())),
    )
    expect(from?.equals(to ?? Buffer.alloc(0))).toBe(true)

    proxy.fail(
      { kind: 'answer', status: 403, body: s3Error('AccessDenied') },
      { when: ({ url }) => url.includes('partNumber=2') },
    )
    expect(await failure(copy(context, 'big', 'refused'))).toMatchObject({
      code: 'ACCESS_DENIED',
      outcome: 'unchanged',
    })
    await bucket.assertNoOpenUploads()
    await s3.close()
  })

  test('move keeps a source whose copy was refused', async () => {
    await driver.put('from', 'x')
    proxy.fail(
      { kind: 'answer', status: 403, body: s3Error('AccessDenied') },
      { when: ({ headers }) => 'x-amz-copy-source' in headers },
    )
    expect(await failure(driver.move('from', 'nowhere'))).toMatchObject({ code: 'ACCESS_DENIED' })
    expect(await (await driver.get('from')).text()).toBe('x')
  })
})

describe('delete', () => {
  test('of a missing key is no error', async () => {
    await driver.delete('missing')
    expect(await driver.deleteMany(['missing'])).toEqual([{ key: 'missing' }])
  })

  const deletes = ({ method, url }: RecordedRequest) => method === 'POST' && url.includes('delete')

  test('many: refusals come per key inside a 200, in the order asked', async () => {
    const body = `<?xml version="1.0"?><DeleteResult><Deleted><Key>a</Key></Deleted><Error><Key>b</Key><Code>AccessDenied</Code><Message>no</Message></Error></DeleteResult>`
    proxy.fail({ kind: 'answer', status: 200, body }, { when: deletes })
    const results = await driver.deleteMany(['c', 'b', '../up', 'a'])
    expect(results.map(({ key, error }) => [key, (error as { code?: string } | undefined)?.code])).toEqual([
      ['c', 'UNAVAILABLE'],
      ['b', 'ACCESS_DENIED'],
      ['../up', 'INVALID_KEY'],
      ['a', undefined],
    ])
  })

  test('many where the endpoint has no DeleteObjects goes one by one', async () => {
    await driver.put('one', 'x')
    proxy.fail({ kind: 'answer', status: 501, body: s3Error('NotImplemented') }, { when: deletes })
    expect(await driver.deleteMany(['one', 'missing'])).toEqual([{ key: 'one' }, { key: 'missing' }])
    expect(await failure(driver.head('one'))).toMatchObject({ code: 'NOT_FOUND' })
  })

  test('more than a thousand go in batches', async () => {
    const keys = Array.from({ length: 1003 }, (_, i) => `batch/${i}`)
    await Promise.all(keys.slice(-5).map((key) => driver.put(key, 'x')))
    proxy.heal()
    expect((await driver.deleteMany(keys)).every(({ error }) => error === undefined)).toBe(true)
    expect(proxy.requests.filter(deletes)).toHaveLength(2)
    expect(await collect(driver.list({ prefix: 'batch/' }))).toEqual([])
  })
})

describe('list', () => {
  test('shows no foreign keys that break the rules, and says which they were', async () => {
    for (const Key of ['foreign/', 'foreign/a//b', 'foreign/./c', 'foreign/ok']) {
      await bucket.client.send(new PutObjectCommand({ Bucket: bucket.name, Key, Body: 'x' }))
    }
    skipped.length = 0
    const listed = await collect(driver.list({ prefix: 'foreign/' }))
    expect(listed.map((entry) => 'key' in entry && entry.key)).toEqual(['foreign/ok'])
    expect(skipped.sort()).toEqual(['foreign/', 'foreign/./c', 'foreign/a//b'])
    const rolledUp = await collect(driver.list({ prefix: 'foreign/', delimiter: '/' }))
    // Whether the folder a/ holds any legal key, a rolled-up list does not tell.
    expect(rolledUp).toMatchObject([
      { type: 'prefix', prefix: 'foreign/a/' },
      { type: 'blob', key: 'foreign/ok' },
    ])
  })

  test('of a prefixed driver stays in its folder', async () => {
    const user1 = driverFor(settings, bucket, { prefix: 'user1' })
    await driver.put('user1/a', 'x')
    await driver.put('user10/b', 'x')
    expect((await collect(user1.list())).map((entry) => 'key' in entry && entry.key)).toEqual(['a'])
    await user1.close()
  })

  const page = (keys: string[], token?: string) => ({
    kind: 'answer' as const,
    status: 200,
    body: `<?xml version="1.0"?><ListBucketResult><IsTruncated>${token !== undefined}</IsTruncated>${
      token === undefined ? '' : `<NextContinuationToken>${token}</NextContinuationToken>`
    }${keys.map((key) => `<Contents><Key>${key}</Key><Size>1</Size><ETag>"e"</ETag></Contents>`).join('')}</ListBucketResult>`,
  })

  test('follows the token through short and empty pages, in byte order', async () => {
    const fake = await startFaultProxy()
    const other = driverFor({ ...settings, endpoint: fake.endpoint }, bucket)
    fake.fail(page(['b', 'a'], 'one'), { times: 1 })
    fake.fail(page([], 'two'), { times: 1 })
    fake.fail(page(['c']), { times: 1 })
    expect((await collect(other.list())).map((entry) => 'key' in entry && entry.key)).toEqual(['a', 'b', 'c'])
    await other.close()
    await fake.stop()
  })

  test('says so where pages come out of order, and where the way on is missing', async () => {
    const fake = await startFaultProxy()
    const other = driverFor({ ...settings, endpoint: fake.endpoint }, bucket)
    fake.fail(page(['b', 'c'], 'one'), { times: 1 })
    fake.fail(page(['a']), { times: 1 })
    expect(await failure(collect(other.list()))).toMatchObject({ code: 'NOT_SUPPORTED' })
    fake.fail(page(['a'], ''), { times: 2 })
    expect(await failure(collect(other.list()))).toMatchObject({ code: 'UNAVAILABLE' })
    await other.close()
    await fake.stop()
  })
})

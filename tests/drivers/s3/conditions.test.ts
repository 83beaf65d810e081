import { readdir } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { Readable } from 'node:stream'
import { afterAll, afterEach, beforeAll, describe, expect, inject, test } from 'vitest'
import type { S3Driver } from '../../../src/drivers/s3/index.js'
import { createBucket, type TestBucket } from '../../servers/bucket.js'
import { type FaultProxy, type RecordedRequest, s3Error, startFaultProxy } from '../../servers/fault-proxy.js'
import { collect, driverFor, failure, mebibytes } from './setup.js'

const settings = inject('s3')
const MIB = 1024 ** 2
let bucket: TestBucket
let proxy: FaultProxy
let driver: S3Driver

beforeAll(async () => {
  bucket = await createBucket(settings, 'conditions')
  proxy = await startFaultProxy(settings.endpoint)
  driver = driverFor({ ...settings, endpoint: proxy.endpoint }, bucket, { partSize: 5 * MIB })
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

const text = async (key: string) => (await driver.get(key)).text()
const spoolFiles = async () => (await readdir(tmpdir())).filter((name) => /^hybrid-store-[0-9a-f-]{36}$/.test(name))
const puts = ({ method, url }: RecordedRequest) => method === 'PUT' && !url.includes('uploadId')

test('the endpoint is asked once, and nothing of it is left or listed', async () => {
  const [first] = await Promise.all([driver.ready(), driver.ready(), driver.ready()])
  const asked = proxy.requests.length
  expect(await driver.ready()).toBe(first)
  expect(proxy.requests.length).toBe(asked)
  expect(await bucket.keys()).toEqual([])
  if (settings.kind === 'fauxqs') {
    expect(first).toMatchObject({
      createOnly: false,
      conditionalUpdate: false,
      conditionalDelete: false,
      conditionalCopy: false,
    })
  }
  if (settings.kind === 'ceph') {
    expect(first).toMatchObject({
      createOnly: true,
      conditionalUpdate: true,
      conditionalDelete: false,
      conditionalCopy: false,
    })
  }
})

test('a probe that fails is not remembered', async () => {
  const other = driverFor({ ...settings, endpoint: proxy.endpoint }, bucket, { maxAttempts: 1 })
  proxy.fail({ kind: 'answer', status: 503, body: s3Error('SlowDown') })
  const error = await failure(other.put('key', 'x', { ifNoneMatch: '*' }))
  expect(error).toMatchObject({ code: 'UNAVAILABLE', outcome: 'unchanged' })
  proxy.heal()
  await other.ready()
  await other.close()
})

test('what is missing is NOT_SUPPORTED and has no effect', async () => {
  const bare = driverFor(settings, bucket, {
    features: {
      conditionalCreate: false,
      conditionalUpdate: false,
      conditionalComplete: false,
      conditionalDelete: false,
      conditionalCopy: false,
    },
  })
  await bare.put('there', 'old')
  const refusals = [
    bare.put('new', 'x', { ifNoneMatch: '*' }),
    bare.put('there', 'x', { ifMatch: 'whatever' }),
    bare.delete('there', { ifMatch: 'whatever' }),
    bare.copy('there', 'new', { ifNoneMatch: '*' }),
    bare.signUpload('new', { ifNoneMatch: '*' }),
  ]
  for (const refusal of refusals) {
    expect(await failure(refusal)).toMatchObject({ code: 'NOT_SUPPORTED', outcome: 'unchanged' })
  }
  expect(await text('there')).toBe('old')
  expect(await failure(bare.head('new'))).toMatchObject({ code: 'NOT_FOUND' })
  await bare.close()
})

describe.runIf(settings.kind !== 'fauxqs')('a conditional put', () => {
  test('creates, and refuses to create again', async () => {
    await driver.put('created', 'one', { ifNoneMatch: '*' })
    const error = await failure(driver.put('created', 'two', { ifNoneMatch: '*' }))
    expect(error).toMatchObject({ code: 'ALREADY_EXISTS', status: 412, outcome: 'unchanged' })
    expect(await text('created')).toBe('one')
  })

  test('updates the version it saw, quoted or not, and no other', async () => {
    const first = await driver.put('updated', 'one')
    const second = await driver.put('updated', 'two', { ifMatch: `"${first.etag}"` })
    expect(await failure(driver.put('updated', 'x', { ifMatch: first.etag }))).toMatchObject({
      code: 'PRECONDITION_FAILED',
      outcome: 'unchanged',
    })
    await driver.put('updated', 'three', { ifMatch: second.etag })
    expect(await text('updated')).toBe('three')
    expect(await failure(driver.put('missing', 'x', { ifMatch: first.etag }))).toMatchObject({
      code: 'PRECONDITION_FAILED',
      outcome: 'unchanged',
    })
    await driver.put('updated', 'four', { ifMatch: '*' })
    expect(await failure(driver.put('missing', 'x', { ifMatch: '*' }))).toMatchObject({ code: 'PRECONDITION_FAILED' })
    expect(await failure(driver.head('missing'))).toMatchObject({ code: 'NOT_FOUND' })
  })

  test('twenty racing creators have one winner', async () => {
    const results = await Promise.allSettled(
      Array.from({ length: 20 }, (_, i) => driver.put('raced', `${i}`, { ifNoneMatch: '*' })),
    )
    const winner = results.findIndex(({ status }) => status === 'fulfilled')
    expect(results.filter(({ status }) => status === 'fulfilled')).toHaveLength(1)
    expect(await text('raced')).toBe(`${winner}`)
    for (const result of results) {
      if (result.status === 'rejected') expect(result.reason).toMatchObject({ code: 'ALREADY_EXISTS' })
    }
  })

  test('of a long stream holds too, in bounded memory and without a file left behind', async () => {
    const before = await spoolFiles()
    await driver.put('long', Readable.from(mebibytes(24)), { ifNoneMatch: '*' })
    expect((await driver.head('long')).size).toBe(24 * MIB)
    const error = await failure(driver.put('long', Readable.from(mebibytes(12)), { ifNoneMatch: '*' }))
    expect(error).toMatchObject({ code: 'ALREADY_EXISTS', outcome: 'unchanged' })
    async function* breaks(): AsyncGenerator<Uint8Array> {
      yield* mebibytes(8)
      throw new Error('broke')
    }
    expect(await failure(driver.put('long2', breaks(), { ifNoneMatch: '*' }))).toMatchObject({ code: 'BODY_FAILED' })
    const after = await spoolFiles()
    expect(after.filter((name) => !before.includes(name))).toEqual([])
    expect((await driver.head('long')).size).toBe(24 * MIB)
    expect(await failure(driver.head('long2'))).toMatchObject({ code: 'NOT_FOUND' })
  })

  test('of a long stream is repeated whole when the connection breaks', async () => {
    await driver.ready()
    proxy.fail({ kind: 'reset-after-request' }, { when: puts, times: 2 })
    await driver.put('repeated', Readable.from(mebibytes(12)), { ifNoneMatch: '*' })
    const bytes = await (await driver.get('repeated')).bytes()
    expect(Buffer.from(bytes).equals(Buffer.concat(await collect(mebibytes(12))))).toBe(true)
  })
})

describe.runIf(settings.kind !== 'fauxqs')('a lost answer', () => {
  test.each([
    ['small', () => 'mine'],
    ['long', () => Readable.from(mebibytes(12))],
  ])('to a %s create is success, not ALREADY_EXISTS', async (name, body) => {
    await driver.ready()
    const lost = proxy.fail({ kind: 'lost-response' }, { when: puts, times: 1 })
    const put = await driver.put(`lost-${name}`, body(), { ifNoneMatch: '*', metadata: { mine: 'yes' } })
    expect(lost.hits).toBe(1)
    const head = await driver.head(`lost-${name}`)
    expect(put).toEqual(head)
    expect(head.metadata).toEqual({ mine: 'yes' })
  })

  test('to an update is success, not PRECONDITION_FAILED', async () => {
    const { etag } = await driver.put('lost-update', 'one')
    proxy.fail({ kind: 'lost-response' }, { when: puts, times: 1 })
    const put = await driver.put('lost-update', 'two', { ifMatch: etag })
    expect(put.etag).toBe((await driver.head('lost-update')).etag)
  })

  test('where somebody else holds the key is unknown', async () => {
    await driver.put('theirs', 'old')
    // The first attempt never arrives, which cannot be told from one whose answer was lost.
    proxy.fail({ kind: 'reset-after-request' }, { when: puts, times: 1 })
    expect(await failure(driver.put('theirs', 'mine', { ifNoneMatch: '*' }))).toMatchObject({
      code: 'ALREADY_EXISTS',
      outcome: 'unknown',
    })
  })

  test('that never comes again is unknown', async () => {
    await driver.ready()
    proxy.fail({ kind: 'lost-response' }, { when: puts })
    expect(await failure(driver.put('never', 'mine', { ifNoneMatch: '*' }))).toMatchObject({ outcome: 'unknown' })
  })
})

describe('409 ConditionalRequestConflict', () => {
  const conflict = { kind: 'answer', status: 409, body: s3Error('ConditionalRequestConflict') } as const

  test.runIf(settings.kind !== 'fauxqs')('is asked again', async () => {
    await driver.ready()
    proxy.fail(conflict, { when: puts, times: 1 })
    await driver.put('conflicted', 'x', { ifNoneMatch: '*' })
  })

  test.runIf(settings.kind !== 'fauxqs')('and ALREADY_EXISTS if it stays', async () => {
    await driver.ready()
    proxy.fail(conflict, { when: puts })
    expect(await failure(driver.put('conflicted2', 'x', { ifNoneMatch: '*' }))).toMatchObject({
      code: 'ALREADY_EXISTS',
      outcome: 'unchanged',
    })
  })
})

import { randomBytes } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, afterEach, beforeAll, describe, expect, inject, test } from 'vitest'
import type { S3Driver } from '../../../src/drivers/s3/index.js'
import { createBucket, type TestBucket } from '../../servers/bucket.js'
import { type FaultProxy, type RecordedRequest, startFaultProxy } from '../../servers/fault-proxy.js'
import { driverFor, failure } from './setup.js'

const settings = inject('s3')
const bytes = randomBytes(3 * 1024 ** 2)
let bucket: TestBucket
let proxy: FaultProxy
let driver: S3Driver
let etag: string

beforeAll(async () => {
  bucket = await createBucket(settings, 'read')
  proxy = await startFaultProxy(settings.endpoint)
  driver = driverFor({ ...settings, endpoint: proxy.endpoint }, bucket, { timeouts: { idle: 300 } })
  etag = (await driver.put('blob', bytes)).etag
})
afterEach(() => proxy.heal())
afterAll(async () => {
  await driver.close()
  await proxy.stop()
  await bucket.remove()
})

const gets = ({ method }: RecordedRequest) => method === 'GET'

describe('a body', () => {
  test('that hangs ends in TIMEOUT', async () => {
    proxy.fail({ kind: 'hang-body', after: 1024 ** 2 }, { when: gets })
    const reader = await driver.get('blob')
    expect(await failure(reader.bytes())).toMatchObject({ code: 'TIMEOUT', retryable: true, operation: 'get' })
  })

  test('that is cut off is UNAVAILABLE, never short', async () => {
    proxy.fail({ kind: 'truncate', after: 1024 ** 2 }, { when: gets })
    const reader = await driver.get('blob')
    expect(await failure(reader.bytes())).toMatchObject({ code: 'UNAVAILABLE', retryable: true })
  })

  test('that is cut off before its first byte is UNAVAILABLE', async () => {
    proxy.fail({ kind: 'truncate', after: 0 }, { when: gets })
    expect(await failure(driver.get('blob').then((reader) => reader.bytes()))).toMatchObject({ code: 'UNAVAILABLE' })
  })

  test('may be read slowly: only silence of the source counts', async () => {
    const reader = await driver.get('blob')
    let size = 0
    for await (const chunk of reader.body) {
      if (size === 0) await sleep(500)
      size += chunk.length
    }
    expect(size).toBe(bytes.length)
  })

  test('may come slowly, for longer than the idle timeout altogether', async () => {
    // Long enough that a busy machine is not taken for silence.
    const idle = 1500
    const patient = driverFor({ ...settings, endpoint: proxy.endpoint }, bucket, { timeouts: { idle } })
    proxy.fail({ kind: 'slow', bytesPerSecond: 1024 ** 2 }, { when: gets })
    const started = performance.now()
    expect((await (await patient.get('blob')).bytes()).length).toBe(bytes.length)
    expect(performance.now() - started).toBeGreaterThan(idle)
    await patient.close()
  })

  test('is aborted by the signal midway', async () => {
    const controller = new AbortController()
    const reader = await driver.get('blob', { signal: controller.signal })
    const read = async () => {
      for await (const _ of reader.body) controller.abort()
    }
    expect(await failure(read())).toMatchObject({ code: 'ABORTED' })
  })

  test('that is cancelled gives its socket back, a hundred times over', async () => {
    for (let i = 0; i < 100; i++) await (await driver.get('blob')).cancel()
    expect((await driver.head('blob')).size).toBe(bytes.length)
  })

  test('that is open when the driver closes fails instead of hanging', async () => {
    const other = driverFor(settings, bucket)
    const reader = await other.get('blob')
    await other.close()
    expect(await failure(reader.bytes())).toMatchObject({ code: 'CONFIGURATION' })
  })
})

describe('one request carries range and conditions', () => {
  test('range', async () => {
    const reader = await driver.get('blob', { range: { start: 5, end: 9 } })
    expect(reader.range).toEqual({ start: 5, end: 9, size: bytes.length })
    expect(reader.info.size).toBe(bytes.length)
    expect(Buffer.from(await reader.bytes())).toEqual(bytes.subarray(5, 10))
    expect(proxy.requests.map(({ method, headers }) => [method, headers.range])).toEqual([['GET', 'bytes=5-9']])
  })

  test('unmet conditions, without a body', async () => {
    expect(await failure(driver.get('blob', { ifNoneMatch: etag }))).toMatchObject({
      code: 'NOT_MODIFIED',
      status: 304,
    })
    expect(await failure(driver.get('blob', { ifMatch: '"other"' }))).toMatchObject({
      code: 'PRECONDITION_FAILED',
      status: 412,
    })
    expect(await failure(driver.head('blob', { ifNoneMatch: [etag, 'x'] }))).toMatchObject({ code: 'NOT_MODIFIED' })
    expect(await failure(driver.head('blob', { ifMatch: 'W/"x"' }))).toMatchObject({ code: 'PRECONDITION_FAILED' })
    expect(proxy.requests).toHaveLength(4)
  })

  test('met ones', async () => {
    const { lastModified } = await driver.head('blob')
    expect((await driver.head('blob', { ifMatch: `"${etag}"`, ifUnmodifiedSince: new Date(0) })).etag).toBe(etag)
    expect((await driver.head('blob', { ifUnmodifiedSince: lastModified })).etag).toBe(etag)
    expect(await failure(driver.head('blob', { ifModifiedSince: lastModified }))).toMatchObject({
      code: 'NOT_MODIFIED',
    })
  })

  test('behind the end', async () => {
    expect(await failure(driver.get('blob', { range: { start: bytes.length } }))).toMatchObject({
      code: 'INVALID_RANGE',
    })
    expect(await failure(driver.get('blob', { range: { suffix: 0 } }))).toMatchObject({ code: 'INVALID_RANGE' })
  })
})

import { Readable } from 'node:stream'
import { afterAll, afterEach, beforeAll, describe, expect, inject, test } from 'vitest'
import type { S3Driver } from '../../../src/drivers/s3/index.js'
import { partSizeFor } from '../../../src/drivers/s3/part-size.js'
import { createBucket, type TestBucket } from '../../servers/bucket.js'
import { type FaultProxy, type RecordedRequest, s3Error, startFaultProxy } from '../../servers/fault-proxy.js'
import { driverFor, failure, mebibytes } from './setup.js'

const settings = inject('s3')
/** fauxqs keeps few headers, forgets them on copy, knows no uploads in a list and no copied parts. */
const real = settings.kind !== 'fauxqs'
const MIB = 1024 ** 2
let bucket: TestBucket
let proxy: FaultProxy
let driver: S3Driver

beforeAll(async () => {
  bucket = await createBucket(settings, 'multipart')
  proxy = await startFaultProxy(settings.endpoint)
})
afterEach(async () => {
  proxy.heal()
  await driver.close()
  await bucket.assertNoOpenUploads()
})
afterAll(async () => {
  await proxy.stop()
  await bucket.remove()
})

function make(options = {}): S3Driver {
  driver = driverFor({ ...settings, endpoint: proxy.endpoint }, bucket, { partSize: 5 * MIB, queueSize: 2, ...options })
  return driver
}

const part = ({ method, url }: RecordedRequest) => method === 'PUT' && url.includes('partNumber')
const complete = ({ method, url }: RecordedRequest) => method === 'POST' && url.includes('uploadId')
const abort = ({ method, url }: RecordedRequest) => method === 'DELETE' && url.includes('uploadId')

describe('a part', () => {
  test('that breaks is sent again, whole', async () => {
    proxy.fail({ kind: 'reset-after-request' }, { when: part, times: 2 })
    await make().put('healed', Readable.from(mebibytes(12)))
    expect((await driver.head('healed')).size).toBe(12 * MIB)
  })

  test('that fails for good ends the put without reading the rest of the body', async () => {
    proxy.fail({ kind: 'answer', status: 503, body: s3Error('SlowDown') }, { when: part })
    let read = 0
    async function* counted(): AsyncGenerator<Uint8Array> {
      for await (const chunk of mebibytes(400)) {
        read++
        yield chunk
      }
    }
    const error = await failure(make().put('broken', counted()))
    expect(error).toMatchObject({ code: 'UNAVAILABLE', outcome: 'unchanged', retryable: true })
    expect(read).toBeLessThan(60)
    expect(await failure(driver.head('broken'))).toMatchObject({ code: 'NOT_FOUND' })
  })

  test('that fails ends the put even while the source is silent', async () => {
    proxy.fail({ kind: 'answer', status: 403, body: s3Error('AccessDenied') }, { when: part })
    async function* stalls(): AsyncGenerator<Uint8Array> {
      yield* mebibytes(6)
      await new Promise(() => {})
    }
    expect(await failure(make().put('silent', stalls()))).toMatchObject({ code: 'ACCESS_DENIED', outcome: 'unchanged' })
  })
})

describe('completing', () => {
  test('whose answer is lost is success', async () => {
    const lost = proxy.fail({ kind: 'lost-response' }, { when: complete, times: 1 })
    const put = await make().put('lost', Readable.from(mebibytes(12)))
    expect(lost.hits).toBe(1)
    expect(put.etag).toBe((await driver.head('lost')).etag)
  })

  test('answered 200 with an error inside is no success', async () => {
    const body = s3Error('InternalError')
    const fault = proxy.fail({ kind: 'answer', status: 200, body }, { when: complete })
    expect(await failure(make().put('inside', Readable.from(mebibytes(12))))).toMatchObject({ code: 'UNAVAILABLE' })
    expect(fault.hits).toBe(3)
    expect(await failure(driver.head('inside'))).toMatchObject({ code: 'NOT_FOUND' })
  })
})

describe('the abort', () => {
  test('is answered before the put settles', async () => {
    proxy.fail({ kind: 'delay', ms: 300 }, { when: abort })
    const controller = new AbortController()
    async function* aborts(): AsyncGenerator<Uint8Array> {
      yield* mebibytes(12)
      controller.abort()
      yield* mebibytes(1)
    }
    expect(await failure(make().put('aborted', aborts(), { signal: controller.signal }))).toMatchObject({
      code: 'ABORTED',
    })
    expect(proxy.requests.filter(abort)).toHaveLength(1)
    await bucket.assertNoOpenUploads(500)
  })

  test.runIf(real)('that fails is tried again by the next upload, and by close', async () => {
    async function* breaks(): AsyncGenerator<Uint8Array> {
      yield* mebibytes(6)
      throw new Error('broke')
    }
    const fault = proxy.fail({ kind: 'answer', status: 500, body: s3Error('InternalError') }, { when: abort })
    expect(await failure(make({ maxAttempts: 1 }).put('left', breaks()))).toMatchObject({ code: 'BODY_FAILED' })
    expect(fault.hits).toBe(1)
    expect(await bucket.openUploads()).toHaveLength(1)
    fault.remove()
    await driver.put('next', Readable.from(mebibytes(6)))
    await bucket.assertNoOpenUploads()

    const again = proxy.fail({ kind: 'answer', status: 500, body: s3Error('InternalError') }, { when: abort })
    await failure(driver.put('left', breaks()))
    again.remove()
    await driver.close()
    await bucket.assertNoOpenUploads()
  })
})

test.runIf(real)(
  'sweepUploads takes what others left under the prefix, and nothing that is young, elsewhere or under way',
  async () => {
    const { CreateMultipartUploadCommand } = await import('@aws-sdk/client-s3')
    for (const Key of ['mine/old', 'mineral/other']) {
      await bucket.client.send(new CreateMultipartUploadCommand({ Bucket: bucket.name, Key }))
    }
    make({ prefix: 'mine' })
    expect(await driver.sweepUploads()).toEqual({ aborted: 0, failed: 0 })
    let swept: unknown
    async function* sweeps(): AsyncGenerator<Uint8Array> {
      yield* mebibytes(12)
      swept = await driver.sweepUploads({ olderThan: 0 })
      yield* mebibytes(1)
    }
    await driver.put('under-way', sweeps())
    expect(swept).toEqual({ aborted: 1, failed: 0 })
    expect((await driver.head('under-way')).size).toBe(13 * MIB)
    const others = driverFor(settings, bucket, { prefix: 'mineral' })
    expect(await others.sweepUploads({ olderThan: 0 })).toEqual({ aborted: 1, failed: 0 })
    await others.close()
  },
)

test('parts grow so that any size fits 10,000 of them', () => {
  make()
  expect(partSizeFor(8 * MIB, undefined)).toBe(8 * MIB)
  expect(partSizeFor(8 * MIB, 80_000 * MIB)).toBe(8 * MIB)
  for (const size of [80_000 * MIB + 1, 1024 ** 4, 5 * 1024 ** 4]) {
    expect(Math.ceil(size / partSizeFor(8 * MIB, size))).toBeLessThanOrEqual(10_000)
  }
})

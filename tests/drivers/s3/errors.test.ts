import { S3Client } from '@aws-sdk/client-s3'
import { afterAll, afterEach, beforeAll, describe, expect, inject, test } from 'vitest'
import { S3Driver, type S3DriverOptions } from '../../../src/drivers/s3/index.js'
import { createBucket, type TestBucket } from '../../servers/bucket.js'
import { type FaultProxy, s3Error, startFaultProxy } from '../../servers/fault-proxy.js'
import { collect, driverFor, failure } from './setup.js'

const settings = inject('s3')
const real = settings.kind !== 'fauxqs'
let bucket: TestBucket
let proxy: FaultProxy
const drivers: S3Driver[] = []

function make(options: Partial<S3DriverOptions> = {}): S3Driver {
  const driver = driverFor({ ...settings, endpoint: proxy.endpoint }, bucket, options)
  drivers.push(driver)
  return driver
}

beforeAll(async () => {
  bucket = await createBucket(settings, 'errors')
  proxy = await startFaultProxy(settings.endpoint)
})
afterEach(async () => {
  proxy.heal()
  await Promise.all(drivers.splice(0).map((driver) => driver.close()))
})
afterAll(async () => {
  await proxy.stop()
  await bucket.remove()
})

/** Every verb that asks S3 something, and whether it changes anything. */
const verbs: [string, (driver: S3Driver) => Promise<unknown>][] = [
  ['put', (driver) => driver.put('key', 'x')],
  ['get', (driver) => driver.get('key')],
  ['head', (driver) => driver.head('key')],
  ['delete', (driver) => driver.delete('key')],
  ['deleteMany', (driver) => driver.deleteMany(['key'])],
  ['list', (driver) => collect(driver.list())],
  ['copy', (driver) => driver.copy('key', 'other')],
  ['setVisibility', (driver) => driver.setVisibility('key', 'private')],
  ['getVisibility', (driver) => driver.getVisibility('key')],
]

describe('a real server says', () => {
  describe.each(verbs)('%s', (name, call) => {
    test('no such bucket: CONFIGURATION, never "does not exist"', async () => {
      const driver = driverFor(settings, 'hs-there-is-no-such-bucket')
      drivers.push(driver)
      const error = await failure(call(driver))
      expect(error).toMatchObject({ code: 'CONFIGURATION', operation: expect.any(String), driver: 's3' })
      expect(`${error.message} ${error.hint}`).not.toContain('hs-there-is-no-such-bucket')
    })

    test.runIf(real)('wrong secret: UNAUTHENTICATED, and the secret is nowhere', async () => {
      const secretAccessKey = 'a-wrong-secret-0123456789'
      const driver = make({ credentials: { ...settings.credentials, secretAccessKey } })
      const error = await failure(call(driver))
      expect(error).toMatchObject({ code: 'UNAUTHENTICATED', retryable: false })
      expect(JSON.stringify(error)).not.toContain(secretAccessKey)
      if (/^(put|delete|setV)/.test(name)) expect(error.outcome).toBe('unchanged')
    })

    test.runIf(real)('unknown access key: UNAUTHENTICATED', async () => {
      const driver = make({ credentials: { accessKeyId: 'nobody', secretAccessKey: 'nothing' } })
      expect(await failure(call(driver))).toMatchObject({ code: 'UNAUTHENTICATED' })
    })
  })

  test.runIf(real)('wrong clock: UNAUTHENTICATED with the clock in the hint, and nothing stored', async () => {
    const client = new S3Client({
      endpoint: settings.endpoint,
      region: settings.region,
      credentials: settings.credentials,
      forcePathStyle: true,
      requestChecksumCalculation: 'WHEN_REQUIRED',
      systemClockOffset: 2 * 3600 * 1000,
      maxAttempts: 1,
    })
    const driver = new S3Driver({ bucket: bucket.name, client })
    const error = await failure(driver.put('skewed', 'x'))
    expect(error).toMatchObject({ code: 'UNAUTHENTICATED', outcome: 'unchanged' })
    expect(error.hint).toContain('clock')
    expect(await bucket.keys()).not.toContain('skewed')
    client.destroy()
  })
})

describe('unreachable', () => {
  test.each(verbs)('%s: UNAVAILABLE, retryable', async (name, call) => {
    const driver = make()
    await proxy.down()
    try {
      const error = await failure(call(driver))
      expect(error).toMatchObject({ code: 'UNAVAILABLE', retryable: true })
      if (/^(put|delete|setV)/.test(name)) expect(error.outcome).toBe('unchanged')
    } finally {
      await proxy.up()
    }
  })

  test('a host that does not exist', async () => {
    const driver = driverFor({ ...settings, endpoint: 'http://no-such-host.invalid' }, bucket, { maxAttempts: 1 })
    expect(await failure(driver.put('key', 'x'))).toMatchObject({ code: 'UNAVAILABLE', outcome: 'unchanged' })
    await driver.close()
  })
})

describe('answers that a healthy server does not give', () => {
  const answer = (status: number, code: string, extra = '') =>
    ({ kind: 'answer', status, body: s3Error(code, '', extra) }) as const

  test.each([
    [301, 'PermanentRedirect', '', 'CONFIGURATION'],
    [400, 'AuthorizationHeaderMalformed', '<Region>eu-central-1</Region>', 'CONFIGURATION'],
    [400, 'ExpiredToken', '', 'UNAUTHENTICATED'],
    [403, 'RequestTimeTooSkewed', '', 'UNAUTHENTICATED'],
    [403, 'AccessDenied', '', 'ACCESS_DENIED'],
    [403, 'SomethingNew', '', 'ACCESS_DENIED'],
    [400, 'EntityTooLarge', '', 'TOO_LARGE'],
    [400, 'BadDigest', '', 'UNAVAILABLE'],
    [400, 'RequestTimeout', '', 'TIMEOUT'],
    [501, 'NotImplemented', '', 'NOT_SUPPORTED'],
    [400, 'AccessControlListNotSupported', '', 'NOT_SUPPORTED'],
    [500, 'InternalError', '', 'UNAVAILABLE'],
    [503, 'SlowDown', '', 'UNAVAILABLE'],
    [429, 'TooManyRequests', '', 'UNAVAILABLE'],
    [504, 'GatewayTimeout', '', 'TIMEOUT'],
    [507, 'InsufficientStorage', '', 'NO_SPACE'],
    [418, 'Teapot', '', 'INTERNAL'],
  ] as const)('%i %s %s: %s', async (status, name, extra, code) => {
    proxy.fail(answer(status, name, extra))
    const driver = make({ maxAttempts: 1 })
    const error = await failure(driver.put('key', 'x'))
    expect(error).toMatchObject({ code, outcome: status === 500 || status === 504 ? 'unknown' : 'unchanged' })
    expect(error.hint).not.toBe('')
    if (extra !== '') expect(error.hint).toContain('eu-central-1')
  })

  test('a body that is no XML at all', async () => {
    proxy.fail({
      kind: 'answer',
      status: 502,
      headers: { 'content-type': 'text/html' },
      body: '<html>Bad gateway</html',
    })
    expect(await failure(make({ maxAttempts: 1 }).get('key'))).toMatchObject({ code: 'UNAVAILABLE' })
  })

  test('a region in a header is told, and never followed', async () => {
    proxy.fail({
      kind: 'answer',
      status: 301,
      headers: { 'x-amz-bucket-region': 'eu-west-3', location: 'http://127.0.0.1:1/' },
    })
    const error = await failure(make().head('key'))
    expect(error).toMatchObject({ code: 'CONFIGURATION' })
    expect(error.hint).toContain('eu-west-3')
  })
})

describe('exactly maxAttempts requests', () => {
  test.each(verbs.slice(0, 6))('%s on a permanent 503', async (_, call) => {
    const fault = proxy.fail({ kind: 'answer', status: 503, body: s3Error('ServiceUnavailable') })
    expect(await failure(call(make()))).toMatchObject({ code: 'UNAVAILABLE', retryable: true })
    expect(fault.hits).toBe(3)
  })

  test('and one, where one is asked for', async () => {
    const fault = proxy.fail({ kind: 'answer', status: 503, body: s3Error('SlowDown') })
    await failure(make({ maxAttempts: 1 }).put('key', 'x'))
    expect(fault.hits).toBe(1)
  })

  test('a small put and a get are one request each', async () => {
    const driver = make()
    await driver.put('one', 'x')
    await (await driver.get('one', { range: { start: 0 }, ifMatch: (await driver.put('one', 'y')).etag })).bytes()
    expect(proxy.requests.map(({ method }) => method)).toEqual(['PUT', 'PUT', 'GET'])
  })

  test('a put heals within its attempts, with the whole body again', async () => {
    proxy.fail({ kind: 'reset-after-request' }, { times: 2 })
    const driver = make()
    await driver.put('healed', 'the whole body')
    expect(await (await driver.get('healed')).text()).toBe('the whole body')
  })
})

describe('timeouts', () => {
  const timeouts = { response: 200, idle: 200 }

  test.each(verbs)('%s: a server that never answers is TIMEOUT', async (name, call) => {
    proxy.fail({ kind: 'hang' })
    const error = await failure(call(make({ timeouts, maxAttempts: 1 })))
    expect(error).toMatchObject({ code: 'TIMEOUT', retryable: true })
    if (/^(put|delete|setV)/.test(name)) expect(error.outcome).toBe('unknown')
  })

  test('an abort ends the wait at once', async () => {
    proxy.fail({ kind: 'hang' })
    const controller = new AbortController()
    const call = failure(make().put('aborted', 'x', { signal: controller.signal }))
    while (proxy.requests.length === 0) await new Promise((resolve) => setImmediate(resolve))
    controller.abort()
    expect(await call).toMatchObject({ code: 'ABORTED', outcome: 'unknown' })
  })
})

describe('configuration', () => {
  test.each([
    ['bucket', { bucket: '' }],
    ['endpoint', { bucket: 'b', endpoint: 'not a url' }],
    ['partSize', { bucket: 'b', partSize: 1 }],
    ['prefix', { bucket: 'b', prefix: '../up' }],
    ['sse', { bucket: 'b', sse: 'rot13' as never }],
  ])('a wrong %s is named by the constructor', (name, options) => {
    expect(() => new S3Driver(options)).toThrow(
      expect.objectContaining({ code: 'CONFIGURATION', message: expect.stringContaining(name) }),
    )
  })

  test('checkConfiguration finds region and credentials without a request', async () => {
    const driver = make()
    await driver.checkConfiguration()
    expect(proxy.requests).toHaveLength(0)
  })

  test('credentials that cannot be had: UNAUTHENTICATED', async () => {
    const credentials = async () => {
      throw Object.assign(new Error('nothing found'), { name: 'CredentialsProviderError' })
    }
    expect(await failure(make({ credentials }).checkConfiguration())).toMatchObject({ code: 'UNAUTHENTICATED' })
    expect(await failure(make({ credentials }).put('key', 'x'))).toMatchObject({
      code: 'UNAUTHENTICATED',
      outcome: 'unchanged',
    })
  })

  test('no region: CONFIGURATION', async () => {
    const client = {
      send: async () => ({}),
      config: { region: async () => Promise.reject(new Error('Region is missing')) },
    }
    const driver = new S3Driver({ bucket: 'b', client })
    const error = await failure(driver.checkConfiguration())
    expect(error).toMatchObject({ code: 'CONFIGURATION' })
    expect(error.hint).toContain('AWS_REGION')
  })
})

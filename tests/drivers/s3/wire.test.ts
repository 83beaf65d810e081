import { Readable } from 'node:stream'
import { GetObjectCommand, HeadObjectCommand, PutObjectCommand, S3Client } from '@aws-sdk/client-s3'
import { mockClient } from 'aws-sdk-client-mock'
import { afterAll, afterEach, beforeAll, describe, expect, inject, test } from 'vitest'
import { S3Driver, type S3Encryption } from '../../../src/drivers/s3/index.js'
import { createBucket, type TestBucket } from '../../servers/bucket.js'
import { type FaultProxy, startFaultProxy } from '../../servers/fault-proxy.js'
import { driverFor, failure, mebibytes } from './setup.js'

const settings = inject('s3')
let bucket: TestBucket
let proxy: FaultProxy

beforeAll(async () => {
  bucket = await createBucket(settings, 'wire')
  proxy = await startFaultProxy(settings.endpoint)
})
afterEach(() => proxy.heal())
afterAll(async () => {
  await proxy.stop()
  await bucket.remove()
})

describe('encryption on the wire', () => {
  async function seen(sse: S3Encryption | undefined) {
    const driver = driverFor({ ...settings, endpoint: proxy.endpoint }, bucket, {
      sse,
      partSize: 5 * 1024 ** 2,
      maxAttempts: 1,
    })
    // Ceph has no KMS: what it answers does not matter here, what it was asked does.
    await driver.put('small', 'x').catch(() => {})
    await driver.put('large', mebibytes(6)).catch(() => {})
    await bucket.client.send(new PutObjectCommand({ Bucket: bucket.name, Key: 'source', Body: 'x' }))
    await driver.copy('source', 'copy').catch(() => {})
    const upload = await driver.signUpload('signed')
    await driver.close()
    const find = (test: (url: string, method: string, headers: object) => boolean) => {
      return proxy.requests.find(({ url, method, headers }) => test(url, method, headers))?.headers
    }
    return {
      put: find((url, method) => method === 'PUT' && url.includes('/small')),
      create: find((url, method) => method === 'POST' && url.includes('uploads')),
      copy: find((_, __, headers) => 'x-amz-copy-source' in headers),
      presigned: upload.method === 'PUT' ? upload.headers : {},
    }
  }

  test('AES256', async () => {
    for (const headers of Object.values(await seen('AES256'))) {
      expect(headers).toMatchObject({ 'x-amz-server-side-encryption': 'AES256' })
    }
  })

  test('a KMS key', async () => {
    for (const headers of Object.values(await seen({ kms: 'key-1' }))) {
      expect(headers).toMatchObject({
        'x-amz-server-side-encryption': 'aws:kms',
        'x-amz-server-side-encryption-aws-kms-key-id': 'key-1',
      })
    }
  })

  test("the bucket's own, which is the default away from AWS: no header", async () => {
    for (const sse of ['bucket', undefined] as const) {
      const headers = await seen(sse)
      expect(headers.put).toBeDefined()
      for (const each of Object.values(headers)) expect(each).not.toHaveProperty('x-amz-server-side-encryption')
    }
  })
})

describe('other headers', () => {
  test('a put off AWS has a length, no checksum, no trailer, no ACL and does not wait for 100', async () => {
    const driver = driverFor({ ...settings, endpoint: proxy.endpoint }, bucket)
    await driver.put('plain', Readable.from(mebibytes(3)))
    const [{ headers } = { headers: {} }] = proxy.requests
    expect(headers).toMatchObject({ 'content-length': `${3 * 1024 ** 2}` })
    expect(Object.keys(headers).filter((name) => /checksum|trailer|expect|acl|transfer-encoding/.test(name))).toEqual(
      [],
    )
    await driver.put('open', 'x', { visibility: 'public' })
    expect(proxy.requests[1]?.headers).toMatchObject({ 'x-amz-acl': 'public-read' })
    await driver.close()
  })
})

describe("a client of the caller's own", () => {
  test('is used, mocks included, and never destroyed', async () => {
    const client = new S3Client({ region: 'eu-central-1', credentials: settings.credentials })
    const mock = mockClient(client)
    mock.on(PutObjectCommand).resolves({ ETag: '"abc"' })
    mock
      .on(HeadObjectCommand)
      .resolves({ ETag: '"abc"', ContentLength: 5, LastModified: new Date(0), Metadata: { a: 'b' } })
    const Body = Readable.from([Buffer.from('hello')]) as never
    mock.on(GetObjectCommand).resolves({ ETag: '"abc"', ContentLength: 5, Body })
    const driver = new S3Driver({ bucket: 'b', client })
    expect(await driver.put('key', 'hello')).toMatchObject({ etag: 'abc', size: 5 })
    expect(mock.commandCalls(PutObjectCommand)[0]?.args[0].input).toMatchObject({
      Bucket: 'b',
      Key: 'key',
      // The client talks to AWS, where encryption is asked for by default.
      ServerSideEncryption: 'AES256',
    })
    expect(await driver.head('key')).toMatchObject({ size: 5, metadata: { a: 'b' } })
    expect(await (await driver.get('key')).text()).toBe('hello')
    let destroyed = false
    client.destroy = () => {
      destroyed = true
    }
    await driver.close()
    expect(destroyed).toBe(false)
  })

  test('failing in a way of its own is INTERNAL, not ABORTED', async () => {
    const client = new S3Client({ region: 'eu-central-1', credentials: settings.credentials })
    mockClient(client)
      .on(HeadObjectCommand)
      .rejects(Object.assign(new Error('odd'), { name: 'AbortError' }))
    expect(await failure(new S3Driver({ bucket: 'b', client }).head('key'))).toMatchObject({ code: 'INTERNAL' })
  })
})

import * as sdk from '@aws-sdk/client-s3'
import { mockClient } from 'aws-sdk-client-mock'
import { describe, expect, test } from 'vitest'
import { findTarget } from '../../../../src/drivers/s3/direct/target.js'
import { S3Driver } from '../../../../src/drivers/s3/index.js'
import { failure } from '../setup.js'

const credentials = { accessKeyId: 'AK', secretAccessKey: 'secret' }

const cases: [string, sdk.S3ClientConfig, string, string, string][] = [
  ['AWS', { region: 'eu-central-1' }, 'photos', 'https://photos.s3.eu-central-1.amazonaws.com', '/'],
  ['us-east-1', { region: 'us-east-1' }, 'photos', 'https://photos.s3.us-east-1.amazonaws.com', '/'],
  ['China', { region: 'cn-north-1' }, 'photos', 'https://photos.s3.cn-north-1.amazonaws.com.cn', '/'],
  [
    'a name with dots, which no certificate covers',
    { region: 'eu-central-1' },
    'photos.example.com',
    'https://s3.eu-central-1.amazonaws.com',
    '/photos.example.com/',
  ],
  [
    'dual-stack',
    { region: 'eu-central-1', useDualstackEndpoint: true },
    'photos',
    'https://photos.s3.dualstack.eu-central-1.amazonaws.com',
    '/',
  ],
  [
    'FIPS',
    { region: 'us-east-1', useFipsEndpoint: true },
    'photos',
    'https://photos.s3-fips.us-east-1.amazonaws.com',
    '/',
  ],
  [
    'the path style',
    { region: 'eu-central-1', forcePathStyle: true },
    'b',
    'https://s3.eu-central-1.amazonaws.com',
    '/b/',
  ],
  [
    'an endpoint with a port',
    { region: 'r', endpoint: 'http://127.0.0.1:9000', forcePathStyle: true },
    'b',
    'http://127.0.0.1:9000',
    '/b/',
  ],
  [
    'an endpoint with a path',
    { region: 'r', endpoint: 'https://project.example.co/storage/v1/s3', forcePathStyle: true },
    'b',
    'https://project.example.co',
    '/storage/v1/s3/b/',
  ],
  [
    'an endpoint by host',
    { region: 'auto', endpoint: 'https://s3.example.com' },
    'photos',
    'https://photos.s3.example.com',
    '/',
  ],
]

test.each(cases)('%s', async (_, config, bucket, origin, base) => {
  const client = new sdk.S3Client({ ...config, credentials })
  const host = new URL(origin).host
  expect(await findTarget(sdk, client, bucket)).toEqual({ origin, host, base, region: config.region })
})

describe('what only the SDK can reach', () => {
  const arn = 'arn:aws:s3::123456789012:accesspoint/mfzwi23gnjvgw.mrap'

  test.each(['photos--use1-az4--x-s3', arn])('%s', async (bucket) => {
    const client = new sdk.S3Client({ region: 'us-east-1', credentials })
    expect(await findTarget(sdk, client, bucket)).toBeUndefined()
  })

  test("is said where transport is 'direct'", async () => {
    const bucket = 'photos--use1-az4--x-s3'
    const driver = new S3Driver({ bucket, region: 'us-east-1', credentials, transport: 'direct' })
    expect(await failure(driver.head('key'))).toMatchObject({ code: 'CONFIGURATION', hint: /'auto'/ })
    await driver.close()
  })
})

describe('a client of your own', () => {
  test('gets every request', async () => {
    const client = new sdk.S3Client({ region: 'r', credentials })
    const mock = mockClient(client)
    mock.on(sdk.PutObjectCommand).resolves({ ETag: '"e"' })
    const driver = new S3Driver({ bucket: 'b', client })
    expect(await driver.put('key', 'x')).toMatchObject({ etag: 'e' })
    expect(mock.commandCalls(sdk.PutObjectCommand)).toHaveLength(1)
  })

  test("is refused with transport: 'direct'", () => {
    const client = new sdk.S3Client({ region: 'r', credentials })
    expect(() => new S3Driver({ bucket: 'b', client, transport: 'direct' })).toThrow(
      expect.objectContaining({ code: 'CONFIGURATION' }),
    )
  })
})

test('a checksum that Node does not compute natively is left to the SDK', async () => {
  const options = { bucket: 'b', region: 'r', credentials, endpoint: 'http://127.0.0.1:1', maxAttempts: 1 }
  const driver = new S3Driver({ ...options, transport: 'direct' })
  // Shows where the request would go, before any of the SDK's clients is replaced.
  await failure(driver.put('key', 'x'))
  const mock = mockClient(sdk.S3Client)
  mock.on(sdk.PutObjectCommand).resolves({ ETag: '"e"' })
  await expect(driver.put('key', 'x', { checksum: 'crc32c' })).resolves.toMatchObject({ etag: 'e' })
  await driver.close()
  mock.restore()
})

import { createHash, randomBytes } from 'node:crypto'
import { Readable } from 'node:stream'
import { afterAll, afterEach, beforeAll, describe, expect, inject, test } from 'vitest'
import type { S3Driver } from '../../../src/drivers/s3/index.js'
import { createBucket, type TestBucket } from '../../servers/bucket.js'
import { driverFor, failure, mebibytes } from './setup.js'

const settings = inject('s3')
/** fauxqs keeps few headers, forgets them on copy, knows no uploads in a list and no copied parts. */
const real = settings.kind !== 'fauxqs'
const MIB = 1024 ** 2
let bucket: TestBucket
let driver: S3Driver

beforeAll(async () => {
  bucket = await createBucket(settings, 'put')
  driver = driverFor(settings, bucket, { partSize: 5 * MIB, queueSize: 2 })
})
afterEach(() => bucket.assertNoOpenUploads())
afterAll(async () => {
  await driver.close()
  await bucket.remove()
})

async function bytesOf(key: string): Promise<Buffer> {
  return Buffer.from(await (await driver.get(key)).bytes())
}

describe('a put comes back as it was given', () => {
  test.each([
    ['empty', 0],
    ['one byte', 1],
    ['a part less a byte', 5 * MIB - 1],
    ['exactly a part', 5 * MIB],
    ['a part and a byte', 5 * MIB + 1],
    ['two parts', 10 * MIB],
    ['three parts and a bit', 15 * MIB + 77],
  ])('%s, as bytes and as a stream of unknown length', async (_, size) => {
    const bytes = randomBytes(size)
    const put = await driver.put('sized', bytes)
    expect(put.size).toBe(size)
    expect((await bytesOf('sized')).equals(bytes)).toBe(true)
    const pieces = Array.from({ length: Math.ceil(size / 70_001) }, (_, i) =>
      bytes.subarray(i * 70_001, (i + 1) * 70_001),
    )
    const streamed = await driver.put('streamed', Readable.from(pieces))
    const head = await driver.head('streamed')
    expect(streamed.etag).toBe(head.etag)
    expect(streamed.size).toBe(head.size)
    expect((await bytesOf('streamed')).equals(bytes)).toBe(true)
  })

  test.runIf(real)('attributes, non-ASCII ones too, and what put says is what head says', async () => {
    const attributes = {
      contentType: 'text/plain; charset=utf-8',
      cacheControl: 'no-cache',
      contentDisposition: 'attachment; filename="a.txt"',
      contentEncoding: 'identity',
      contentLanguage: 'de',
      metadata: {
        plain: 'a  b',
        german: 'Grüße',
        emoji: '😀 end',
        under_score: 'kept',
        empty: '',
        padded: ' blanks ',
        marked: "utf-8''x",
        percent: '100%',
      },
    }
    const put = await driver.put('attributes', 'x', attributes)
    const head = await driver.head('attributes')
    expect(head).toMatchObject(attributes)
    expect(head.metadata).toEqual(attributes.metadata)
    expect(Math.abs(put.lastModified.getTime() - head.lastModified.getTime())).toBeLessThanOrEqual(2000)
    expect({ ...put, lastModified: 0 }).toEqual({ ...head, lastModified: 0 })
    const large = await driver.put('large', mebibytes(6), attributes)
    const { lastModified: _, ...rest } = await driver.head('large')
    expect(large).toMatchObject(rest)
  })

  test('every token character in a metadata name', async () => {
    const metadata = { "a!#$%&'*+-.^`|~9": 'odd', 'a-b': 'dash', a_b_c: 'underscores' }
    await driver.put('names', 'x', { metadata })
    expect((await driver.head('names')).metadata).toEqual(metadata)
  })

  test('a sha256 that was given is remembered', async () => {
    const sha256 = createHash('sha256').update('hello').digest('hex')
    expect((await driver.put('hashed', 'hello', { sha256: sha256.toUpperCase() })).sha256).toBe(sha256)
    expect((await driver.head('hashed')).sha256).toBe(sha256)
  })

  test.each(['crc32', 'crc32c', 'sha1', 'sha256'] as const)('with a checksum %s on the wire', async (checksum) => {
    await driver.put('checksum', 'hello', { checksum })
    expect(await bytesOf('checksum')).toEqual(Buffer.from('hello'))
    await driver.put('checksum', mebibytes(6), { checksum })
    expect((await driver.head('checksum')).size).toBe(6 * MIB)
  })
})

describe('what S3 cannot keep is refused before anything is sent', () => {
  test.each([
    ['contentDisposition', { contentDisposition: 'attachment; filename="é.txt"' }],
    ['metadata beyond 2 KiB once encoded', { metadata: { a: 'é'.repeat(700) } }],
    ['metadata names that Ceph would take for one', { metadata: { a_b: '1', 'a-b': '2' } }],
    ['a metadata name of the driver', { metadata: { 'hybrid-store-token': 'x' } }],
  ])('%s', async (_, options) => {
    const body = Readable.from(mebibytes(1))
    const error = await failure(driver.put('refused', body, options))
    expect(error).toMatchObject({ code: 'INVALID_ARGUMENT', outcome: 'unchanged' })
    expect(body.destroyed).toBe(true)
    expect(await failure(driver.head('refused'))).toMatchObject({ code: 'NOT_FOUND' })
  })

  test('a key that is too long with the prefix', async () => {
    const prefixed = driverFor(settings, bucket, { prefix: 'p'.repeat(100) })
    expect(prefixed.capabilities.maxKeyBytes).toBe(1024 - 101)
    expect(await failure(prefixed.put('k'.repeat(924), 'x'))).toMatchObject({
      code: 'INVALID_KEY',
      outcome: 'unchanged',
    })
    await prefixed.put('k'.repeat(923), 'x')
    await prefixed.close()
  })

  test('more than 5 TiB', async () => {
    const body = Readable.from([])
    const error = await failure(driver.put('refused', body, { size: 5 * 1024 ** 4 + 1 }))
    expect(error).toMatchObject({ code: 'TOO_LARGE', outcome: 'unchanged' })
    expect(body.destroyed).toBe(true)
  })
})

describe('a body that fails leaves the old version and no upload', () => {
  async function* failsAfter(count: number): AsyncGenerator<Uint8Array> {
    yield* mebibytes(count)
    throw new Error('the source broke')
  }

  test.each([
    ['at once', 0],
    ['in the first part', 1],
    ['after parts went out', 17],
  ])('%s', async (_, count) => {
    await driver.put('kept', 'old')
    const error = await failure(driver.put('kept', failsAfter(count)))
    expect(error).toMatchObject({ code: 'BODY_FAILED', outcome: 'unchanged' })
    expect((await bytesOf('kept')).toString()).toBe('old')
    expect(await bucket.openUploads().then((open) => open.length < 2)).toBe(true)
  })

  test.each([
    ['too short', { size: 13 * MIB }, 'SIZE_MISMATCH'],
    ['too long', { size: 11 * MIB }, 'SIZE_MISMATCH'],
    ['over maxSize', { maxSize: 11 * MIB }, 'TOO_LARGE'],
    ['other bytes than sha256 says', { sha256: '0'.repeat(64) }, 'CHECKSUM_MISMATCH'],
  ])('%s', async (_, options, code) => {
    await driver.put('kept', 'old')
    expect(await failure(driver.put('kept', mebibytes(12), options))).toMatchObject({ code, outcome: 'unchanged' })
    expect((await bytesOf('kept')).toString()).toBe('old')
  })
})

describe('an abort', () => {
  test.each([1, 12])('after %i MiB leaves the old version, no upload and no open source', async (after) => {
    await driver.put('kept', 'old')
    const controller = new AbortController()
    const source = Readable.from(
      (async function* () {
        yield* mebibytes(after)
        controller.abort()
        await new Promise(() => {})
      })(),
    )
    const error = await failure(driver.put('kept', source, { signal: controller.signal }))
    expect(error).toMatchObject({ code: 'ABORTED', outcome: 'unchanged' })
    expect(source.destroyed).toBe(true)
    expect((await bytesOf('kept')).toString()).toBe('old')
  })

  test('before the put sends nothing', async () => {
    const body = Readable.from(mebibytes(1))
    const error = await failure(driver.put('never', body, { signal: AbortSignal.abort() }))
    expect(error).toMatchObject({ code: 'ABORTED', outcome: 'unchanged' })
    expect(body.destroyed).toBe(true)
  })
})

test('a closed driver refuses, and lets go of the body', async () => {
  const other = driverFor(settings, bucket)
  await other.put('open', 'x')
  await other.close()
  const body = Readable.from(mebibytes(1))
  expect(await failure(other.put('closed', body))).toMatchObject({ code: 'CONFIGURATION' })
  expect(body.destroyed).toBe(true)
  expect(await failure(other.head('open'))).toMatchObject({ code: 'CONFIGURATION' })
})

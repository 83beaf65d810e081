import type { UploadPartCommandInput } from '@aws-sdk/client-s3'
import { Upload } from '@aws-sdk/lib-storage'
import { afterEach, describe, expect, test, vi } from 'vitest'
import { S3Driver } from '../../../src/drivers/s3/index.js'
import { failure, mebibytes } from './setup.js'

const MIB = 1024 ** 2

interface Sent {
  readonly name: string
  readonly input: Record<string, unknown>
}

/** A client that takes every request and answers as S3 does; `refuse` makes it fail instead. */
function takingAll(refuse: (sent: Sent) => Error | undefined = () => undefined) {
  const sent: Sent[] = []
  const bytes = new Map<number, Buffer>()
  const buffers = new Set<ArrayBufferLike>()
  async function send(command: object) {
    const { input } = command as { input: UploadPartCommandInput }
    const name = command.constructor.name
    sent.push({ name, input: { ...input } })
    await new Promise((resolve) => setImmediate(resolve))
    const error = refuse({ name, input: { ...input } })
    if (error) throw error
    if (name === 'CreateMultipartUploadCommand') return { UploadId: 'the-id' }
    if (name === 'CompleteMultipartUploadCommand') return { ETag: '"etag"' }
    if (name !== 'UploadPartCommand') return {}
    const { PartNumber = 0, Body } = input as { PartNumber?: number; Body: Uint8Array }
    bytes.set(PartNumber, Buffer.from(Body))
    buffers.add(Body.buffer)
    return { ETag: `"${PartNumber}"`, ChecksumCRC32: `crc-${PartNumber}` }
  }
  const whole = () => Buffer.concat([...bytes].sort(([a], [b]) => a - b).map(([, part]) => part))
  const named = (name: string) => sent.filter((one) => one.name === `${name}Command`).map(({ input }) => input)
  return { client: { config: {}, send }, sent, named, whole, buffers }
}

async function expected(count: number): Promise<Buffer> {
  const all: Uint8Array[] = []
  for await (const chunk of mebibytes(count)) all.push(chunk)
  return Buffer.concat(all)
}

afterEach(() => {
  vi.doUnmock('@aws-sdk/lib-storage')
  vi.restoreAllMocks()
})

describe('an upload of lib-storage', () => {
  test('sends each request with what belongs into it and nothing more', async () => {
    const s3 = takingAll()
    const driver = new S3Driver({ bucket: 'b', client: s3.client, partSize: 5 * MIB })
    await driver.put('key', mebibytes(12), { contentType: 'text/plain', metadata: { a: 'b' }, checksum: 'crc32' })
    expect(s3.named('CreateMultipartUpload')).toEqual([
      expect.objectContaining({ Bucket: 'b', Key: 'key', ContentType: 'text/plain', ChecksumAlgorithm: 'CRC32' }),
    ])
    const parts = s3.named('UploadPart')
    expect(parts.map(({ PartNumber, ContentLength }) => [PartNumber, ContentLength])).toEqual([
      [1, 5 * MIB],
      [2, 5 * MIB],
      [3, 2 * MIB],
    ])
    for (const { Body, ContentLength, PartNumber, ...common } of parts) {
      expect(common).toEqual({ Bucket: 'b', Key: 'key', UploadId: 'the-id', ChecksumAlgorithm: 'CRC32' })
    }
    const Parts = [1, 2, 3].map((n) => ({ PartNumber: n, ETag: `"${n}"`, ChecksumCRC32: `crc-${n}` }))
    expect(s3.named('CompleteMultipartUpload')).toEqual([
      { Bucket: 'b', Key: 'key', UploadId: 'the-id', MultipartUpload: { Parts } },
    ])
    expect(s3.whole().equals(await expected(12))).toBe(true)
  })

  test('sends a long stream from few buffers', async () => {
    const s3 = takingAll()
    const driver = new S3Driver({ bucket: 'b', client: s3.client, partSize: 5 * MIB, queueSize: 2 })
    await driver.put('key', mebibytes(63))
    expect(s3.named('UploadPart')).toHaveLength(13)
    expect(s3.buffers.size).toBeLessThanOrEqual(4)
    expect(s3.whole().equals(await expected(63))).toBe(true)
  })

  test('of a version that takes no parts reads them as a stream', async () => {
    class Sealed extends Upload {}
    const work = (Upload.prototype as unknown as { __doConcurrentUpload: unknown }).__doConcurrentUpload
    Object.defineProperty(Sealed.prototype, '__doConcurrentUpload', { get: () => work, set() {} })
    vi.doMock('@aws-sdk/lib-storage', () => ({ Upload: Sealed }))
    const s3 = takingAll()
    const driver = new S3Driver({ bucket: 'b', client: s3.client, partSize: 5 * MIB, queueSize: 2 })
    const put = await driver.put('key', mebibytes(63))
    expect(put).toMatchObject({ size: 63 * MIB, etag: 'etag' })
    expect(s3.buffers.size).toBeGreaterThan(4)
    expect(s3.whole().equals(await expected(63))).toBe(true)

    async function* breaks() {
      yield* mebibytes(17)
      throw new Error('the source broke')
    }
    expect(await failure(driver.put('key', breaks()))).toMatchObject({ code: 'BODY_FAILED', outcome: 'unchanged' })
    expect(s3.named('AbortMultipartUpload')).toHaveLength(1)
  })

  test('that loses a part interrupts the others, waits for them, and aborts by its id', async () => {
    let reading = 0
    async function* body() {
      for await (const chunk of mebibytes(200)) {
        reading++
        yield chunk
      }
    }
    const s3 = takingAll(({ input }) =>
      input.PartNumber === 2 ? Object.assign(new Error(), { name: 'AccessDenied' }) : undefined,
    )
    const driver = new S3Driver({ bucket: 'b', client: s3.client, partSize: 5 * MIB, queueSize: 2 })
    expect(await failure(driver.put('key', body()))).toMatchObject({ code: 'ACCESS_DENIED', outcome: 'unchanged' })
    expect(reading).toBeLessThan(40)
    expect(s3.sent.at(-1)).toEqual({
      name: 'AbortMultipartUploadCommand',
      input: { Bucket: 'b', Key: 'key', UploadId: 'the-id' },
    })
    expect(s3.named('CompleteMultipartUpload')).toEqual([])
  })

  test('whose body breaks does not wait for parts that get no answer', async () => {
    async function* breaks() {
      yield* mebibytes(12)
      throw new Error('the source broke')
    }
    const s3 = takingAll()
    const silent = () => new Promise(() => {})
    const send = (command: object) =>
      command.constructor.name === 'UploadPartCommand' ? silent() : s3.client.send(command)
    const driver = new S3Driver({ bucket: 'b', client: { config: {}, send }, partSize: 5 * MIB })
    expect(await failure(driver.put('key', breaks()))).toMatchObject({ code: 'BODY_FAILED', outcome: 'unchanged' })
    expect(s3.named('AbortMultipartUpload')).toHaveLength(1)
  })

  test('that cannot begin sends nothing else', async () => {
    const s3 = takingAll(() => Object.assign(new Error(), { name: 'SlowDown' }))
    const driver = new S3Driver({ bucket: 'b', client: s3.client, partSize: 5 * MIB })
    expect(await failure(driver.put('key', mebibytes(60)))).toMatchObject({ code: 'UNAVAILABLE', outcome: 'unchanged' })
    expect(s3.sent.map(({ name }) => name)).toEqual(['CreateMultipartUploadCommand'])
  })

  test('without an etag for a part is a failure of the put', async () => {
    const s3 = takingAll()
    const client = {
      config: {},
      send: async (command: object) => {
        const answer = await s3.client.send(command)
        return command.constructor.name === 'UploadPartCommand' ? {} : answer
      },
    }
    const driver = new S3Driver({ bucket: 'b', client, partSize: 5 * MIB })
    expect(await failure(driver.put('key', mebibytes(12)))).toMatchObject({ code: 'INTERNAL', outcome: 'unchanged' })
    expect(s3.named('AbortMultipartUpload')).toHaveLength(1)
  })

  test('whose package is missing says what to install, and lets go of the body; small bodies do without', async () => {
    vi.doMock('@aws-sdk/lib-storage', () => {
      throw Object.assign(new Error('Cannot find package'), { code: 'ERR_MODULE_NOT_FOUND' })
    })
    const s3 = takingAll()
    const driver = new S3Driver({ bucket: 'b', client: s3.client, partSize: 5 * MIB })
    await driver.put('small', mebibytes(2))
    const error = await failure(driver.put('key', mebibytes(12)))
    expect(error).toMatchObject({ code: 'CONFIGURATION', outcome: 'unchanged' })
    expect(error.hint).toContain('npm install @aws-sdk/lib-storage')
    expect(s3.sent.map(({ name }) => name)).toEqual(['PutObjectCommand'])
  })
})

import { createHash, createHmac, type Hash, type Hmac } from 'node:crypto'
import { SignatureV4 } from '@smithy/signature-v4'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { Signer, UNSIGNED, type Unsigned } from '../../../../src/drivers/s3/direct/sigv4.js'
import { encodeKey } from '../../../../src/drivers/s3/encode-key.js'

const EMPTY = createHash('sha256').digest('hex')

describe("the worked examples of AWS's documentation", () => {
  // https://docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-header-based-auth.html
  const credentials = {
    accessKeyId: 'AKIAIOSFODNN7EXAMPLE',
    secretAccessKey: 'wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY',
  }
  const now = new Date('2013-05-24T00:00:00Z')
  const host = ['host', 'examplebucket.s3.amazonaws.com'] as const

  const examples: [string, Unsigned, string, string][] = [
    [
      'get object',
      { method: 'GET', path: '/test.txt', query: '', headers: [host, ['range', 'bytes=0-9']], payload: EMPTY },
      'host;range;x-amz-content-sha256;x-amz-date',
      'f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41',
    ],
    [
      'put object',
      {
        method: 'PUT',
        path: '/test%24file.text',
        query: '',
        headers: [host, ['date', 'Fri, 24 May 2013 00:00:00 GMT'], ['x-amz-storage-class', 'REDUCED_REDUNDANCY']],
        payload: createHash('sha256').update('Welcome to Amazon S3.').digest('hex'),
      },
      'date;host;x-amz-content-sha256;x-amz-date;x-amz-storage-class',
      '98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd',
    ],
    [
      'get bucket lifecycle',
      { method: 'GET', path: '/', query: 'lifecycle=', headers: [host], payload: EMPTY },
      'host;x-amz-content-sha256;x-amz-date',
      'fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543',
    ],
    [
      'list objects',
      { method: 'GET', path: '/', query: 'max-keys=2&prefix=J', headers: [host], payload: EMPTY },
      'host;x-amz-content-sha256;x-amz-date',
      '34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7',
    ],
  ]

  test.each(examples)('%s', (_, request, signed, signature) => {
    const headers = toObject(new Signer('us-east-1').sign(request, credentials, now))
    expect(headers.authorization).toBe(
      `AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request, SignedHeaders=${signed}, Signature=${signature}`,
    )
  })
})

test('10,000 random requests are signed as @smithy/signature-v4 signs them', async () => {
  const text = (max: number) => fc.string({ unit: 'grapheme', maxLength: max })
  const ascii = fc.string({ unit: 'grapheme-ascii', maxLength: 40 })
  const request = fc.record({
    method: fc.constantFrom('GET', 'HEAD', 'PUT', 'DELETE'),
    key: text(30),
    query: fc.dictionary(fc.constantFrom('prefix', 'start-after', 'partNumber', 'uploadId', 'list-type'), text(20)),
    metadata: fc.dictionary(fc.stringMatching(/^[a-z0-9-]{1,12}$/), ascii),
    cacheControl: fc.boolean(),
    payload: fc.constantFrom(EMPTY, UNSIGNED),
    region: fc.constantFrom('us-east-1', 'eu-central-1', 'cn-north-1'),
    secret: fc.string({ unit: 'grapheme-ascii', minLength: 1, maxLength: 40 }),
    token: fc.option(fc.base64String({ minLength: 4, maxLength: 60 }), { nil: undefined }),
    // A key is derived for a day: the same signer goes over midnight.
    times: fc.tuple(time(), time()),
  })
  const property = fc.asyncProperty(request, async (given) => {
    const { method, key, query, metadata, payload, region, secret, token, times } = given
    const credentials = { accessKeyId: 'AK', secretAccessKey: secret, ...(token ? { sessionToken: token } : {}) }
    const headers: [string, string][] = [['host', 'bucket.example.com']]
    for (const [name, value] of Object.entries(metadata)) headers.push([`x-amz-meta-${name}`, value])
    if (given.cacheControl) headers.push(['cache-control', 'no-store'])
    const encode = (value: string) => encodeKey(value).replaceAll('/', '%2F')
    const pairs = Object.entries(query).map(([name, value]) => `${name}=${encode(value)}`)
    const path = `/${encodeKey(key)}`
    const signer = new Signer(region)
    const theirs = new SignatureV4({
      service: 's3',
      region,
      credentials,
      sha256: NodeSha256,
      uriEscapePath: false,
      applyChecksum: false,
    })
    for (const now of times) {
      const ours = signer.sign({ method, path, query: pairs.sort().join('&'), headers, payload }, credentials, now)
      const signed = await theirs.sign(
        {
          method,
          protocol: 'https:',
          hostname: 'bucket.example.com',
          path,
          query,
          headers: { ...Object.fromEntries(headers), 'x-amz-content-sha256': payload },
        },
        { signingDate: now },
      )
      expect(toObject(ours)).toEqual(signed.headers)
    }
  })
  await fc.assert(property, { numRuns: Number(process.env.SIGN_RUNS ?? 5000) })
}, 120_000)

function time(): fc.Arbitrary<Date> {
  return fc.date({ min: new Date('2000-01-01'), max: new Date('2099-12-31'), noInvalidDate: true })
}

function toObject(flat: readonly string[]): Record<string, string> {
  return Object.fromEntries(Array.from({ length: flat.length / 2 }, (_, i) => flat.slice(2 * i, 2 * i + 2)))
}

/** What @smithy/signature-v4 wants of a hash, and of an HMAC where there is a secret. */
class NodeSha256 {
  readonly #secret: string | Uint8Array | undefined
  #hash: Hash | Hmac

  constructor(secret?: string | ArrayBuffer | ArrayBufferView) {
    this.#secret = secret as string | Uint8Array | undefined
    this.#hash = this.#fresh()
  }

  update(data: Uint8Array | string): void {
    this.#hash.update(data)
  }

  async digest(): Promise<Uint8Array> {
    return this.#hash.digest()
  }

  reset(): void {
    this.#hash = this.#fresh()
  }

  #fresh(): Hash | Hmac {
    return this.#secret === undefined ? createHash('sha256') : createHmac('sha256', this.#secret)
  }
}

import { createHmac, hash } from 'node:crypto'
import type { S3Credentials } from '../options.js'

/** What S3 takes for the hash of a body that only TLS and its checksum header protect. */
export const UNSIGNED = 'UNSIGNED-PAYLOAD'

/** Headers that proxies may rewrite: a signature over them would break. The SDK leaves them out, too. */
const CHANGED_ON_THE_WAY = new Set(['cache-control'])

export interface Unsigned {
  readonly method: string
  /** Percent-encoded once, as it goes out. */
  readonly path: string
  /** Without `?`: encoded, and sorted by name. */
  readonly query: string
  /** Lower-case names; `host` among them. */
  readonly headers: readonly (readonly [name: string, value: string])[]
  /** Lower-case hex sha256 of the body, or `UNSIGNED`. */
  readonly payload: string
}

/**
 * Signs requests to S3: AWS Signature Version 4 in the Authorization header, where S3 differs from other services in
 * that paths are encoded once and never normalised. The key of a day and region is derived once.
 * https://docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-header-based-auth.html
 */
export class Signer {
  readonly #region: string
  #secret: string | undefined
  #day: string | undefined
  #key: Buffer | undefined

  constructor(region: string) {
    this.#region = region
  }

  /** All headers of the signed request, as name, value, name, value. */
  sign(request: Unsigned, credentials: S3Credentials, now: Date): string[] {
    const { accessKeyId, secretAccessKey, sessionToken } = credentials
    const time = now.toISOString().replace(/[-:]|\.\d{3}/g, '')
    const day = time.slice(0, 8)
    const headers = [...request.headers, ['x-amz-content-sha256', request.payload], ['x-amz-date', time]] as [
      string,
      string,
    ][]
    if (sessionToken) headers.push(['x-amz-security-token', sessionToken])
    headers.sort(byName)
    let signed = ''
    let canonical = ''
    const flat: string[] = []
    for (const [name, value] of headers) {
      flat.push(name, value)
      if (CHANGED_ON_THE_WAY.has(name)) continue
      signed += signed === '' ? name : `;${name}`
      canonical += `${name}:${value.trim().replace(/ {2,}/g, ' ')}\n`
    }
    const { method, path, query, payload } = request
    const digest = hash('sha256', `${method}\n${path}\n${query}\n${canonical}\n${signed}\n${payload}`)
    const scope = `${day}/${this.#region}/s3/aws4_request`
    const signature = createHmac('sha256', this.#keyOf(secretAccessKey, day))
      .update(`AWS4-HMAC-SHA256\n${time}\n${scope}\n${digest}`)
      .digest('hex')
    const credential = `${accessKeyId}/${scope}`
    flat.push(
      'authorization',
      `AWS4-HMAC-SHA256 Credential=${credential}, SignedHeaders=${signed}, Signature=${signature}`,
    )
    return flat
  }

  #keyOf(secret: string, day: string): Buffer {
    if (this.#key === undefined || this.#secret !== secret || this.#day !== day) {
      const steps = [day, this.#region, 's3', 'aws4_request']
      this.#key = steps.reduce<Buffer>((key, step) => hmac(key, step), Buffer.from(`AWS4${secret}`))
      this.#secret = secret
      this.#day = day
    }
    return this.#key
  }
}

function hmac(key: Buffer, text: string): Buffer {
  return createHmac('sha256', key).update(text).digest()
}

function byName([a]: readonly [string, string], [b]: readonly [string, string]): number {
  return a < b ? -1 : a > b ? 1 : 0
}

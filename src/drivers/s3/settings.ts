import { StorageError } from '../../errors/index.js'
import { assertKey, keyProblem, MAX_KEY_BYTES, quoteKey } from '../../keys/index.js'
import type { S3DriverOptions, S3Encryption, S3Features, S3Timeouts, S3Transport } from './options.js'

/** The options, checked and with their defaults. */
export interface S3Settings {
  readonly bucket: string
  readonly region: string | undefined
  readonly endpoint: string | undefined
  readonly forcePathStyle: boolean | undefined
  /** Empty, or a folder with its `/`. */
  readonly prefix: string
  readonly sse: S3Encryption | undefined
  readonly partSize: number
  readonly queueSize: number
  readonly maxAttempts: number
  readonly timeouts: Required<{ readonly [Name in keyof S3Timeouts]: number }>
  readonly transport: S3Transport
  readonly publicBaseUrl: string | undefined
  readonly visibility: boolean
  readonly features: Partial<S3Features>
  readonly onSkippedKey: S3DriverOptions['onSkippedKey']
}

export const MIN_PART_SIZE = 5 * 1024 ** 2
export const MAX_PART_SIZE = 5 * 1024 ** 3
export const MAX_PARTS = 10_000
/** S3's limit on an object. */
export const MAX_OBJECT_SIZE = 5 * 1024 ** 4
/** S3's limit on one PutObject and on one CopyObject. */
export const MAX_SINGLE_REQUEST = 5 * 1024 ** 3

/** CONFIGURATION names the option that is wrong. */
export function checkOptions(options: S3DriverOptions): S3Settings {
  const { bucket, region, endpoint = endpointFromEnvironment(), publicBaseUrl } = options
  if (typeof bucket !== 'string' || bucket === '' || bucket.includes('/'))
    throw wrong('bucket is missing or no bucket name')
  if (region !== undefined && (typeof region !== 'string' || !/^[A-Za-z0-9-]+$/.test(region))) {
    throw wrong('region is no region name')
  }
  for (const [name, url] of Object.entries({ endpoint, publicBaseUrl })) {
    if (url !== undefined && !/^https?:$/.test(parseUrl(url)?.protocol ?? '')) throw wrong(`${name} is no http(s) URL`)
  }
  return {
    bucket,
    region,
    endpoint,
    forcePathStyle: options.forcePathStyle,
    prefix: folder(options.prefix ?? ''),
    sse: checkEncryption(options.sse),
    partSize: whole('partSize', options.partSize, 8 * 1024 ** 2, MIN_PART_SIZE, MAX_PART_SIZE),
    queueSize: whole('queueSize', options.queueSize, 4, 1, 1000),
    maxAttempts: whole('maxAttempts', options.maxAttempts, 3, 1, 100),
    timeouts: {
      connect: whole('timeouts.connect', options.timeouts?.connect, 5_000, 1),
      response: whole('timeouts.response', options.timeouts?.response, 30_000, 1),
      idle: whole('timeouts.idle', options.timeouts?.idle, 30_000, 1),
    },
    transport: checkTransport(options),
    publicBaseUrl: publicBaseUrl?.replace(/\/+$/, ''),
    visibility: options.visibility ?? true,
    features: options.features ?? {},
    onSkippedKey: options.onSkippedKey,
  }
}

/** The key as the bucket knows it. INVALID_KEY. */
export function objectKey(settings: S3Settings, key: string, operation: string): string {
  assertKey(key, operation)
  const full = settings.prefix + key
  const bytes = Buffer.byteLength(full)
  if (bytes > MAX_KEY_BYTES) {
    throw new StorageError(
      'INVALID_KEY',
      `The key ${quoteKey(key)} has ${bytes} bytes with the prefix, more than ${MAX_KEY_BYTES}.`,
      {
        operation,
        hint: 'Choose a shorter key, or a shorter prefix for this driver.',
        outcome: 'unchanged',
      },
    )
  }
  return full
}

export function isAwsHost(host: string): boolean {
  return /(^|\.)amazonaws\.com(\.cn)?$/.test(host)
}

export function parseUrl(url: string): URL | undefined {
  return URL.canParse(url) ? new URL(url) : undefined
}

function endpointFromEnvironment(): string | undefined {
  return process.env.AWS_ENDPOINT_URL_S3 || process.env.AWS_ENDPOINT_URL || undefined
}

/** A folder and not a bare string, so that `user1` never takes in `user10/`. */
function folder(prefix: string): string {
  if (prefix === '') return ''
  const bare = prefix.replace(/\/$/, '')
  const problem = keyProblem(bare)
  if (problem !== undefined) throw wrong(`prefix ${problem}`)
  return `${bare}/`
}

function checkEncryption(sse: S3Encryption | undefined): S3Encryption | undefined {
  if (sse === undefined || sse === 'AES256' || sse === 'bucket') return sse
  if (typeof sse === 'object' && sse !== null && typeof sse.kms === 'string' && sse.kms !== '') return sse
  throw wrong("sse is neither 'AES256' nor 'bucket' nor { kms: keyId }")
}

function checkTransport({ transport = 'auto', client }: S3DriverOptions): S3Transport {
  if (!['auto', 'direct', 'sdk'].includes(transport)) throw wrong("transport is neither 'auto' nor 'direct' nor 'sdk'")
  if (transport === 'direct' && client) throw wrong("transport: 'direct' leaves no use for a client of your own")
  return transport
}

function whole(name: string, value: number | undefined, standard: number, min: number, max = 2 ** 31 - 1): number {
  if (value === undefined) return standard
  if (Number.isSafeInteger(value) && value >= min && value <= max) return value
  throw wrong(`${name} is ${String(value)}, not a whole number from ${min} to ${max}`)
}

function wrong(problem: string): StorageError {
  return new StorageError('CONFIGURATION', `The options of the S3 driver are wrong: ${problem}.`, {
    driver: 's3',
    outcome: 'unchanged',
  })
}

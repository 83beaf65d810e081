import type { Socket } from 'node:net'
import type { Readable } from 'node:stream'
import type { S3ClientConfig } from '@aws-sdk/client-s3'
import { isStorageError, StorageError } from '../../errors/index.js'
import { type FailedCall, s3CodeOf, toStorageError } from './errors.js'
import type { S3ClientLike, S3DriverOptions } from './options.js'
import { type Commands, loadSdk } from './sdk.js'
import { isAwsHost, parseUrl, type S3Settings } from './settings.js'
import { Trace } from './trace.js'

export interface Call extends FailedCall {
  /** Bytes that go out, which lengthen the time an answer may take. */
  readonly bytes?: number | undefined
  /** Lower-case hex: what the body must hash to when it arrives, for a body that is not in memory. */
  readonly payloadSha256?: string | undefined
}

/** The resolved configuration of an S3Client, as far as the driver asks for it. */
interface ClientConfig {
  readonly region?: string | (() => Promise<string>)
  readonly credentials?: () => Promise<{ readonly accessKeyId: string; readonly expiration?: Date | undefined }>
  readonly endpoint?: () => Promise<{ readonly hostname: string }>
  readonly requestChecksumCalculation?: () => Promise<string>
}

/** The slowest line on which an upload still counts as moving: 32 KiB a second, in bytes per millisecond. */
const SLOWEST_LINE = 32

/** Sockets of one client. Each open read holds one, so it must not run out under slow readers. */
const MAX_SOCKETS = 1024

const silent = { trace() {}, debug() {}, info() {}, warn() {}, error() {} }

/** The one client of a driver: made on first use, and what every request goes through. */
export class Connection {
  readonly settings: S3Settings
  readonly #own: S3ClientLike | undefined
  readonly #credentials: S3DriverOptions['credentials']
  readonly #bodies = new Set<Readable>()
  #client: Promise<S3ClientLike> | undefined
  #refusing = false
  #closed = false
  #storageTime: Date | undefined
  #bucketSeen = Number.NEGATIVE_INFINITY

  constructor(settings: S3Settings, options: Pick<S3DriverOptions, 'client' | 'credentials'>) {
    this.settings = settings
    this.#own = options.client
    this.#credentials = options.credentials
  }

  /** Sends one command. Every failure is a StorageError; `call.trace` tells what became of the attempts. */
  async send<Name extends keyof Commands>(
    name: Name,
    input: Commands[Name][0],
    call: Call,
  ): Promise<Commands[Name][1]> {
    const trace = call.trace ?? new Trace()
    try {
      call.signal?.throwIfAborted()
      const sdk = await loadSdk()
      const client = await this.client()
      const command = new (
        sdk[`${name}Command`] as unknown as new (
          input: object,
        ) => { middlewareStack: MiddlewareStack }
      )(input)
      command.middlewareStack.add(trace.middleware, { step: 'deserialize', priority: 'high', name: 'hybridStoreTrace' })
      if (name === 'DeleteObjects' && !(await this.isAws())) await addContentMd5(command.middlewareStack)
      if (call.payloadSha256) signPayload(command.middlewareStack, call.payloadSha256)
      command.middlewareStack.add(watchAnswer(name, this.settings.timeouts.idle), {
        step: 'deserialize',
        priority: 'low',
        name: 'hybridStoreWatchAnswer',
      })
      const requestTimeout = this.settings.timeouts.response + Math.ceil((call.bytes ?? 0) / SLOWEST_LINE)
      const sent = client.send(command, { abortSignal: call.signal, requestTimeout })
      const output = (await untilAborted(sent, call.signal)) as Commands[Name][1]
      this.#bucketSeen = performance.now()
      return output
    } catch (error) {
      if (s3CodeOf(error) === 'NoSuchKey') this.#bucketSeen = performance.now()
      throw toStorageError(error, { ...call, trace })
    } finally {
      if (trace.date) this.#storageTime = trace.date
    }
  }

  /** What the storage's own clock said in its latest answer. */
  get storageTime(): Date | undefined {
    return this.#storageTime
  }

  /** Whether the bucket was there within the last minute, so that a 404 can only mean the key. */
  get bucketSeenLately(): boolean {
    return performance.now() - this.#bucketSeen < 60_000
  }

  /** Throws the reason that S3 gives in the body of its answer to GET; returns where GET finds nothing wrong. */
  async askWhy(Key: string, call: Call): Promise<void> {
    try {
      const { Body } = await this.send('GetObject', { Bucket: this.settings.bucket, Key, Range: 'bytes=0-0' }, call)
      const body = Body as Readable | undefined
      body?.on('error', () => {}).destroy()
    } catch (error) {
      if (!isStorageError(error, 'INVALID_RANGE')) throw error
    }
  }

  /** Remembers an open body until it is closed, so that `close` can release its socket. */
  track(body: Readable): Readable {
    this.#bodies.add(body)
    body.once('close', () => this.#bodies.delete(body))
    return body
  }

  /** The client, made if this is the first time. */
  client(): Promise<S3ClientLike> {
    if (this.#closed) throw closed()
    if (this.#own) return Promise.resolve(this.#own)
    this.#client ??= this.#make().catch((error: unknown) => {
      this.#client = undefined
      throw error
    })
    return this.#client
  }

  /** Whether requests go to AWS itself. */
  async isAws(): Promise<boolean> {
    const endpoint = await this.#customEndpoint()
    return endpoint === undefined || isAwsHost(endpoint)
  }

  /** CONFIGURATION where none is set. */
  async region(): Promise<string> {
    const { region } = await this.config()
    try {
      const found = typeof region === 'function' ? await region() : region
      if (found) return found
    } catch (error) {
      throw toStorageError(error, { operation: 'configure' })
    }
    throw toStorageError(new Error('Region is missing'), { operation: 'configure' })
  }

  /** UNAUTHENTICATED where none are found. */
  async credentials(): Promise<{ readonly expiration?: Date | undefined }> {
    const { credentials } = await this.config()
    try {
      const found = await credentials?.()
      if (found?.accessKeyId) return found
    } catch (error) {
      throw toStorageError(error, { operation: 'configure' })
    }
    throw toStorageError({ name: 'CredentialsProviderError' }, { operation: 'configure' })
  }

  /** Whether the SDK adds a checksum to every upload by itself. */
  async checksumsByDefault(): Promise<boolean> {
    const { requestChecksumCalculation } = await this.config()
    return (await requestChecksumCalculation?.()) === 'WHEN_SUPPORTED'
  }

  async config(): Promise<ClientConfig> {
    return (await this.client()).config as ClientConfig
  }

  /** From now on `calls` that begin are refused. Those that run may still send what ends them. */
  refuse(): void {
    this.#refusing = true
  }

  /** Throws CONFIGURATION once the driver is closed. */
  assertOpen(): void {
    if (this.#refusing) throw closed()
  }

  /** Destroys the client, unless it is the caller's. */
  async close(): Promise<void> {
    this.#closed = true
    for (const body of this.#bodies) body.destroy(closed())
    const client = (await this.#client?.catch(() => undefined)) as { destroy?(): void } | undefined
    client?.destroy?.()
  }

  async #customEndpoint(): Promise<string | undefined> {
    if (!this.#own) return this.settings.endpoint === undefined ? undefined : parseUrl(this.settings.endpoint)?.hostname
    const { endpoint } = await this.config()
    return (await endpoint?.())?.hostname
  }

  async #make(): Promise<S3ClientLike> {
    const { region, endpoint, forcePathStyle, maxAttempts, timeouts } = this.settings
    const [{ S3Client }, http, https] = await Promise.all([loadSdk(), import('node:http'), import('node:https')])
    const aws = endpoint === undefined || isAwsHost(parseUrl(endpoint)?.hostname ?? '')
    const agent = { keepAlive: true, maxSockets: MAX_SOCKETS }
    const config: S3ClientConfig = {
      ...(region === undefined ? {} : { region }),
      ...(endpoint === undefined ? {} : { endpoint }),
      ...(this.#credentials === undefined
        ? {}
        : { credentials: this.#credentials as NonNullable<S3ClientConfig['credentials']> }),
      // Look-alikes rarely have a DNS name for each bucket.
      forcePathStyle: forcePathStyle ?? !aws,
      maxAttempts,
      retryMode: 'standard',
      // Bodies over partSize go in parts, so a refusal costs little; and the header costs each upload a connection.
      expectContinueHeader: false,
      // The console belongs to the application; failures come as errors.
      logger: silent,
      requestHandler: {
        connectionTimeout: timeouts.connect,
        requestTimeout: timeouts.response,
        throwOnRequestTimeout: true,
        // It would cut off a reader that takes its time; the driver watches bodies itself.
        socketTimeout: 0,
        httpAgent: new http.Agent(agent),
        httpsAgent: new https.Agent(agent),
      },
      // Many look-alikes know neither the newer checksums nor the trailers they come in.
      ...(aws ? {} : { requestChecksumCalculation: 'WHEN_REQUIRED', responseChecksumValidation: 'WHEN_REQUIRED' }),
    }
    return new S3Client(config)
  }
}

function closed(): StorageError {
  return new StorageError('CONFIGURATION', 'The S3 driver is closed.', {
    driver: 's3',
    hint: 'Make a new driver.',
    outcome: 'unchanged',
  })
}

interface MiddlewareStack {
  add(middleware: unknown, options: object): void
}

/** Look-alikes that follow the older documentation refuse DeleteObjects without it. */
async function addContentMd5(stack: MiddlewareStack): Promise<void> {
  const { createHash } = await import('node:crypto')
  type Args = { request: { body?: string | Uint8Array; headers: Record<string, string> } }
  const middleware = (next: (args: Args) => unknown) => async (args: Args) => {
    const { request } = args
    if (request.body !== undefined)
      request.headers['content-md5'] = createHash('md5').update(request.body).digest('base64')
    return next(args)
  }
  stack.add(middleware, { step: 'build', priority: 'low', name: 'hybridStoreContentMd5' })
}

/** The SDK signs streams without their hash, so that nobody would notice a byte that changed on the way. */
function signPayload(stack: MiddlewareStack, sha256: string): void {
  type Args = { request: { headers: Record<string, string> } }
  const middleware = (next: (args: Args) => unknown) => async (args: Args) => {
    args.request.headers['x-amz-content-sha256'] = sha256
    return next(args)
  }
  stack.add(middleware, { step: 'build', priority: 'low', name: 'hybridStorePayloadHash' })
}

/**
 * Ends an answer that stops in the middle of its body, where that is read by the SDK: its own time limits end with the
 * headers. The body of a blob is its reader's affair.
 */
function watchAnswer(name: string, idle: number) {
  type Answer = { readonly statusCode?: number; readonly body?: Readable & { readonly socket?: Socket | null } }
  return (next: (args: unknown) => Promise<{ response: Answer }>) => async (args: unknown) => {
    const result = await next(args)
    const { statusCode = 0, body } = result.response
    const { socket } = body ?? {}
    if (!body || !socket || (name === 'GetObject' && statusCode < 300)) return result
    const stop = () => {
      body.destroy(Object.assign(new Error('The answer stopped in the middle.'), { name: 'TimeoutError' }))
    }
    socket.setTimeout(idle, stop)
    body.once('close', () => {
      socket.off('timeout', stop)
      socket.setTimeout(0)
    })
    return result
  }
}

/** The promise, or the signal's abort if that comes first: what waits for credentials does not listen to signals. */
export function untilAborted<T>(promise: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (signal === undefined) return promise
  return new Promise((resolve, reject) => {
    const onAbort = () => reject(signal.reason)
    if (signal.aborted) onAbort()
    signal.addEventListener('abort', onAbort, { once: true })
    promise.then(resolve, reject).finally(() => signal.removeEventListener('abort', onAbort))
  })
}

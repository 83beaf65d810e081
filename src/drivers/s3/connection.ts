import type { Readable } from 'node:stream'
import { isStorageError, StorageError } from '../../errors/index.js'
import { answerTimeout, type Call } from './call.js'
import { isDirectCommand } from './direct/request.js'
import { findTarget } from './direct/target.js'
import { DirectTransport } from './direct/transport.js'
import { s3CodeOf, toStorageError } from './errors.js'
import type { S3ClientLike, S3Credentials, S3DriverOptions } from './options.js'
import { type AnsweredBody, releaseBody } from './release-body.js'
import { type Commands, loadSdk } from './sdk.js'
import { MAX_SOCKETS, makeClient } from './sdk-client.js'
import { addContentMd5, type MiddlewareStack, signPayload, watchAnswer } from './sdk-middleware.js'
import { isAwsHost, parseUrl, type S3Settings } from './settings.js'
import { Trace } from './trace.js'

/** The resolved configuration of an S3Client, as far as the driver asks for it. */
interface ClientConfig {
  readonly region?: string | (() => Promise<string>)
  readonly credentials?: (options?: { forceRefresh?: boolean }) => Promise<S3Credentials>
  readonly endpoint?: () => Promise<{ readonly hostname: string }>
  readonly requestChecksumCalculation?: () => Promise<string>
  readonly responseChecksumValidation?: () => Promise<string>
}

/** The one client of a driver: made on first use, and what every request goes through. */
export class Connection {
  readonly settings: S3Settings
  readonly #own: S3ClientLike | undefined
  readonly #credentials: S3DriverOptions['credentials']
  readonly #bodies = new Set<Readable>()
  /** Whether the endpoint that the settings name is one of AWS; a client of the caller's has one of its own. */
  readonly #aws: boolean
  /** Those that never expire, once they were found. */
  #lasting: S3Credentials | undefined
  #client: Promise<S3ClientLike> | undefined
  /** Null where there is none; undefined until it was looked. */
  #direct: DirectTransport | null | undefined
  #directOpening: Promise<DirectTransport | null> | undefined
  #refusing = false
  #closed = false
  #storageTime: Date | undefined
  #bucketSeen = Number.NEGATIVE_INFINITY

  constructor(settings: S3Settings, options: Pick<S3DriverOptions, 'client' | 'credentials'>) {
    this.settings = settings
    this.#own = options.client
    this.#credentials = options.credentials
    this.#aws = isAws(settings.endpoint === undefined ? undefined : parseUrl(settings.endpoint)?.hostname)
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
      const output = await untilAborted(this.#send(name, input, call, trace), call.signal)
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
      await releaseBody(Body as AnsweredBody | undefined)
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
    this.#client ??= makeClient(this.settings, this.#credentials).catch((error: unknown) => {
      this.#client = undefined
      throw error
    })
    return this.#client
  }

  /** Whether requests go to AWS itself. */
  async isAws(): Promise<boolean> {
    if (!this.#own) return this.#aws
    const { endpoint } = await this.config()
    return isAws((await endpoint?.())?.hostname)
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
  async credentials(fresh = false): Promise<S3Credentials> {
    if (this.#lasting && !fresh) return this.#lasting
    const { credentials } = await this.config()
    try {
      const found = await credentials?.(fresh ? { forceRefresh: true } : {})
      this.#lasting = !this.#own && found?.expiration === undefined ? found : undefined
      if (found?.accessKeyId) return found
    } catch (error) {
      throw toStorageError(error, { operation: 'configure' })
    }
    throw toStorageError({ name: 'CredentialsProviderError' }, { operation: 'configure' })
  }

  /** Whether the SDK adds a checksum to every upload by itself. */
  checksumsByDefault(): Promise<boolean> {
    return this.#isDefault('requestChecksumCalculation')
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
    const direct = await this.#directOpening?.catch(() => undefined)
    await direct?.close(closed())
    const client = (await this.#client?.catch(() => undefined)) as { destroy?(): void } | undefined
    client?.destroy?.()
  }

  async #send<Name extends keyof Commands>(
    name: Name,
    input: Commands[Name][0],
    call: Call,
    trace: Trace,
  ): Promise<Commands[Name][1]> {
    if (isDirectCommand(name)) {
      const direct = this.#direct === undefined ? await this.#openDirect() : this.#direct
      const sent = direct?.send(name, input, call, trace)
      if (sent) return sent
    }
    return this.#sendBySdk(name, input, call, trace)
  }

  async #sendBySdk<Name extends keyof Commands>(
    name: Name,
    input: Commands[Name][0],
    call: Call,
    trace: Trace,
  ): Promise<Commands[Name][1]> {
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
    const requestTimeout = answerTimeout(this.settings.timeouts.response, call)
    const sent = client.send(command, { abortSignal: call.signal, requestTimeout })
    return sent as Promise<Commands[Name][1]>
  }

  /** The direct transport, or null where requests to this bucket are the SDK's affair. Found out once. */
  #openDirect(): Promise<DirectTransport | null> {
    this.#directOpening ??= this.#makeDirect().catch((error: unknown) => {
      this.#directOpening = undefined
      throw error
    })
    return this.#directOpening
  }

  async #makeDirect(): Promise<DirectTransport | null> {
    const { bucket, transport } = this.settings
    const client = await this.client()
    const target = this.#own || transport === 'sdk' ? undefined : await findTarget(await loadSdk(), client, bucket)
    if (target === undefined && transport === 'direct') throw notDirect(bucket)
    this.#direct =
      target === undefined
        ? null
        : await DirectTransport.open({
            settings: this.settings,
            target,
            credentials: (fresh) => this.credentials(fresh),
            checksums: {
              uploads: await this.checksumsByDefault(),
              downloads: await this.#isDefault('responseChecksumValidation'),
            },
            connections: MAX_SOCKETS,
          })
    return this.#direct
  }

  async #isDefault(setting: 'requestChecksumCalculation' | 'responseChecksumValidation'): Promise<boolean> {
    const config = await this.config()
    return (await config[setting]?.()) === 'WHEN_SUPPORTED'
  }
}

/** Without an endpoint of its own a client goes to AWS. */
function isAws(host: string | undefined): boolean {
  return host === undefined || isAwsHost(host)
}

function notDirect(bucket: string): StorageError {
  return new StorageError('CONFIGURATION', `The bucket ${bucket} cannot be reached by the direct transport.`, {
    driver: 's3',
    hint: "Leave out transport: 'auto' takes the SDK for access points, S3 Express and a client of your own.",
    outcome: 'unchanged',
  })
}

function closed(): StorageError {
  return new StorageError('CONFIGURATION', 'The S3 driver is closed.', {
    driver: 's3',
    hint: 'Make a new driver.',
    outcome: 'unchanged',
  })
}

/** The promise, or the signal's abort if that comes first: what waits for credentials does not listen to signals. */
export function untilAborted<T>(promise: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (signal === undefined) return promise
  return new Promise((resolve, reject) => {
    const onAbort = () => reject(signal.reason)
    if (signal.aborted) onAbort()
    signal.addEventListener('abort', onAbort, { once: true })
    promise.then(
      (value) => {
        signal.removeEventListener('abort', onAbort)
        resolve(value)
      },
      (error: unknown) => {
        signal.removeEventListener('abort', onAbort)
        reject(error)
      },
    )
  })
}

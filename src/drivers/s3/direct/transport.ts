import { hash } from 'node:crypto'
import type { Pool } from 'undici'
import { isStorageError } from '../../../errors/index.js'
import { answerTimeout, type Call } from '../call.js'
import type { S3Credentials } from '../options.js'
import type { Commands } from '../sdk.js'
import type { S3Settings } from '../settings.js'
import type { Trace } from '../trace.js'
import { describedBy, listedBy } from './answer.js'
import { type Answer, exchange } from './exchange.js'
import { AttemptFailure, brokenExchange, refusal } from './failure.js'
import { loadUndici } from './load-undici.js'
import { type DirectCommand, type DirectRequest, requestOf } from './request.js'
import { Retries } from './retries.js'
import { Signer, UNSIGNED } from './sigv4.js'
import type { Target } from './target.js'

export interface DirectOptions {
  readonly settings: S3Settings
  readonly target: Target
  /** Current ones; `fresh` where those it gave last were refused as expired. */
  readonly credentials: (fresh: boolean) => Promise<S3Credentials>
  readonly checksums: {
    /** Whether uploads carry a CRC32, which S3 compares and keeps. */
    readonly uploads: boolean
    /** Whether whole downloads are compared with the checksum that S3 keeps. */
    readonly downloads: boolean
  }
  /** Connections at most. */
  readonly connections: number
}

/** Milliseconds that an idle connection is kept where S3 does not say for how long. */
const KEEP_ALIVE = 15_000
/** Milliseconds by which this clock and S3's may differ; S3 refuses beyond 15 minutes. */
const SKEW = 5 * 60_000
const EMPTY_SHA256 = 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855'

/**
 * The requests that a backend makes all day, over connections of undici and signed here, at a fraction of what the SDK
 * takes of the CPU. What goes in and comes out has the shape of the SDK's commands.
 */
export class DirectTransport {
  readonly #pool: Pool
  readonly #options: DirectOptions
  readonly #signer: Signer
  readonly #retries = new Retries()
  /** Milliseconds by which S3's clock is ahead of this one, once that was too much. */
  #skew = 0

  private constructor(pool: Pool, options: DirectOptions) {
    this.#pool = pool
    this.#options = options
    this.#signer = new Signer(options.target.region)
  }

  static async open(options: DirectOptions): Promise<DirectTransport> {
    const { Pool } = await loadUndici()
    const pool = new Pool(options.target.origin, {
      connections: options.connections,
      connect: { timeout: options.settings.timeouts.connect },
      keepAliveTimeout: KEEP_ALIVE,
    })
    return new DirectTransport(pool, options)
  }

  /** Undefined where the command asks for something that only the SDK does. Throws AttemptFailure and abort reasons. */
  send<Name extends DirectCommand>(
    name: Name,
    input: Commands[Name][0],
    call: Call,
    trace: Trace,
  ): Promise<Commands[Name][1]> | undefined {
    const request = requestOf(name, input, this.#options.checksums.uploads)
    return request && (this.#repeat(name, request, call, trace) as Promise<Commands[Name][1]>)
  }

  /** Ends what is under way with this reason. */
  async close(reason: Error): Promise<void> {
    await this.#pool.destroy(reason)
  }

  async #repeat(name: DirectCommand, request: DirectRequest, call: Call, trace: Trace): Promise<object> {
    const { maxAttempts } = this.#options.settings
    const payload = this.#payloadOf(request, call)
    let corrected = false
    let fresh = false
    for (let attempt = 1; ; attempt++) {
      const before = trace.attempts
      try {
        const output = outputOf(name, await this.#attempt(name, request, payload, call, trace, fresh))
        this.#retries.succeeded(attempt)
        return output
      } catch (error) {
        const failure = call.signal?.aborted ? error : this.#meaningOf(error)
        if (trace.attempts > before) trace.failed(failure)
        if (attempt >= maxAttempts) throw failure
        if (!corrected && this.#correctClock(failure, trace)) corrected = true
        else if (!fresh && isExpired(failure)) fresh = true
        else if (!(await this.#retries.again(failure, attempt, call.signal))) throw failure
      }
    }
  }

  async #attempt(
    name: DirectCommand,
    request: DirectRequest,
    payload: string,
    call: Call,
    trace: Trace,
    fresh: boolean,
  ): Promise<Answer> {
    const { target, settings, credentials, checksums } = this.#options
    const { method, query, body } = request
    const { signal } = call
    const path = `${target.base}${request.path}`
    const headers = [['host', target.host], ...request.headers] as [string, string][]
    const blob = name === 'GetObject'
    if (blob && checksums.downloads) headers.push(['x-amz-checksum-mode', 'ENABLED'])
    const found = await credentials(fresh)
    signal?.throwIfAborted()
    const { idle, response } = settings.timeouts
    const signed = this.#signer.sign(
      { method, path, query, headers, payload },
      found,
      new Date(Date.now() + this.#skew),
    )
    const answer = await exchange(
      this.#pool,
      {
        method,
        path: query === '' ? path : `${path}?${query}`,
        headers: signed,
        body: body ?? null,
        // undici would close the connection after each HEAD.
        reset: false,
        headersTimeout: answerTimeout(response, call),
        // The body of a blob watches its own silence, and only while somebody waits for it.
        bodyTimeout: blob ? 0 : idle,
      },
      {
        signal,
        blob: blob ? { key: call.key ?? '', idle, signal } : undefined,
        onSent: () => trace.sent(),
      },
    )
    trace.answered(answer.headers)
    if (answer.status >= 300) throw refusal(answer.status, answer.body.toString())
    return answer
  }

  /** Over TLS a checksum header is enough; without either, the signature itself covers the bytes. */
  #payloadOf({ headers, body }: DirectRequest, { payloadSha256 }: Call): string {
    if (payloadSha256 !== undefined) return payloadSha256
    if (body === undefined || body.byteLength === 0) return EMPTY_SHA256
    const secured = this.#options.target.origin.startsWith('https:')
    if (secured && headers.some(([name]) => name.startsWith('x-amz-checksum-'))) return UNSIGNED
    return hash('sha256', body)
  }

  #meaningOf(error: unknown): unknown {
    if (error instanceof AttemptFailure || isStorageError(error) || !(error instanceof Error)) return error
    return brokenExchange(error, this.#options.settings.timeouts.connect)
  }

  /** S3 refuses a signature whose time is off by more than 15 minutes, and says what its own is. */
  #correctClock(failure: unknown, { date }: Trace): boolean {
    if (!(failure instanceof AttemptFailure) || !/^RequestTimeTooSkewed$|^RequestExpired$/.test(failure.name))
      return false
    if (date === undefined) return false
    const skew = date.getTime() - Date.now()
    if (Math.abs(skew - this.#skew) < SKEW) return false
    this.#skew = skew
    return true
  }
}

function isExpired(failure: unknown): boolean {
  return failure instanceof AttemptFailure && /^ExpiredToken(Exception)?$/.test(failure.name)
}

function outputOf(name: DirectCommand, { headers, body, status }: Answer): object {
  if (name !== 'ListObjectsV2') {
    return { ...describedBy(headers), ...(name === 'GetObject' ? { Body: body } : {}) }
  }
  try {
    return listedBy(body.toString())
  } catch (cause) {
    if (!(cause instanceof SyntaxError)) throw cause
    const message = `S3 answered a list with something else: ${cause.message}.`
    throw new AttemptFailure('UnreadableAnswer', message, { $metadata: { httpStatusCode: status }, cause })
  }
}

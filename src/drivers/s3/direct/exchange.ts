import type { Dispatcher, Pool } from 'undici'
import type { ExpectedBody } from '../body-failures.js'
import { AnswerBody } from './answer-body.js'
import { bodyCheckOf } from './checksum.js'
import { AttemptFailure, stopped } from './failure.js'

/** Lower-case names; a header that came several times has several values. */
export type AnswerHeaders = Readonly<Record<string, string | readonly string[] | undefined>>

export interface Answer {
  readonly status: number
  readonly headers: AnswerHeaders
  /** All bytes; or, of a blob, the body that they arrive in. */
  readonly body: Buffer | AnswerBody
}

export interface ExchangeOptions {
  /** What the answer's body is to be, where it is a blob: it is then answered once its headers are there. */
  readonly blob?: Omit<ExpectedBody, 'expected'> | undefined
  readonly signal?: AbortSignal | undefined
  /** Called when the request goes out, over a connection that stands. */
  readonly onSent: () => void
}

/** Of an answer that is taken as a whole, in bytes: a page of 1,000 keys at their longest, each character escaped, fits. */
const LONGEST = 16 * 1024 ** 2

const silent = () => {}

/** One request and its answer. Rejects with what undici or the network says, or the signal's reason. */
export function exchange(pool: Pool, request: Dispatcher.DispatchOptions, options: ExchangeOptions): Promise<Answer> {
  return new Promise((resolve, reject) => {
    pool.dispatch(request, new Exchange(options, resolve, reject))
  })
}

class Exchange implements Dispatcher.DispatchHandler {
  readonly #options: ExchangeOptions
  readonly #resolve: (answer: Answer) => void
  readonly #reject: (error: Error) => void
  #controller: Dispatcher.DispatchController | undefined
  #stopped: Error | undefined
  #status = 0
  #headers: AnswerHeaders = {}
  #body: AnswerBody | undefined
  #chunks: Buffer[] = []
  #bytes = 0
  #idle: NodeJS.Timeout | undefined
  #unlisten = silent

  constructor(options: ExchangeOptions, resolve: (answer: Answer) => void, reject: (error: Error) => void) {
    this.#options = options
    this.#resolve = resolve
    this.#reject = reject
    const { signal } = options
    if (signal === undefined) return
    const onAbort = () => this.#stop(signal.reason as Error)
    signal.addEventListener('abort', onAbort, { once: true })
    this.#unlisten = () => signal.removeEventListener('abort', onAbort)
    if (signal.aborted) onAbort()
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.#controller = controller
    if (this.#stopped) controller.abort(this.#stopped)
    else this.#options.onSent()
  }

  onResponseStart(controller: Dispatcher.DispatchController, status: number, headers: AnswerHeaders): void {
    if (status < 200) return
    this.#status = status
    this.#headers = headers
    const { blob } = this.#options
    if (blob === undefined) return
    if (status >= 300) {
      // What is no blob after all is watched here: undici was told to leave that to the blob.
      this.#idle = setTimeout(() => controller.abort(stopped()), blob.idle)
      return
    }
    const expected = Number(headers['content-length'] ?? Number.NaN)
    this.#body = new AnswerBody(controller, { ...blob, expected }, bodyCheckOf(headers))
    // The body listens by itself from here on.
    this.#unlisten()
    this.#resolve({ status, headers, body: this.#body })
  }

  onResponseData(controller: Dispatcher.DispatchController, chunk: Buffer): void {
    if (this.#body) {
      this.#body.add(chunk)
      return
    }
    this.#idle?.refresh()
    this.#bytes += chunk.byteLength
    if (this.#bytes > LONGEST) {
      controller.abort(new AttemptFailure('AnswerTooLong', `S3 answered with more than ${LONGEST} bytes.`))
    } else this.#chunks.push(chunk)
  }

  onResponseEnd(): void {
    this.#settle()
    if (this.#body) this.#body.end()
    else this.#resolve({ status: this.#status, headers: this.#headers, body: Buffer.concat(this.#chunks) })
  }

  onResponseError(_controller: Dispatcher.DispatchController, error: Error): void {
    this.#settle()
    if (this.#body) this.#body.break(error)
    else this.#reject(this.#stopped ?? error)
  }

  #settle(): void {
    clearTimeout(this.#idle)
    this.#unlisten()
  }

  /** Before a connection stands there is nothing to abort yet. */
  #stop(reason: Error): void {
    this.#stopped = reason
    this.#controller?.abort(reason)
    this.#reject(reason)
  }
}

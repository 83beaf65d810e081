import { once } from 'node:events'
import { type ClientRequest, type IncomingHttpHeaders, type IncomingMessage, request as send } from 'node:http'
import { connect, type Socket } from 'node:net'
import type { AdapterName } from '../servers.js'

export interface AskOptions {
  readonly method?: string
  readonly headers?: Readonly<Record<string, string>>
}

/** What came of a request. */
export interface Received {
  readonly status: number
  readonly headers: IncomingHttpHeaders
  readonly body: Buffer
  /** Whether the message ended as HTTP says that it must; false where the connection was cut. */
  readonly complete: boolean
  /** Milliseconds between the last bytes and the end. */
  readonly silence: number
}

/** A request on a connection of its own, whose answer is read as slowly as the test likes. */
export class Exchange {
  readonly request: ClientRequest
  /** Rejects where the connection was cut before there was an answer. */
  readonly answered: Promise<IncomingMessage>
  readonly #chunks: Buffer[] = []
  #received = 0
  #heard = performance.now()
  #iterator: AsyncIterator<Buffer> | undefined

  constructor(url: string, { method = 'GET', headers = {} }: AskOptions = {}) {
    this.request = send(url, { method, headers, agent: false })
    this.answered = once(this.request, 'response').then(([response]) => response as IncomingMessage)
    this.answered.catch(() => {})
    this.request.on('error', () => {})
    this.request.end()
  }

  /** Reads until there are so many bytes of the body, and leaves the rest to the sockets. */
  async take(bytes: number): Promise<void> {
    while (this.#received < bytes) if (!(await this.#next())) throw new Error(`cut after ${this.#received} bytes`)
  }

  /** Reads to the end, whichever it is. */
  async rest(): Promise<Received> {
    const response = await this.answered
    while (await this.#next());
    const { statusCode: status = 0, headers, complete } = response
    return { status, headers, body: Buffer.concat(this.#chunks), complete, silence: performance.now() - this.#heard }
  }

  leave(): void {
    this.request.destroy()
  }

  async #next(): Promise<boolean> {
    this.#iterator ??= (await this.answered).iterator({ destroyOnReturn: false })
    // A connection that is cut ends the iteration with an error.
    const step = await this.#iterator.next().catch(() => undefined)
    if (step === undefined || step.done) return false
    this.#chunks.push(step.value)
    this.#heard = performance.now()
    this.#received += step.value.byteLength
    return true
  }
}

export function ask(url: string, options?: AskOptions): Promise<Received> {
  return new Exchange(url, options).rest()
}

/** Whether the middleware compresses a blob: there is none for Node, and that of Fastify is kept from it. */
export function compresses(adapter: AdapterName): boolean {
  return adapter !== 'node' && adapter !== 'fastify'
}

/** A bare connection, for what no HTTP client does. */
export class RawClient {
  readonly socket: Socket
  readonly #chunks: Buffer[] = []

  private constructor(socket: Socket, reads: boolean) {
    this.socket = socket
    socket.on('error', () => {})
    if (reads) socket.on('data', (chunk) => this.#chunks.push(chunk))
  }

  /** With `reads` false it never takes a byte. */
  static async open(port: number, reads = true): Promise<RawClient> {
    const socket = connect(port, '127.0.0.1')
    await once(socket, 'connect')
    return new RawClient(socket, reads)
  }

  /** Sends requests without their blank lines; each line of `requests` is one request. */
  send(...requests: readonly (readonly string[])[]): void {
    this.socket.write(requests.map((lines) => `${lines.join('\r\n')}\r\n\r\n`).join(''))
  }

  get received(): Buffer {
    return Buffer.concat(this.#chunks)
  }

  async closed(): Promise<Buffer> {
    if (!this.socket.closed) await once(this.socket, 'close')
    return this.received
  }
}

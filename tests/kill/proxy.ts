import { once } from 'node:events'
import { Agent, createServer, type IncomingMessage, request, type ServerResponse } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import { MIN_BODY, parseHeader } from './bodies.js'

/** What may happen at a request; counted from 1 since the last `restart`. */
export interface RequestHooks {
  /** The request is here, and the server has not heard of it. `drop`: it never will. */
  arrived?(n: number, what: string): 'drop' | undefined
  /** The server has answered, and the client does not know it yet. `drop`: it never will. */
  answered?(n: number, what: string): 'drop' | undefined
}

/** A body that was put under a write token. */
export interface SeenPut {
  readonly token: string
  readonly path: string
  readonly seq: number
}

/**
 * Stands between a process and S3 and outlives it. A request that has arrived whole is carried out to its end, even if
 * the one who sent it is dead or was cut off: that is what a network does, and `idle` says when all of it is over.
 */
export class KillProxy {
  readonly puts: SeenPut[] = []
  hooks: RequestHooks = {}
  /** The longest time in ms for which a request went on after its client was cut off. */
  latest = 0
  readonly #target: string
  readonly #server = createServer((incoming, outgoing) => {
    outgoing.on('error', () => {})
    incoming.on('error', () => {})
    this.#handle(incoming, outgoing).catch(() => outgoing.destroy())
  })
  readonly #sockets = new Set<Socket>()
  readonly #agent = new Agent({ keepAlive: true, maxSockets: 64 })
  readonly #running = new Set<Promise<unknown>>()
  #port = 0
  #count = 0
  #down = false

  private constructor(target: string) {
    this.#target = target
    this.#server.on('connection', (socket) => {
      this.#sockets.add(socket)
      socket.once('close', () => this.#sockets.delete(socket))
    })
  }

  static async start(target: string): Promise<KillProxy> {
    const proxy = new KillProxy(target)
    await proxy.up()
    return proxy
  }

  get endpoint(): string {
    return `http://127.0.0.1:${this.#port}`
  }

  get isDown(): boolean {
    return this.#down
  }

  get count(): number {
    return this.#count
  }

  /** Counts from 1 again, under new hooks. */
  restart(hooks: RequestHooks = {}): void {
    this.#count = 0
    this.hooks = hooks
  }

  /** Cuts all connections and refuses new ones. What has arrived whole still goes to the server. */
  async down(): Promise<void> {
    this.#down = true
    if (!this.#server.listening) return
    const closed = once(this.#server, 'close')
    this.#server.close()
    for (const socket of this.#sockets) socket.destroy()
    await closed
  }

  async up(): Promise<void> {
    this.#down = false
    if (this.#server.listening) return
    this.#server.listen(this.#port, '127.0.0.1')
    await once(this.#server, 'listening')
    this.#port = (this.#server.address() as AddressInfo).port
  }

  /** Resolves when nothing is under way to the server. */
  async idle(): Promise<void> {
    while (this.#running.size > 0) await Promise.allSettled(this.#running)
  }

  async stop(): Promise<void> {
    await this.down()
    await this.idle()
    this.#agent.destroy()
  }

  async #handle(incoming: IncomingMessage, outgoing: ServerResponse): Promise<void> {
    const n = ++this.#count
    const what = `${incoming.method} ${incoming.url}`
    if (this.hooks.arrived?.(n, what) === 'drop') {
      incoming.socket.destroy()
      return
    }
    const behind = request(new URL(incoming.url ?? '/', this.#target), {
      method: incoming.method,
      headers: incoming.headers,
      agent: this.#agent,
    })
    const over = this.#exchange(incoming, outgoing, behind, n, what)
    this.#running.add(over)
    try {
      await over
    } finally {
      this.#running.delete(over)
    }
  }

  async #exchange(
    incoming: IncomingMessage,
    outgoing: ServerResponse,
    behind: ReturnType<typeof request>,
    n: number,
    what: string,
  ): Promise<void> {
    let cutAt = 0
    incoming.once('close', () => {
      // Only a part of it has come: the server must not take it for the whole.
      if (!incoming.complete) behind.destroy(new Error('the client went away'))
    })
    outgoing.once('close', () => {
      if (!outgoing.writableFinished) cutAt = performance.now()
    })
    this.#note(incoming)
    incoming.pipe(behind)
    const [answer] = (await once(behind, 'response')) as [IncomingMessage]
    if (cutAt > 0) this.latest = Math.max(this.latest, performance.now() - cutAt)
    const dropped = this.hooks.answered?.(n, what) === 'drop'
    if (dropped || outgoing.destroyed) {
      answer.resume()
      incoming.socket.destroy()
      return
    }
    outgoing.writeHead(answer.statusCode ?? 500, answer.headers)
    outgoing.flushHeaders()
    answer.pipe(outgoing)
    await Promise.race([once(answer, 'close'), once(outgoing, 'close')])
    if (!answer.complete) answer.destroy()
  }

  /** Remembers which body came under which write token. */
  #note(incoming: IncomingMessage): void {
    const { method, url = '', headers } = incoming
    const token = headers['x-amz-meta-hybrid-store-token']
    if (method !== 'PUT' || typeof token !== 'string' || headers['x-amz-copy-source'] !== undefined) return
    let start = Buffer.alloc(0)
    const take = (chunk: Buffer) => {
      start = Buffer.concat([start, chunk])
      if (start.byteLength < MIN_BODY) return
      incoming.off('data', take)
      this.puts.push({ token, path: url, seq: parseHeader(start).seq })
    }
    incoming.on('data', take)
  }
}

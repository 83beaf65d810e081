import { once } from 'node:events'
import { createServer, type IncomingHttpHeaders, type IncomingMessage, request, type ServerResponse } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'

/** A request that reached the proxy, faulted or not. */
export interface RecordedRequest {
  readonly method: string
  /** Path and query as they stood in the request line. */
  readonly url: string
  readonly headers: IncomingHttpHeaders
}

/** What the proxy does to a request instead of passing it on and back unharmed. */
export type FaultKind =
  /** Cuts the connection before it has read the body. */
  | { readonly kind: 'reset' }
  /** Reads the request to its end, then cuts the connection; the server behind never hears of it. */
  | { readonly kind: 'reset-after-request' }
  /** Passes the request on, waits until the server has answered it, then cuts the connection. */
  | { readonly kind: 'lost-response' }
  /** Never answers. */
  | { readonly kind: 'hang' }
  /** Passes `after` bytes of the response's body, then sends nothing more. */
  | { readonly kind: 'hang-body'; readonly after: number }
  /** Passes `after` bytes of the response's body, then cuts the connection. */
  | { readonly kind: 'truncate'; readonly after: number }
  /** Flips one bit of the byte at `at` of the response's body. */
  | { readonly kind: 'flip'; readonly at: number }
  /** Passes the response's body at about this rate. */
  | { readonly kind: 'slow'; readonly bytesPerSecond: number }
  /** Waits so many milliseconds before it passes the request on. */
  | { readonly kind: 'delay'; readonly ms: number }
  /** Reads the request, then gives this answer itself. */
  | {
      readonly kind: 'answer'
      readonly status: number
      readonly headers?: Readonly<Record<string, string>>
      readonly body?: string
    }

export interface FaultOptions {
  /** Which requests; by default all. */
  readonly when?: (request: RecordedRequest) => boolean
  /** How many of them; by default all. */
  readonly times?: number
}

export interface Fault {
  /** How many requests it has hit. */
  readonly hits: number
  remove(): void
}

export interface FaultProxy {
  /** Where to point a client instead of at the server behind. */
  readonly endpoint: string
  /** All requests so far, in order of arrival. */
  readonly requests: readonly RecordedRequest[]
  fail(fault: FaultKind, options?: FaultOptions): Fault
  /** Removes all faults and forgets the requests. */
  heal(): void
  /** Stops listening and cuts all connections: clients get ECONNREFUSED. */
  down(): Promise<void>
  /** Listens again, on the same port. */
  up(): Promise<void>
  stop(): Promise<void>
}

interface ArmedFault {
  readonly fault: FaultKind
  readonly when: (request: RecordedRequest) => boolean
  left: number
  hits: number
}

/** The XML in which S3 says what went wrong. */
export function s3Error(code: string, message = '', extra = ''): string {
  return `<?xml version="1.0" encoding="UTF-8"?><Error><Code>${code}</Code><Message>${message}</Message>${extra}</Error>`
}

/**
 * An HTTP proxy in front of a real S3 server that does the things a healthy server does not do. Without a `target` it
 * is a fake S3 that knows no answer but those given by `fail({ kind: 'answer' })`, and says 501 to everything else.
 */
export async function startFaultProxy(target?: string): Promise<FaultProxy> {
  const requests: RecordedRequest[] = []
  let faults: ArmedFault[] = []
  const sockets = new Set<Socket>()

  const server = createServer((incoming, outgoing) => {
    const recorded = { method: incoming.method ?? '', url: incoming.url ?? '', headers: incoming.headers }
    requests.push(recorded)
    outgoing.on('error', () => {})
    incoming.on('error', () => {})
    const armed = faults.find(({ when, left }) => left > 0 && when(recorded))
    if (armed) {
      armed.left--
      armed.hits++
    }
    handle(incoming, outgoing, armed?.fault).catch(() => outgoing.destroy())
  })
  server.on('connection', (socket) => {
    sockets.add(socket)
    socket.once('close', () => sockets.delete(socket))
  })

  async function handle(incoming: IncomingMessage, outgoing: ServerResponse, fault: FaultKind | undefined) {
    switch (fault?.kind) {
      case 'reset':
        return incoming.socket.resetAndDestroy()
      case 'hang':
        incoming.resume()
        return
      case 'reset-after-request':
        await drain(incoming)
        return incoming.socket.resetAndDestroy()
      case 'answer':
        await drain(incoming)
        outgoing.writeHead(fault.status, { 'content-type': 'application/xml', ...fault.headers })
        outgoing.end(incoming.method === 'HEAD' ? undefined : fault.body)
        return
      case 'delay':
        await sleep(fault.ms)
    }
    if (target === undefined) {
      await drain(incoming)
      outgoing.writeHead(501, { 'content-type': 'application/xml' }).end(s3Error('NotImplemented', 'a fake S3'))
      return
    }
    const behind = request(new URL(incoming.url ?? '/', target), {
      method: incoming.method,
      headers: incoming.headers,
      agent: false,
    })
    incoming.pipe(behind)
    outgoing.once('close', () => behind.destroy())
    const [answer] = (await once(behind, 'response')) as [IncomingMessage]
    if (fault?.kind === 'lost-response') {
      await drain(answer)
      incoming.socket.resetAndDestroy()
      return
    }
    outgoing.writeHead(answer.statusCode ?? 500, answer.headers)
    outgoing.flushHeaders()
    await relay(answer, outgoing, fault)
  }

  const listen = async (port: number) => {
    server.listen(port, '127.0.0.1')
    await once(server, 'listening')
    return (server.address() as AddressInfo).port
  }
  const down = async () => {
    if (!server.listening) return
    const closed = once(server, 'close')
    server.close()
    for (const socket of sockets) socket.destroy()
    await closed
  }
  const port = await listen(0)

  return {
    endpoint: `http://127.0.0.1:${port}`,
    requests,
    fail(fault, { when = () => true, times = Number.POSITIVE_INFINITY } = {}) {
      const armed: ArmedFault = { fault, when, left: times, hits: 0 }
      faults.push(armed)
      return {
        get hits() {
          return armed.hits
        },
        remove() {
          faults = faults.filter((other) => other !== armed)
        },
      }
    },
    heal() {
      faults = []
      requests.length = 0
    },
    down,
    up: async () => {
      if (!server.listening) await listen(port)
    },
    stop: down,
  }
}

async function drain(stream: IncomingMessage): Promise<void> {
  stream.resume()
  if (!stream.readableEnded) await once(stream, 'end')
}

async function relay(answer: IncomingMessage, outgoing: ServerResponse, fault: FaultKind | undefined): Promise<void> {
  let sent = 0
  for await (const chunk of answer as AsyncIterable<Buffer>) {
    let piece = chunk
    if (fault?.kind === 'flip' && fault.at >= sent && fault.at < sent + chunk.length) {
      piece = Buffer.from(chunk)
      piece[fault.at - sent] = (piece[fault.at - sent] as number) ^ 1
    }
    const cut = fault?.kind === 'hang-body' || fault?.kind === 'truncate' ? fault.after - sent : undefined
    if (cut !== undefined && cut < piece.length) {
      if (cut > 0) await new Promise((resolve) => outgoing.write(piece.subarray(0, cut), resolve))
      if (fault?.kind === 'truncate') outgoing.socket?.destroy()
      else await once(outgoing, 'close')
      return
    }
    sent += chunk.length
    if (fault?.kind === 'slow') await sleep((piece.length / fault.bytesPerSecond) * 1000)
    if (!outgoing.write(piece)) await Promise.race([once(outgoing, 'drain'), once(outgoing, 'close')])
    if (outgoing.destroyed) return
  }
  outgoing.end()
}

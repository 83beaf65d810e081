import { once } from 'node:events'
import { createServer, type IncomingHttpHeaders, type IncomingMessage, request, type ServerResponse } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import { Readable } from 'node:stream'
import { setTimeout as sleep } from 'node:timers/promises'
import { drain, firstOf, flipped, type Line, slowed, take, withFlip } from './fault-bodies.js'
import type { FaultKind } from './fault-kinds.js'

export type { FaultKind } from './fault-kinds.js'

/** A request that reached the proxy, faulted or not. */
export interface RecordedRequest {
  readonly method: string
  /** Path and query as they stood in the request line. */
  readonly url: string
  readonly headers: IncomingHttpHeaders
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
  /** How many requests it holds back, to pass them on late. */
  readonly held: number
  /** Passes on what it holds back, one after the other; answers with the server's statuses. */
  release(): Promise<number[]>
  remove(): void
}

export interface FaultProxy {
  /** Where to point a client instead of at the server behind. */
  readonly endpoint: string
  /** All requests so far, in order of arrival. */
  readonly requests: readonly RecordedRequest[]
  /** Bytes of the bodies of requests that were passed on to the server so far. */
  readonly passed: number
  fail(fault: FaultKind, options?: FaultOptions): Fault
  /** Removes all faults and forgets the requests. */
  heal(): void
  /** Stops listening and cuts all connections: clients get ECONNREFUSED. */
  down(): Promise<void>
  /** Listens again, on the same port. */
  up(): Promise<void>
  stop(): Promise<void>
}

interface ArmedFault extends Line {
  readonly fault: FaultKind
  readonly when: (request: RecordedRequest) => boolean
  readonly held: (() => Promise<number>)[]
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
  let passed = 0
  const sockets = new Set<Socket>()
  const stopped = new AbortController()

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
    handle(incoming, outgoing, armed).catch(() => outgoing.destroy())
  })
  server.on('connection', (socket) => {
    sockets.add(socket)
    socket.once('close', () => sockets.delete(socket))
  })

  async function handle(incoming: IncomingMessage, outgoing: ServerResponse, armed: ArmedFault | undefined) {
    const fault = armed?.fault
    switch (fault?.kind) {
      case 'reset':
        if (fault.after !== undefined) await take(incoming, fault.after)
        return incoming.socket.resetAndDestroy()
      case 'hang':
        incoming.resume()
        return
      case 'stall':
        await take(incoming, fault.after)
        incoming.pause()
        return
      case 'reset-after-request':
        await drain(incoming)
        return incoming.socket.resetAndDestroy()
      case 'late':
        return await holdBack(incoming, armed as ArmedFault, fault.ms)
      case 'answer':
        if (fault.after === 'commit') break
        await drain(incoming)
        return give(incoming, outgoing, fault)
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
    const changed = changedBody(incoming, armed)
    const body = changed ? Readable.from(changed, { objectMode: false }) : incoming
    // It fails with the connection that it comes over.
    body.on('error', () => behind.destroy())
    body.on('data', (chunk: Buffer) => {
      passed += chunk.length
    })
    body.pipe(behind)
    outgoing.once('close', () => behind.destroy())
    const [answer] = (await once(behind, 'response')) as [IncomingMessage]
    if (fault?.kind === 'lost-response' || fault?.kind === 'no-answer' || fault?.kind === 'answer') {
      await drain(answer)
      if (fault.kind === 'lost-response') incoming.socket.resetAndDestroy()
      if (fault.kind === 'answer') give(incoming, outgoing, fault)
      return
    }
    outgoing.writeHead(answer.statusCode ?? 500, answer.headers)
    outgoing.flushHeaders()
    await relay(answer, outgoing, fault, armed?.hits)
  }

  async function holdBack(incoming: IncomingMessage, armed: ArmedFault, ms: number | undefined): Promise<void> {
    const chunks: Buffer[] = []
    for await (const chunk of incoming as AsyncIterable<Buffer>) chunks.push(chunk)
    incoming.socket.resetAndDestroy()
    const { method, headers, url = '/' } = incoming
    const pass = async () => {
      const behind = request(new URL(url, target), { method, headers, agent: false })
      behind.end(Buffer.concat(chunks))
      const [answer] = (await once(behind, 'response')) as [IncomingMessage]
      await drain(answer)
      return answer.statusCode ?? 0
    }
    if (ms === undefined) {
      armed.held.push(pass)
      return
    }
    await sleep(ms, undefined, { signal: stopped.signal })
    await pass()
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
    get passed() {
      return passed
    },
    fail(fault, { when = () => true, times = Number.POSITIVE_INFINITY } = {}) {
      const armed: ArmedFault = { fault, when, held: [], left: times, hits: 0, busyUntil: 0 }
      faults.push(armed)
      return {
        get hits() {
          return armed.hits
        },
        get held() {
          return armed.held.length
        },
        async release() {
          const statuses: number[] = []
          for (const pass of armed.held.splice(0)) statuses.push(await pass())
          return statuses
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
    stop: async () => {
      stopped.abort()
      await down()
    },
  }
}

/** The body of a request as it is to reach the server, where that is not as it came. */
function changedBody(incoming: IncomingMessage, armed: ArmedFault | undefined): AsyncIterable<Buffer> | undefined {
  if (armed?.fault.kind === 'flip-request') return flipped(incoming, armed.fault.at)
  return armed?.fault.kind === 'slow-request' ? slowed(incoming, armed, armed.fault.bytesPerSecond) : undefined
}

function give(
  incoming: IncomingMessage,
  outgoing: ServerResponse,
  { status, headers, body }: FaultKind & { kind: 'answer' },
) {
  outgoing.writeHead(status, { 'content-type': 'application/xml', ...headers })
  outgoing.end(incoming.method === 'HEAD' ? undefined : body)
}

async function relay(
  answer: IncomingMessage,
  outgoing: ServerResponse,
  fault: FaultKind | undefined,
  hits = 1,
): Promise<void> {
  const flipAt = fault?.kind === 'flip' ? fault.at + (fault.step ?? 0) * (hits - 1) : -1
  let sent = 0
  for await (const chunk of answer as AsyncIterable<Buffer>) {
    const flips = flipAt >= sent && flipAt < sent + chunk.length
    const piece = flips ? withFlip(chunk, flipAt - sent) : chunk
    const cut = fault?.kind === 'hang-body' || fault?.kind === 'truncate' ? fault.after - sent : undefined
    if (cut !== undefined && cut < piece.length) {
      if (cut > 0) await new Promise((resolve) => outgoing.write(piece.subarray(0, cut), resolve))
      if (fault?.kind === 'truncate') outgoing.socket?.destroy()
      else await once(outgoing, 'close')
      return
    }
    sent += chunk.length
    if (fault?.kind === 'slow') await sleep((piece.length / fault.bytesPerSecond) * 1000)
    if (!outgoing.write(piece)) await firstOf(outgoing, 'drain', 'close')
    if (outgoing.destroyed) return
  }
  outgoing.end()
}

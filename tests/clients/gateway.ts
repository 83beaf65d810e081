import { once } from 'node:events'
import { createServer, type IncomingHttpHeaders, type IncomingMessage, request, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { pipeline } from 'node:stream/promises'

/** A request that went through the gateway, and its answer. */
export interface Exchange {
  readonly method: string
  readonly url: string
  readonly headers: IncomingHttpHeaders
  readonly status: number
  readonly answer: IncomingHttpHeaders
  /** Bytes of the body that were passed on so far. */
  bytes: number
}

export interface Gateway {
  readonly url: string
  /** What was asked of the server behind, in the order of the answers. */
  readonly exchanges: Exchange[]
  stop(): Promise<void>
}

export interface GatewayOptions {
  /** Pages of an application on the same origin, by path. */
  readonly pages?: Readonly<Record<string, string>>
  /** Is told of each request for a path that starts with `/ran/`, and answers it: scripts call it to say that they ran. */
  readonly onRan?: (name: string) => void
  /** Response fields that are not passed on, to see what the others do by themselves. Lower case. */
  readonly without?: readonly string[]
}

/** Passes everything on to a delivery server and back as it is, and writes down what it was. */
export async function startGateway(target: string, options: GatewayOptions = {}): Promise<Gateway> {
  const { pages = {}, onRan, without = [] } = options
  const exchanges: Exchange[] = []
  const server = createServer((incoming, outgoing) => {
    const { url = '/' } = incoming
    if (url.startsWith('/ran/')) {
      onRan?.(decodeURIComponent(url.slice('/ran/'.length)))
      outgoing.writeHead(204).end()
    } else if (Object.hasOwn(pages, url)) {
      outgoing.writeHead(200, { 'content-type': 'text/html; charset=utf-8' }).end(pages[url])
    } else {
      pass(incoming, outgoing).catch(() => outgoing.destroy())
    }
  })

  async function pass(incoming: IncomingMessage, outgoing: ServerResponse): Promise<void> {
    const { method = 'GET', url = '/', headers } = incoming
    const behind = request(new URL(url, target), { method, headers, agent: false })
    outgoing.once('close', () => behind.destroy())
    behind.end()
    const [answer] = (await once(behind, 'response')) as [IncomingMessage]
    const exchange = { method, url, headers, status: answer.statusCode ?? 0, answer: answer.headers, bytes: 0 }
    exchanges.push(exchange)
    outgoing.writeHead(exchange.status, fieldsOf(answer, without))
    await pipeline(
      answer,
      async function* (chunks: AsyncIterable<Buffer>) {
        for await (const chunk of chunks) {
          exchange.bytes += chunk.length
          yield chunk
        }
      },
      outgoing,
    )
  }

  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    exchanges,
    async stop() {
      server.closeAllConnections()
      server.close()
      await once(server, 'close')
    },
  }
}

/** All but those of the one connection and those to be left out, in their order and spelling. */
function fieldsOf({ rawHeaders }: IncomingMessage, without: readonly string[]): string[] {
  const dropped = new Set(['connection', 'keep-alive', 'transfer-encoding', ...without])
  const kept: string[] = []
  for (let at = 0; at < rawHeaders.length; at += 2) {
    const [name = '', value = ''] = rawHeaders.slice(at, at + 2)
    if (!dropped.has(name.toLowerCase())) kept.push(name, value)
  }
  return kept
}

import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import type { AddressInfo } from 'node:net'

export interface SeenRequest {
  readonly method: string
  readonly url: string
  readonly headers: Readonly<Record<string, string>>
  readonly body: Buffer
}

export interface FakeS3 {
  readonly endpoint: string
  readonly requests: SeenRequest[]
  stop(): Promise<void>
}

/** A server that answers what a test tells it to: for what no S3 does when asked, such as being of another day. */
export async function startFakeS3(
  answer: (request: SeenRequest, response: ServerResponse, count: number) => void,
  tls?: { readonly key: string; readonly cert: string },
): Promise<FakeS3> {
  const requests: SeenRequest[] = []
  const onRequest = async (incoming: IncomingMessage, response: ServerResponse) => {
    const chunks: Buffer[] = []
    for await (const chunk of incoming) chunks.push(chunk)
    const headers = incoming.headers as Record<string, string>
    const request = { method: incoming.method ?? '', url: incoming.url ?? '', headers, body: Buffer.concat(chunks) }
    requests.push(request)
    answer(request, response, requests.length)
  }
  const server = tls ? createTlsServer(tls, onRequest) : createServer(onRequest)
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    endpoint: `${tls ? 'https' : 'http'}://127.0.0.1:${(server.address() as AddressInfo).port}`,
    requests,
    stop: async () => {
      server.closeAllConnections()
      server.close()
      await once(server, 'close')
    },
  }
}

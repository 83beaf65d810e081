import type { IncomingMessage, ServerResponse } from 'node:http'
import type { HttpRequest } from '../../http/index.js'

/** A request of Node's server as the HTTP layer takes it. */
export function httpRequest(req: IncomingMessage, res: ServerResponse): HttpRequest {
  return new NodeRequest(req, res)
}

class NodeRequest implements HttpRequest {
  readonly method: string
  readonly headers: IncomingMessage['headers']
  readonly signal: AbortSignal

  constructor(req: IncomingMessage, res: ServerResponse) {
    const gone = new AbortController()
    this.method = req.method ?? 'GET'
    this.headers = req.headers
    this.signal = gone.signal
    if (res.destroyed) gone.abort()
    // Of the response: a request closes as soon as it was read. After the end there is nothing left to abort.
    else res.once('close', () => res.writableFinished || gone.abort())
  }
}

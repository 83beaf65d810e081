import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Http2Stream } from 'node:http2'
import type { Readable } from 'node:stream'
import { alreadyRead, type HttpRequest } from '../../http/index.js'

/** A request of Node's server as the HTTP layer takes it; without its response where somebody else answers it. */
export function httpRequest(req: IncomingMessage, res?: ServerResponse): HttpRequest {
  return new NodeRequest(req, res)
}

/** Whether nobody can be answered any more. The response of HTTP/2 has no `destroyed`, but its stream has. */
export function isGone(res: ServerResponse): boolean {
  return res.destroyed || streamOf(res)?.destroyed === true
}

/** A stream of HTTP/2 that is reset ends as well; only `aborted` tells that it was not we who ended it. */
function wasAnswered(res: ServerResponse): boolean {
  return res.writableFinished && streamOf(res)?.aborted !== true
}

function streamOf(res: ServerResponse): Http2Stream | undefined {
  return (res as { readonly stream?: Http2Stream }).stream
}

class NodeRequest implements HttpRequest {
  readonly method: string
  readonly headers: IncomingMessage['headers']
  readonly signal: AbortSignal
  readonly #req: IncomingMessage

  constructor(req: IncomingMessage, res: ServerResponse | undefined) {
    const gone = new AbortController()
    this.#req = req
    this.method = req.method ?? 'GET'
    this.headers = req.headers
    this.signal = gone.signal
    if (res ? isGone(res) : req.errored) {
      gone.abort()
      return
    }
    // Of the response: a request closes as soon as it was read. After the end there is nothing left to abort.
    res?.once('close', () => wasAnswered(res) || gone.abort())
    // A response that waits behind another one on its connection has no connection yet, and is never told of its end.
    if (!res?.socket) req.once('close', () => req.errored && gone.abort())
  }

  body(): Readable {
    const read = this.#req.readableDidRead || this.#req.readableEnded || this.#req.readableFlowing === true
    if (read) throw alreadyRead()
    return this.#req
  }
}

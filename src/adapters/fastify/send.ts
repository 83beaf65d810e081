import { Readable } from 'node:stream'
import type { FastifyReply } from 'fastify'
import type { HttpRequest, HttpResponse } from '../../http/index.js'
import { lending } from '../node/lend.js'
import { httpRequest, isGone } from '../node/request.js'
import { claim, release } from '../node/send-response.js'

/** Answers through `reply.send`, so that what other plugins add stays. */
export async function send(
  reply: FastifyReply,
  work: (request: HttpRequest) => Promise<HttpResponse>,
): Promise<FastifyReply> {
  const response = await work(httpRequest(reply.request.raw, reply.raw))
  claim(reply.raw, response, reply.sent)
  const { status, headers, body } = response
  if (isGone(reply.raw)) release(body)
  if (body instanceof Readable) {
    lending(body)
    // A hook that fails, or that puts something else in its place, leaves the body unread.
    reply.raw.once('close', () => body.destroy())
    body.once('error', (error) => {
      // Fastify would end a stream of HTTP/2 without an error, as if that were all.
      if (reply.raw.headersSent) reply.raw.destroy(error)
      // What it answers instead, where a hook takes its time, is not the blob.
      else for (const name in headers) reply.removeHeader(name)
    })
  }
  // @fastify/compress knows no Cache-Control: no-transform, and would send other bytes under the same strong etag.
  if (headers['accept-ranges']) reply.request.headers['x-no-compression'] ??= 'true'
  return reply
    .code(status)
    .headers(headers)
    .send(body ?? bodyOfHead(reply))
}

/** Fastify's own HEAD routes say `content-length: 0` where there is nothing to send, but believe a stream. */
function bodyOfHead({ request }: FastifyReply): Readable | undefined {
  return request.method === 'HEAD' ? Readable.from([]) : undefined
}

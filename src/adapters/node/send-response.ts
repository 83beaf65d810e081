import type { ServerResponse } from 'node:http'
import { StorageError } from '../../errors/index.js'
import type { HttpResponse } from '../../http/index.js'
import { lending } from './lend.js'
import { isGone } from './request.js'

const claimed = new WeakSet<ServerResponse>()

/**
 * Takes a response for one answer. CONFIGURATION where another one was begun, or is about to be: two bodies in one response
 * would be sent mixed.
 */
export function claim(res: ServerResponse, { body }: HttpResponse, sent = false): void {
  if (!sent && !res.headersSent && !claimed.has(res)) {
    claimed.add(res)
    return
  }
  release(body)
  throw new StorageError('CONFIGURATION', 'The response was begun already.', {
    operation: 'http',
    hint: 'Send the blob alone: nothing may write to the response before or beside it.',
  })
}

/** Gives up a body that nobody will read. */
export function release(body: HttpResponse['body']): void {
  if (body !== undefined && !(body instanceof Uint8Array)) body.destroy()
}

/**
 * Writes an answer out. Settles when the response has ended or its connection is gone; a body that fails midway takes the
 * connection with it, so that no client mistakes what arrived for the whole. Rejects only where headers were sent before:
 * CONFIGURATION.
 */
export async function sendResponse(res: ServerResponse, response: HttpResponse): Promise<void> {
  const { status, headers, body } = response
  claim(res, response)
  if (isGone(res)) {
    release(body)
    return
  }
  res.statusCode = status
  for (const name in headers) res.setHeader(name, headers[name] as string)
  // A client that went away is no failure of this call: the source was released, and nobody is left to be told.
  const closed = new Promise<void>((resolve) => {
    res.once('close', () => {
      release(body)
      resolve()
    })
  })
  // What middleware wrapped around the response (compression and its like) rests on these plain calls.
  if (body === undefined) res.end()
  else if (body instanceof Uint8Array) res.end(body)
  else {
    body.on('error', (error) => res.destroy(error))
    lending(body).pipe(res)
  }
  await closed
}

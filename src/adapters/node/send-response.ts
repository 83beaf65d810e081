import type { ServerResponse } from 'node:http'
import { finished } from 'node:stream/promises'
import { StorageError } from '../../errors/index.js'
import type { HttpResponse } from '../../http/index.js'

/**
 * Writes an answer out. Settles when the response has ended or its connection is gone; a body that fails midway takes the
 * connection with it, so that no client mistakes what arrived for the whole. Rejects only where headers were sent before:
 * CONFIGURATION.
 */
export async function sendResponse(res: ServerResponse, { status, headers, body }: HttpResponse): Promise<void> {
  if (res.headersSent) {
    if (body !== undefined && !(body instanceof Uint8Array)) body.destroy()
    throw new StorageError('CONFIGURATION', 'The response was begun already.', {
      operation: 'http',
      hint: 'Send the blob alone: nothing may write to the response before or beside it.',
    })
  }
  if (res.destroyed) {
    if (body !== undefined && !(body instanceof Uint8Array)) body.destroy()
    return
  }
  res.statusCode = status
  for (const name in headers) res.setHeader(name, headers[name] as string)
  // What middleware wrapped around the response (compression and its like) rests on these plain calls.
  if (body === undefined) res.end()
  else if (body instanceof Uint8Array) res.end(body)
  else {
    body.on('error', (error) => res.destroy(error))
    res.once('close', () => body.destroy())
    body.pipe(res)
  }
  // A client that went away is no failure of this call: the source was released, and nobody is left to be told.
  await finished(res).catch(() => {})
}

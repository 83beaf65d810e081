import { ServerResponse } from 'node:http'
import type { Readable } from 'node:stream'
import type { LendingBody } from '../../http/index.js'

/**
 * Has a body, once it is piped to a response of Node's own, written there in buffers that are used again: memory that is new
 * for each chunk costs more than reading into it. To anything else it is piped as ever.
 */
export function lending(body: Readable): Readable {
  if (isLending(body)) {
    const { pipe } = body
    body.pipe = <T extends NodeJS.WritableStream>(destination: T, options?: { end?: boolean }): T => {
      if (options?.end === false || !tellsWhenSent(destination)) return pipe.call(body, destination, options) as T
      void sendTo(destination, body)
      return destination
    }
  }
  return body
}

function isLending(body: Readable): body is Readable & LendingBody {
  return 'lend' in body && 'giveBack' in body
}

/** Middleware that puts a `write` of its own in place (compression) may keep a chunk for longer than it says. */
function tellsWhenSent(destination: NodeJS.WritableStream): destination is ServerResponse {
  return destination instanceof ServerResponse && destination.write === ServerResponse.prototype.write
}

/** One chunk is on its way while the next one is read. */
async function sendTo(response: ServerResponse, body: Readable & LendingBody): Promise<void> {
  try {
    let sent: Promise<void> | undefined
    for (;;) {
      const chunk = await body.lend()
      if (chunk === undefined) break
      await sent
      sent = write(response, chunk).then(() => body.giveBack(chunk))
      // Awaited one chunk later.
      sent.catch(() => {})
    }
    response.end()
  } catch {
    // Either the body has failed, and says so itself, or the client is gone, and takes nothing more.
    body.destroy()
  }
}

function write(response: ServerResponse, chunk: Uint8Array): Promise<void> {
  return new Promise((resolve, reject) => {
    response.write(chunk, (error) => (error ? reject(error) : resolve()))
  })
}

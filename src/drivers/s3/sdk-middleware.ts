import type { Socket } from 'node:net'
import type { Readable } from 'node:stream'

/** What a command of the SDK goes through on its way. */
export interface MiddlewareStack {
  add(middleware: unknown, options: object): void
}

/** Look-alikes that follow the older documentation refuse DeleteObjects without it. */
export async function addContentMd5(stack: MiddlewareStack): Promise<void> {
  const { createHash } = await import('node:crypto')
  type Args = { request: { body?: string | Uint8Array; headers: Record<string, string> } }
  const middleware = (next: (args: Args) => unknown) => async (args: Args) => {
    const { request } = args
    if (request.body !== undefined)
      request.headers['content-md5'] = createHash('md5').update(request.body).digest('base64')
    return next(args)
  }
  stack.add(middleware, { step: 'build', priority: 'low', name: 'hybridStoreContentMd5' })
}

/** The SDK signs streams without their hash, so that nobody would notice a byte that changed on the way. */
export function signPayload(stack: MiddlewareStack, sha256: string): void {
  type Args = { request: { headers: Record<string, string> } }
  const middleware = (next: (args: Args) => unknown) => async (args: Args) => {
    args.request.headers['x-amz-content-sha256'] = sha256
    return next(args)
  }
  stack.add(middleware, { step: 'build', priority: 'low', name: 'hybridStorePayloadHash' })
}

/**
 * Ends an answer that stops in the middle of its body, where that is read by the SDK: its own time limits end with the
 * headers. The body of a blob is its reader's affair.
 */
export function watchAnswer(name: string, idle: number) {
  type Answer = { readonly statusCode?: number; readonly body?: Readable & { readonly socket?: Socket | null } }
  return (next: (args: unknown) => Promise<{ response: Answer }>) => async (args: unknown) => {
    const result = await next(args)
    const { statusCode = 0, body } = result.response
    const { socket } = body ?? {}
    if (!body || !socket || (name === 'GetObject' && statusCode < 300)) return result
    const stop = () => {
      body.destroy(Object.assign(new Error('The answer stopped in the middle.'), { name: 'TimeoutError' }))
    }
    socket.setTimeout(idle, stop)
    body.once('close', () => {
      socket.off('timeout', stop)
      socket.setTimeout(0)
    })
    return result
  }
}

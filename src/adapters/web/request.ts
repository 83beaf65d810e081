import { Readable } from 'node:stream'
import type { ReadableStream as NodeReadableStream } from 'node:stream/web'
import { alreadyRead, type HttpRequest, type HttpResponse } from '../../http/index.js'

/** A Request as the HTTP layer takes it. */
export class WebRequest implements HttpRequest {
  readonly method: string
  readonly headers: Readonly<Record<string, string>>
  readonly signal: AbortSignal
  readonly #request: Request
  #source: Readable | undefined

  constructor(request: Request) {
    this.method = request.method
    this.headers = Object.fromEntries(request.headers)
    this.signal = request.signal
    this.#request = request
  }

  body(): Readable {
    const { body, bodyUsed } = this.#request
    if (bodyUsed || body?.locked) throw alreadyRead()
    this.#source = body ? Readable.fromWeb(body as NodeReadableStream<Uint8Array>) : Readable.from([])
    return this.#source
  }

  /** Resolves once nothing more of the body is read here; undefined where that is so already. */
  get reading(): Promise<void> | undefined {
    const source = this.#source
    if (source === undefined || source.closed || source.readableEnded) return undefined
    return new Promise((resolve) => source.once('close', resolve))
  }
}

/**
 * The answer as a Response. Where the client still sends, its end is held back until that is over: servers cut a connection
 * soon after a response has ended, and the client might not have come to read it.
 */
export function toResponse({ status, headers, body }: HttpResponse, request: WebRequest): Response {
  const { reading } = request
  return new Response(reading && body instanceof Uint8Array ? held(body, reading) : bodyInit(body), { status, headers })
}

function held(bytes: Uint8Array, reading: Promise<void>): ReadableStream<Uint8Array> {
  return new ReadableStream(
    {
      start: (controller) => controller.enqueue(bytes),
      pull: async (controller) => {
        await reading
        controller.close()
      },
    },
    { highWaterMark: 0 },
  )
}

function bodyInit(body: HttpResponse['body']): ConstructorParameters<typeof Response>[0] {
  if (body === undefined) return null
  // The bytes are nobody else's: a view of a buffer of its own.
  return body instanceof Uint8Array ? (body as Uint8Array<ArrayBuffer>) : pulled(body)
}

/** Not by `Readable.toWeb`: what it pushes while the consumer cancels is an exception that nobody can catch. */
function pulled(body: Readable): ReadableStream<Uint8Array> {
  const chunks: AsyncIterator<Uint8Array> = body[Symbol.asyncIterator]()
  return new ReadableStream(
    {
      pull: async (controller) => {
        const step = await chunks.next()
        if (step.done) controller.close()
        else controller.enqueue(step.value)
      },
      cancel: () => {
        body.destroy()
      },
    },
    { highWaterMark: 0 },
  )
}

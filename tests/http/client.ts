import { connect, type Socket } from 'node:net'
import { Inbox } from './inbox.js'

/** A request as it goes over the wire. Nothing is normalised or added but Host and, for a body, Content-Length. */
export interface RawRequest {
  /** `GET` by default. */
  readonly method?: string | undefined
  /** The request target, byte by byte (latin1). */
  readonly target: string
  /** A list where the field is to come several times. */
  readonly headers?: RawFields | undefined
  readonly body?: string | Uint8Array | undefined
  /** Instead of a body of known length: each is sent as a chunk of its own (RFC 9112 section 7.1). None of them is empty. */
  readonly chunks?: readonly Uint8Array[] | undefined
}

export type RawFields = Readonly<Record<string, string | readonly string[]>>

export interface Answer {
  readonly status: number
  /** As they came, in order, names in lower case. */
  readonly fields: readonly (readonly [name: string, value: string])[]
  /** The same by name; those that came several times joined by `, `. */
  readonly headers: Readonly<Record<string, string>>
  readonly body: Buffer
  /** Whether the connection held until the body was there: false where it was cut. */
  readonly whole: boolean
}

const NO_BODY = new Set([204, 304])

/**
 * A client of one connection that is kept as long as the server keeps it. Speaks HTTP/1.1 by itself, since fetch and
 * node:http put the address and the fields right, and pass over what a server does wrong: bytes behind an answer
 * without a body turn up in front of the next answer, which is then none.
 */
export class Client {
  readonly #port: number
  #socket: Socket | undefined
  #inbox: Inbox | undefined
  /** Connections that were made so far. */
  connections = 0

  constructor(port: number) {
    this.#port = port
  }

  async ask(request: RawRequest): Promise<Answer> {
    const reused = this.#socket !== undefined
    const { socket, inbox } = this.#connection()
    socket.write(bytesOf(request, this.#port))
    // The server may have closed what was idle while the request was on its way.
    if (reused && !(await inbox.more())) {
      this.close()
      return this.ask(request)
    }
    try {
      const answer = await readAnswer(inbox, request.method ?? 'GET')
      if (!answer.whole || answer.headers.connection === 'close') this.close()
      return answer
    } catch (error) {
      this.close()
      throw error
    }
  }

  close(): void {
    this.#socket?.destroy()
    this.#socket = undefined
  }

  #connection(): { readonly socket: Socket; readonly inbox: Inbox } {
    if (this.#socket && this.#inbox && !this.#inbox.ended) return { socket: this.#socket, inbox: this.#inbox }
    const socket = connect(this.#port, '127.0.0.1')
    socket.setNoDelay(true)
    this.connections++
    const inbox = new Inbox(socket)
    this.#socket = socket
    this.#inbox = inbox
    return { socket, inbox }
  }
}

function bytesOf({ method = 'GET', target, headers = {}, body, chunks }: RawRequest, port: number): Buffer {
  const lines = [`${method} ${target} HTTP/1.1`, `Host: 127.0.0.1:${port}`]
  for (const [name, value] of Object.entries(headers)) {
    for (const one of typeof value === 'string' ? [value] : value) lines.push(`${name}: ${one}`)
  }
  const content = chunks ? chunked(chunks) : typeof body === 'string' ? Buffer.from(body) : body
  if (chunks) lines.push('Transfer-Encoding: chunked')
  else if (content) lines.push(`Content-Length: ${content.byteLength}`)
  return Buffer.concat([Buffer.from(`${lines.join('\r\n')}\r\n\r\n`, 'latin1'), content ?? Buffer.alloc(0)])
}

function chunked(chunks: readonly Uint8Array[]): Buffer {
  const lines = chunks.flatMap((chunk) => [
    Buffer.from(`${chunk.byteLength.toString(16)}\r\n`),
    chunk,
    Buffer.from('\r\n'),
  ])
  return Buffer.concat([...lines, Buffer.from('0\r\n\r\n')])
}

async function readAnswer(inbox: Inbox, method: string): Promise<Answer> {
  const { status, fields } = await readHead(inbox)
  if (status >= 100 && status < 200) return readAnswer(inbox, method)
  const headers: Record<string, string> = {}
  for (const [name, value] of fields) headers[name] = name in headers ? `${headers[name]}, ${value}` : value
  const facts = { status, fields, headers }
  if (method === 'HEAD' || NO_BODY.has(status)) return { ...facts, body: Buffer.alloc(0), whole: true }
  if (/chunked/i.test(headers['transfer-encoding'] ?? '')) return { ...facts, ...(await readChunks(inbox)) }
  const length = headers['content-length']
  if (length === undefined) return { ...facts, body: await inbox.rest(), whole: true }
  if (!/^\d+$/.test(length)) throw new Error(`Content-Length is ${JSON.stringify(length)}`)
  const body = await inbox.take(Number(length))
  return { ...facts, body, whole: body.byteLength === Number(length) }
}

async function readHead(inbox: Inbox): Promise<Pick<Answer, 'status' | 'fields'>> {
  const [statusLine = '', ...lines] = (await inbox.until('\r\n\r\n')).split('\r\n')
  const status = /^HTTP\/1\.1 (\d{3}) /.exec(statusLine)?.[1]
  if (status === undefined) throw new Error(`no status line: ${JSON.stringify(statusLine)}`)
  const fields = lines.map((line) => {
    // RFC 9110 sections 5.1 and 5.5: anything else is a field that somebody smuggled in, or a broken one.
    const [, name, value] = /^([!#$%&'*+.^_`|~\w-]+):[ \t]*([\t\x20-\x7e\x80-\xff]*?)[ \t]*$/.exec(line) ?? []
    if (name === undefined || value === undefined) throw new Error(`no header field: ${JSON.stringify(line)}`)
    return [name.toLowerCase(), value] as const
  })
  return { status: Number(status), fields }
}

async function readChunks(inbox: Inbox): Promise<Pick<Answer, 'body' | 'whole'>> {
  const chunks: Buffer[] = []
  for (;;) {
    const line = await inbox.until('\r\n').catch(() => undefined)
    const size = line === undefined ? Number.NaN : Number.parseInt(line, 16)
    if (Number.isNaN(size)) return { body: Buffer.concat(chunks), whole: false }
    const chunk = await inbox.take(size)
    chunks.push(chunk)
    const end = chunk.byteLength === size && (await inbox.take(2)).byteLength === 2
    if (!end || size === 0) return { body: Buffer.concat(chunks), whole: end }
  }
}

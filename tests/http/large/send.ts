import { once } from 'node:events'
import { type IncomingMessage, request } from 'node:http'
import { pattern } from '../../store/pattern.js'
import { hashOf } from '../../store/support.js'
import { boundary, filePart, form, formType } from '../form.js'

const PIECE = 256 * 1024

/** An upload on its way. */
export interface Sending {
  /** Bytes of the file that the kernel has taken so far. */
  readonly sent: number
  readonly answered: Promise<{ readonly status: number; readonly path: string; readonly key: string }>
}

/** Sends a form with one file of so many bytes of the pattern, made on the way, on a connection of its own. */
export function sendLarge(url: string, size: number): Sending {
  // The head of a part with an empty file, and the end that stands behind it.
  const empty = form(filePart('file', 'large.bin', '', 'application/octet-stream'))
  const end = Buffer.from(`\r\n--${boundary}--\r\n`)
  const head = empty.subarray(0, empty.byteLength - end.byteLength)
  const length = head.byteLength + size + end.byteLength
  const headers = { 'content-type': formType, 'content-length': length }
  const outgoing = request(`${url}/upload`, { method: 'POST', agent: false, headers })
  const progress = { sent: 0 }
  const write = (bytes: Buffer) => {
    return new Promise<void>((resolve, reject) => outgoing.write(bytes, (error) => (error ? reject(error) : resolve())))
  }
  const send = async () => {
    const response = once(outgoing, 'response')
    // It may fail before all is sent, and then the writing does, too.
    response.catch(() => {})
    await write(head)
    for (let at = 0; at < size; at += PIECE) {
      await write(pattern(at, Math.min(PIECE, size - at)))
      progress.sent = Math.min(at + PIECE, size)
    }
    outgoing.end(end)
    const [answer] = (await response) as [IncomingMessage]
    const chunks: Buffer[] = []
    for await (const chunk of answer) chunks.push(chunk)
    const { statusCode: status = 0 } = answer
    return { status, ...(status === 201 ? JSON.parse(Buffer.concat(chunks).toString()) : {}) }
  }
  const answered = send()
  // Whoever waits for something else first hears of it later.
  answered.catch(() => {})
  return {
    get sent() {
      return progress.sent
    },
    answered,
  }
}

/** Size and sha256 of what a path reads. */
export async function readLarge(url: string, path: string): Promise<{ size: number; sha256: string }> {
  const answer = await fetch(`${url}/blob/${encodeURIComponent(path)}`)
  if (answer.status !== 200 || !answer.body) throw new Error(`${path} is answered with ${answer.status}`)
  return hashOf(answer.body as unknown as AsyncIterable<Uint8Array>)
}

import { type EventEmitter, once } from 'node:events'
import type { IncomingMessage } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'

export interface Line {
  /** When what the line has taken is through, by performance.now(). */
  busyUntil: number
}

/** Reads to the end. */
export async function drain(stream: IncomingMessage): Promise<void> {
  stream.resume()
  if (!stream.readableEnded) await once(stream, 'end')
}

/** Waits for one of the events and leaves no listener of the others behind. */
export async function firstOf(emitter: EventEmitter, ...events: readonly string[]): Promise<void> {
  const over = new AbortController()
  const { signal } = over
  await Promise.race(events.map((event) => once(emitter, event, { signal }))).finally(() => over.abort())
}

/** Reads at least so many bytes of a body, or all that there are. */
export async function take(stream: IncomingMessage, bytes: number): Promise<void> {
  let taken = 0
  while (taken < bytes && !stream.readableEnded && !stream.destroyed) {
    const chunk = stream.read() as Buffer | null
    if (chunk) taken += chunk.length
    else await firstOf(stream, 'readable', 'end', 'close')
  }
}

/** At so many bytes per second, which all bodies on the line share. */
export async function* slowed(stream: AsyncIterable<Buffer>, line: Line, rate: number): AsyncGenerator<Buffer> {
  for await (const chunk of stream) {
    const now = performance.now()
    line.busyUntil = Math.max(now, line.busyUntil) + (chunk.length / rate) * 1000
    await sleep(line.busyUntil - now)
    yield chunk
  }
}

/** With one bit of the byte at `at` the wrong way round. */
export async function* flipped(stream: AsyncIterable<Buffer>, at: number): AsyncGenerator<Buffer> {
  let sent = 0
  for await (const chunk of stream) {
    yield at >= sent && at < sent + chunk.length ? withFlip(chunk, at - sent) : chunk
    sent += chunk.length
  }
}

export function withFlip(chunk: Buffer, at: number): Buffer {
  const copy = Buffer.from(chunk)
  copy[at] = (copy[at] as number) ^ 1
  return copy
}

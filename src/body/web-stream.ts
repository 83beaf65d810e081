import type { Readable } from 'node:stream'
import { finished } from 'node:stream/promises'
import { ReadableStream } from 'node:stream/web'

/**
 * A stream of Node's as one of the web's: read only as far as it is asked for, destroyed when it is cancelled, failing as
 * it fails. `Readable.toWeb` hands a chunk to a stream that was cancelled a tick before, which nobody can catch: a client
 * that leaves would end the process (nodejs/node#64529).
 */
export function webStream(source: Readable): ReadableStream<Uint8Array> {
  const chunks = source.iterator({ destroyOnReturn: true }) as AsyncIterator<Uint8Array>
  let cancelled = false
  return new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        const { value, done } = await chunks.next()
        if (cancelled) return
        if (done) controller.close()
        else controller.enqueue(value)
      },
      async cancel(reason) {
        cancelled = true
        source.destroy(reason instanceof Error ? reason : undefined)
        // Why it is given up is known to whoever did; a failure of the source is no failure of giving it up.
        await finished(source).catch(() => {})
      },
    },
    { highWaterMark: 0 },
  )
}

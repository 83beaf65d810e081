import type { IncomingMessage } from 'node:http'
import type { Readable } from 'node:stream'

/** The streams that each request still has open: one listener serves all of its files, however many there are. */
const watched = new WeakMap<IncomingMessage, Set<Readable>>()

/**
 * Has the stream of a file fail when the connection goes before the request is here whole, whichever multer it is. A put
 * that has read the file to its end is left to end, and multer then removes the blob: one that is given up that late
 * may still take effect, and nobody would know of it. Answers what ends the watch.
 */
export function failWhenCutOff(request: IncomingMessage, stream: Readable): () => void {
  const streams = watched.get(request) ?? watch(request)
  streams.add(stream)
  if (request.destroyed) fail(request, streams)
  return () => streams.delete(stream)
}

function watch(request: IncomingMessage): Set<Readable> {
  const streams = new Set<Readable>()
  watched.set(request, streams)
  request.once('close', () => fail(request, streams))
  return streams
}

function fail(request: IncomingMessage, streams: ReadonlySet<Readable>): void {
  if (request.complete) return
  for (const stream of streams) stream.destroy(new Error('The client has gone before its request was complete.'))
}

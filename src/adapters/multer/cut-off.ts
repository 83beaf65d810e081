import type { IncomingMessage } from 'node:http'
import type { Readable } from 'node:stream'

/**
 * Has the stream of a file fail when the connection goes before the request is here whole, whichever multer it is. A put
 * that has read the file to its end is left to end, and multer then removes the blob: one that is given up that late
 * may still take effect, and nobody would know of it. Answers what ends the watch.
 */
export function failWhenCutOff(request: IncomingMessage, stream: Readable): () => void {
  const onClose = () => {
    if (!request.complete) stream.destroy(new Error('The client has gone before its request was complete.'))
  }
  request.once('close', onClose)
  if (request.destroyed) onClose()
  return () => request.removeListener('close', onClose)
}

import type { IncomingMessage, ServerResponse } from 'node:http'
import { type BlobRoutesOptions, type BlobStore, blobRoutes as routesOf } from '../../http/index.js'
import { httpRequest } from '../node/request.js'
import { sendResponse } from '../node/send-response.js'

export { blobHref, deleteBlob, sendBlob, sendView } from '../node/index.js'

/** What Express, in both of its versions, takes as a middleware; Connect does, too. */
export type Middleware<Req extends IncomingMessage> = (
  req: Req,
  res: ServerResponse,
  next: (error?: unknown) => void,
) => void

/**
 * The ready-made routes, to be mounted: `app.use('/documents', blobRoutes(store, { authorize }))`. Answers every request
 * below the mount itself; what cannot be answered (headers were sent) goes to `next`. CONFIGURATION without `authorize`.
 */
export function blobRoutes<Req extends IncomingMessage = IncomingMessage>(
  store: BlobStore,
  options: BlobRoutesOptions<Req>,
): Middleware<Req> {
  const routes = routesOf(store, options)
  return (req, res, next) => {
    // Express leaves in `url` what stands behind the mount, undecoded.
    routes(httpRequest(req, res), req.url ?? '/', req)
      .then((response) => sendResponse(res, response))
      .catch(next)
  }
}

import type { IncomingMessage, ServerResponse } from 'node:http'
import { type BlobRoutesOptions, type BlobStore, blobRoutes as routesOf } from '../../http/index.js'
import * as node from '../node/index.js'
import { httpRequest } from '../node/request.js'
import { sendResponse } from '../node/send-response.js'

export { blobHref } from '../node/index.js'

/** As in `hybrid-store/node`. Return it, or in Express 4 add `.catch(next)`; one that is forgotten ends no process. */
export const sendBlob: typeof node.sendBlob = (...args) => seen(node.sendBlob(...args))
export const sendView: typeof node.sendView = (...args) => seen(node.sendView(...args))
export const deleteBlob: typeof node.deleteBlob = (...args) => seen(node.deleteBlob(...args))

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

/** Express 4 waits for no promise; `onError` was told. */
function seen(answered: Promise<void>): Promise<void> {
  answered.catch(() => {})
  return answered
}

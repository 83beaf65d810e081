import type { IncomingMessage, ServerResponse } from 'node:http'
import {
  type BlobRoutes,
  type BlobRoutesOptions,
  type BlobStore,
  blobRoutes as routesOf,
  type SignedLinksOptions,
  signedLinks as signedLinksOf,
} from '../../http/index.js'
import * as node from '../node/index.js'
import { httpRequest } from '../node/request.js'
import { sendResponse } from '../node/send-response.js'

export { blobHref, receiveUpload } from '../node/index.js'

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
  return mounted(routesOf(store, options))
}

/**
 * Answers the links that the store signs itself, mounted where their `baseUrl` leads: `app.use('/files', signedLinks(store))`.
 */
export function signedLinks(store: BlobStore, options?: SignedLinksOptions): Middleware<IncomingMessage> {
  return mounted(signedLinksOf(store, options))
}

function mounted<Req extends IncomingMessage>(routes: BlobRoutes<Req>): Middleware<Req> {
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

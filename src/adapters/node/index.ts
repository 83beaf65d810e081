import type { IncomingMessage, ServerResponse } from 'node:http'
import { isStorageError, StorageError } from '../../errors/index.js'
import {
  type BlobRoutes,
  type BlobRoutesOptions,
  type BlobStore,
  blobRoutes,
  type DeliverOptions,
  deliver,
  type ErrorOptions,
  errorResponse,
  type HttpRequest,
  type HttpResponse,
  type ReceivedUpload,
  type RemoveOptions,
  receiveUpload as receiveUploadOf,
  remove,
  type SignedLinksOptions,
  signedLinks as signedLinksOf,
  type UploadOptions,
  type ViewOptions,
  view,
} from '../../http/index.js'
import { httpRequest } from './request.js'
import { sendResponse } from './send-response.js'

export { blobHref } from '../../http/index.js'

/**
 * Takes a multipart/form-data request in: its files go straight into the store, under the keys that `key` gives them. Rejects
 * with a StorageError whose `status` is the answer, and with nothing stored; see {@link UploadOptions} and
 * {@link ReceivedUpload}. CONFIGURATION where a body parser was faster.
 */
export function receiveUpload<Req extends IncomingMessage>(
  req: Req,
  store: BlobStore,
  options: UploadOptions<Req>,
): Promise<ReceivedUpload> {
  return receiveUploadOf(store, httpRequest(req), options, req)
}

/**
 * Answers a request with the blob at `path`: conditions, ranges, names and types as {@link DeliverOptions} say. Answers
 * errors of the storage itself, and settles when the response has ended. Rejects only on misuse (CONFIGURATION: the
 * response was begun already).
 */
export function sendBlob(
  req: IncomingMessage,
  res: ServerResponse,
  store: BlobStore,
  path: string,
  options: DeliverOptions = {},
): Promise<void> {
  return answer(req, res, options, (request) => deliver(store, request, path, options))
}

/** Answers with the blob as JSON, its text or its bytes in base64; settles and rejects as {@link sendBlob}. */
export function sendView(
  req: IncomingMessage,
  res: ServerResponse,
  store: BlobStore,
  path: string,
  options: ViewOptions = {},
): Promise<void> {
  return answer(req, res, options, (request) => view(store, request, path, options))
}

/** Deletes the blob and answers 204; settles and rejects as {@link sendBlob}. */
export function deleteBlob(
  req: IncomingMessage,
  res: ServerResponse,
  store: BlobStore,
  path: string,
  options: RemoveOptions = {},
): Promise<void> {
  return answer(req, res, options, (request) => remove(store, request, path, options))
}

interface Mounted {
  /** What the addresses start with, such as `/documents`; nothing by default. Any other address is answered with 404. */
  readonly basePath?: string | undefined
}

export interface BlobHandlerOptions extends BlobRoutesOptions<IncomingMessage>, Mounted {}
export interface SignedLinksHandlerOptions extends SignedLinksOptions, Mounted {}

/** A handler of `http.createServer`. */
export type NodeHandler = (req: IncomingMessage, res: ServerResponse) => Promise<void>

/** The ready-made routes as a handler of `http.createServer`. CONFIGURATION without `authorize`. */
export function blobHandler(store: BlobStore, options: BlobHandlerOptions): NodeHandler {
  return mounted(blobRoutes(store, options), options)
}

/** Answers the links that the store signs itself; `basePath` is the path of their `baseUrl`. */
export function signedLinksHandler(store: BlobStore, options: SignedLinksHandlerOptions = {}): NodeHandler {
  return mounted(signedLinksOf(store, options), options)
}

function mounted(routes: BlobRoutes<IncomingMessage>, options: Mounted & ErrorOptions): NodeHandler {
  const base = (options.basePath ?? '').replace(/\/+$/, '')
  return (req, res) => {
    const answered = answer(req, res, options, async (request) => {
      const url = req.url ?? '/'
      if (url !== base && !url.startsWith(`${base}/`)) return errorResponse(outside(), request, options)
      return routes(request, url.slice(base.length), req)
    })
    // A server waits for no handler: a rejection would end the process. A response that is somebody else's is left to them.
    return answered.catch((failure) => {
      if (!isStorageError(failure, 'CONFIGURATION')) res.destroy()
    })
  }
}

async function answer(
  req: IncomingMessage,
  res: ServerResponse,
  options: ErrorOptions,
  work: (request: HttpRequest) => Promise<HttpResponse>,
): Promise<void> {
  const request = httpRequest(req, res)
  try {
    await sendResponse(res, await work(request))
  } catch (failure) {
    options.onError?.({ request, error: isStorageError(failure) ? failure : unexpected(failure) })
    throw failure
  }
}

function unexpected(cause: unknown): StorageError {
  return new StorageError('INTERNAL', 'The request could not be answered.', { operation: 'http', cause })
}

function outside(): StorageError {
  return new StorageError('NOT_FOUND', 'The address lies outside the base path.', { operation: 'http' })
}

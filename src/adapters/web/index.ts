import { StorageError } from '../../errors/index.js'
import {
  type BlobRoutes,
  type BlobRoutesOptions,
  type BlobStore,
  blobRoutes,
  type DeliverOptions,
  deliver,
  type ErrorOptions,
  errorResponse,
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
import { toResponse, WebRequest } from './request.js'

export { blobHref } from '../../http/index.js'

/**
 * Takes a multipart/form-data request in: its files go straight into the store, under the keys that `key` gives them. Rejects
 * with a StorageError whose `status` is the answer, and with nothing stored. CONFIGURATION where the body was read.
 */
export function receiveUpload(
  request: Request,
  store: BlobStore,
  options: UploadOptions<Request>,
): Promise<ReceivedUpload> {
  return receiveUploadOf(store, new WebRequest(request), options, request)
}

/** The blob at `path` as a Response. Never rejects: errors of the storage are answers. */
export async function sendBlob(
  request: Request,
  store: BlobStore,
  path: string,
  options: DeliverOptions = {},
): Promise<Response> {
  const asked = new WebRequest(request)
  return toResponse(await deliver(store, asked, path, options), asked)
}

/** The blob as JSON, its text or its bytes in base64. */
export async function sendView(
  request: Request,
  store: BlobStore,
  path: string,
  options: ViewOptions = {},
): Promise<Response> {
  const asked = new WebRequest(request)
  return toResponse(await view(store, asked, path, options), asked)
}

/** Deletes the blob: 204. */
export async function deleteBlob(
  request: Request,
  store: BlobStore,
  path: string,
  options: RemoveOptions = {},
): Promise<Response> {
  const asked = new WebRequest(request)
  return toResponse(await remove(store, asked, path, options), asked)
}

interface Mounted {
  /** What the paths start with, such as `/documents`; nothing by default. Any other path is answered with 404. */
  readonly basePath?: string | undefined
}

export interface BlobHandlerOptions extends BlobRoutesOptions<Request>, Mounted {}
export interface SignedLinksHandlerOptions extends SignedLinksOptions, Mounted {}

/** What Hono, Next's route handlers, Bun and Deno take. */
export type WebHandler = (request: Request) => Promise<Response>

/** The ready-made routes as one function. CONFIGURATION without `authorize`. */
export function blobHandler(store: BlobStore, options: BlobHandlerOptions): WebHandler {
  return mounted(blobRoutes(store, options), options)
}

/** Answers the links that the store signs itself; `basePath` is the path of their `baseUrl`. */
export function signedLinksHandler(store: BlobStore, options: SignedLinksHandlerOptions = {}): WebHandler {
  return mounted(signedLinksOf(store, options), options)
}

function mounted(routes: BlobRoutes<Request>, options: Mounted & ErrorOptions): WebHandler {
  const base = (options.basePath ?? '').replace(/\/+$/, '')
  return async (request) => {
    const asked = new WebRequest(request)
    const target = targetOf(request)
    if (target !== base && !target.startsWith(`${base}/`)) {
      return toResponse(errorResponse(outside(), asked, options), asked)
    }
    return toResponse(await routes(asked, target.slice(base.length), request), asked)
  }
}

/** A Request has parsed its URL: dot segments are gone, the rest is still encoded. */
function targetOf({ url }: Request): string {
  const { pathname, search } = new URL(url)
  return `${pathname}${search}`
}

function outside(): StorageError {
  return new StorageError('NOT_FOUND', 'The address lies outside the base path.', { operation: 'http' })
}

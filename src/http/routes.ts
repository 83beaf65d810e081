import { StorageError } from '../errors/index.js'
import { type Authorize, type AuthorizeInput, type BlobAction, canonical, refusedWith } from './authorize.js'
import type { BlobStore } from './blob-store.js'
import { deliver, methodNotAllowed } from './deliver.js'
import { listing, listPrefix } from './listing.js'
import type { HttpRequest, HttpResponse } from './message.js'
import type { DeliverOptions } from './options.js'
import { errorResponse, refusal, refused } from './problem.js'
import { remove } from './remove.js'
import { parseTarget } from './target.js'
import {
  answerContent,
  answerUpload,
  type FileInput,
  type UploadedOptions,
  type UploadOptions,
} from './upload/index.js'
import { view } from './view.js'

/** Where the application keeps a document, and how it is to be delivered. */
export interface LocatedDocument extends Pick<DeliverOptions, 'filename' | 'contentType'> {
  readonly path: string
}

export interface BlobRoutesOptions<Native = unknown>
  extends Omit<DeliverOptions, 'disposition' | 'filename' | 'contentType'>,
    Omit<UploadOptions<Native>, 'key' | 'permit'>,
    UploadedOptions<Native> {
  /** The key of an uploaded file; see {@link UploadOptions}. Switches `POST /upload` on. */
  readonly key?: UploadOptions<Native>['key'] | undefined
  /**
   * Switches PUT on: the client names the key, or with `locate` the document, and `authorize` is what keeps it from the others. Off by
   * default.
   */
  readonly writable?: boolean | undefined
  /** Must be given: without a rule nobody may do anything. */
  readonly authorize: Authorize<Native>
  /**
   * Looks a document up by its id, so that addresses are `/{id}/content` and not `/content/{path}`. undefined: there is
   * none, 404. The path may be an old one, as it stands in the database.
   */
  readonly locate?:
    | ((asked: {
        readonly id: string
        readonly request: HttpRequest
        readonly native: Native
      }) => LocatedDocument | string | undefined | Promise<LocatedDocument | string | undefined>)
    | undefined
  /** Called when a blob is gone and before that is answered, such as to delete its row. What it throws is a 500. */
  readonly onDeleted?:
    | ((deleted: {
        readonly path: string
        readonly key: string
        /** With `locate`. */
        readonly id?: string | undefined
        readonly request: HttpRequest
        readonly native: Native
      }) => void | Promise<void>)
    | undefined
  /**
   * WWW-Authenticate of a 401, which must have one (RFC 9110 section 15.5.2): `Bearer`, `Basic realm="files"`. By default
   * `Session`, which no browser knows, so that none asks for a password.
   */
  readonly challenge?: string | undefined
  /** Bytes that `view` takes at most; 5 MiB by default. */
  readonly maxViewSize?: number | undefined
  /** Asks `authorize` for each blob of a list (action `read`), and leaves out what it refuses. Off by default. */
  readonly authorizeItems?: boolean | undefined
}

/** Answers a request whose raw target behind the mount is `target`. Never rejects. */
export type BlobRoutes<Native = unknown> = (
  request: HttpRequest,
  target: string,
  native: Native,
) => Promise<HttpResponse>

/**
 * The ready-made routes, for an adapter to mount:
 *
 * - `GET|HEAD /content/{path}` (inline), `GET|HEAD /download/{path}` (attachment), `GET|HEAD /view/{path}` (JSON),
 *   `DELETE /content/{path}`, `GET|HEAD /list?prefix=&cursor=&limit=`
 * - with `locate`: `/{id}/content`, `/{id}/download`, `/{id}/view` and `DELETE /{id}`
 * - with `key`: `POST /upload` (multipart/form-data); with `writable`: `PUT /content/{path}`, or `PUT /{id}/content`
 *
 * CONFIGURATION where there is no `authorize`.
 */
export function blobRoutes<Native>(store: BlobStore, options: BlobRoutesOptions<Native>): BlobRoutes<Native> {
  if (typeof options?.authorize !== 'function') {
    throw new StorageError('CONFIGURATION', 'The routes have no authorize.', {
      operation: 'http',
      hint: 'Say who may read what: authorize: ({ action, key, native }) => ...',
    })
  }
  const routes = new Routes(store, options)
  return (request, target, native) => routes.answer(request, target, native)
}

interface Document extends LocatedDocument {
  readonly key: string
  readonly driver: string
  /** What the application calls it. */
  readonly id?: string | undefined
}

const DEFAULT_CHALLENGE = 'Session'

type Verb = 'content' | 'download' | 'view' | 'document'

interface Asked<Native> {
  readonly request: HttpRequest
  readonly native: Native
}

class Routes<Native> {
  readonly #store: BlobStore
  readonly #options: BlobRoutesOptions<Native>

  constructor(store: BlobStore, options: BlobRoutesOptions<Native>) {
    this.#store = store
    this.#options = options
  }

  async answer(request: HttpRequest, raw: string, native: Native): Promise<HttpResponse> {
    const response = await this.#answer(request, raw, native)
    if (response.status !== 401) return response
    const challenge = this.#options.challenge ?? DEFAULT_CHALLENGE
    return { ...response, headers: { ...response.headers, 'www-authenticate': challenge } }
  }

  async #answer(request: HttpRequest, raw: string, native: Native): Promise<HttpResponse> {
    const asked = { request, native }
    try {
      const { segments, query } = parseTarget(raw)
      const [first = '', ...rest] = segments
      const { key } = this.#options
      // Read and deleted is a document that is called that, where there are documents.
      const uploads = request.method === 'POST' || request.method === 'OPTIONS' || !this.#options.locate
      if (key && uploads && first === 'upload' && rest.length === 0) return await this.#upload(asked, key)
      if (this.#options.locate) return await this.#byId(asked, first, rest)
      if (first === 'list' && rest.length === 0) return await this.#list(asked, query)
      if (rest.length > 0 && (first === 'content' || first === 'download' || first === 'view')) {
        return await this.#byPath(asked, first, rest.join('/'))
      }
      return refusal(404, request, this.#options)
    } catch (error) {
      return errorResponse(error, request, this.#options)
    }
  }

  async #byPath(asked: Asked<Native>, verb: Verb, path: string): Promise<HttpResponse> {
    const { key, driver } = canonical(this.#store, path)
    return this.#document(asked, verb, { path, key, driver })
  }

  async #byId({ request, native }: Asked<Native>, id: string, rest: readonly string[]): Promise<HttpResponse> {
    const [verb = 'document', ...more] = rest
    const known = verb === 'document' ? rest.length === 0 : verb === 'content' || verb === 'download' || verb === 'view'
    if (id === '' || more.length > 0 || !known) return refusal(404, request, this.#options)
    const found = await this.#options.locate?.({ id, request, native })
    // A database may say null.
    if (found === undefined || found === null) return refusal(404, request, this.#options)
    const document = typeof found === 'string' ? { path: found } : found
    // A path out of the application's own database may be an old spelling.
    const [{ key, driver }] = this.#store.resolve(document.path).candidates
    return this.#document({ request, native }, verb as Verb, { ...document, id, key, driver })
  }

  async #document(
    { request, native }: Asked<Native>,
    verb: Verb,
    { id, key, driver, ...document }: Document,
  ): Promise<HttpResponse> {
    const { path } = document
    const action = actionOf(verb, request.method)
    if (action === undefined || (action === 'write' && !this.#options.writable)) {
      return methodNotAllowed(request, this.#options, this.#allow(verb))
    }
    const refused = await this.#refusal({ action, key, driver, path, request, native })
    if (refused) return refused
    if (action === 'delete') {
      const onDeleted = () => this.#options.onDeleted?.({ path, key, id, request, native })
      return remove(this.#store, request, path, { ...this.#options, onDeleted })
    }
    if (action === 'write') return answerContent(this.#store, request, { key, id }, this.#options, native)
    if (action === 'view') {
      const { contentType } = document
      const { maxViewSize: maxSize } = this.#options
      return view(this.#store, request, path, { ...this.#options, contentType, maxSize, showPath: id === undefined })
    }
    const disposition = verb === 'download' ? 'attachment' : 'inline'
    return deliver(this.#store, request, path, { ...this.#options, ...document, disposition })
  }

  async #list({ request, native }: Asked<Native>, query: URLSearchParams): Promise<HttpResponse> {
    if (request.method !== 'GET' && request.method !== 'HEAD') return methodNotAllowed(request, this.#options)
    const prefix = listPrefix(query)
    const refused = await this.#refusal({ action: 'list', key: prefix, path: prefix, request, native })
    if (refused) return refused
    const mayRead = async (path: string) => {
      const [{ key, driver }] = this.#store.resolve(path).candidates
      const input: AuthorizeInput<Native> = { action: 'read', key, driver, path, request, native }
      return (await refusedWith(this.#options.authorize, input)) === undefined
    }
    const filter = this.#options.authorizeItems ? mayRead : undefined
    return listing(this.#store, request, query, { ...this.#options, filter })
  }

  async #refusal(input: AuthorizeInput<Native>): Promise<HttpResponse | undefined> {
    const status = await refusedWith(this.#options.authorize, input)
    return status && refusal(status, input.request, this.#options)
  }

  async #upload({ request, native }: Asked<Native>, key: UploadOptions<Native>['key']): Promise<HttpResponse> {
    if (request.method !== 'POST') return methodNotAllowed(request, this.#options, 'POST')
    const permit = async ({ key, driver }: FileInput<Native> & { readonly key: string; readonly driver: string }) => {
      const input: AuthorizeInput<Native> = { action: 'upload', key, driver, path: key, request, native }
      const status = await refusedWith(this.#options.authorize, input)
      if (status !== undefined) throw refused(status)
    }
    return answerUpload(this.#store, request, { ...this.#options, key, permit }, native)
  }

  #allow(verb: Verb): string {
    return this.#options.writable && verb === 'content' ? `${ALLOW[verb]}, PUT` : ALLOW[verb]
  }
}

const ALLOW: Readonly<Record<Verb, string>> = {
  content: 'GET, HEAD, DELETE',
  download: 'GET, HEAD',
  view: 'GET, HEAD',
  document: 'DELETE',
}

function actionOf(verb: Verb, method: string): BlobAction | undefined {
  if (method === 'DELETE') return verb === 'content' || verb === 'document' ? 'delete' : undefined
  if (method === 'PUT') return verb === 'content' ? 'write' : undefined
  if ((method !== 'GET' && method !== 'HEAD') || verb === 'document') return undefined
  return verb === 'view' ? 'view' : 'read'
}

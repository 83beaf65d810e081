import type { FastifyInstance, FastifyPluginAsync, FastifyReply, FastifyRequest } from 'fastify'
import fastifyPlugin from 'fastify-plugin'
import { StorageError } from '../../errors/index.js'
import {
  type BlobRoutes,
  type BlobRoutesOptions,
  type BlobStore,
  type DeliverOptions,
  deliver,
  type ReceivedUpload,
  type RemoveOptions,
  receiveUpload,
  remove,
  blobRoutes as routesOf,
  type SignedLinksOptions,
  signedLinks as signedLinksOf,
  type UploadOptions,
  type ViewOptions,
  view,
} from '../../http/index.js'
import { httpRequest } from '../node/request.js'
import { send } from './send.js'

export { blobHref } from '../../http/index.js'

declare module 'fastify' {
  interface FastifyRequest {
    /**
     * Takes a form in: its files go straight into the store. Rejects with a StorageError whose `status` is the answer, and
     * with nothing stored.
     */
    receiveUpload(options: ReceiveUploadOptions): Promise<ReceivedUpload>
  }
  interface FastifyReply {
    /** Answers with the blob at `path`; `return` what it answers, or await it. */
    sendBlob(path: string, options?: SendBlobOptions): Promise<FastifyReply>
    /** Answers with the blob as JSON, its text or its bytes in base64. */
    sendView(path: string, options?: SendViewOptions): Promise<FastifyReply>
    /** Deletes the blob and answers 204. */
    deleteBlob(path: string, options?: DeleteBlobOptions): Promise<FastifyReply>
  }
}

interface StoreChoice {
  /** Another store than the plugin's. */
  readonly store?: BlobStore | undefined
}

export interface SendBlobOptions extends DeliverOptions, StoreChoice {}
export interface SendViewOptions extends ViewOptions, StoreChoice {}
export interface DeleteBlobOptions extends RemoveOptions, StoreChoice {}
export interface ReceiveUploadOptions extends UploadOptions<FastifyRequest>, StoreChoice {}

export interface HybridStorageOptions extends StoreChoice {
  /** Defaults of every call. */
  readonly defaults?: DeliverOptions | undefined
}

/**
 * Gives replies `sendBlob`, `sendView` and `deleteBlob`, and requests `receiveUpload`: `await app.register(hybridStorage, {
 * store })`. Answers go through `reply.send`, so that what other plugins add (cors, helmet) stays. Forms are left unread for
 * `receiveUpload`; where @fastify/multipart is wanted as well it is to be registered first, and goes on working.
 */
export const hybridStorage = fastifyPlugin(
  async (app: FastifyInstance, { store: own, defaults = {} }: HybridStorageOptions) => {
    const storeOf = (choice: StoreChoice) => choice.store ?? own ?? missing()
    if (!app.hasContentTypeParser(FORM)) app.addContentTypeParser(FORM, leave)
    app.decorateRequest('receiveUpload', function (options) {
      return receiveUpload(storeOf(options), httpRequest(this.raw), options, this)
    })
    app.decorateReply('sendBlob', function (path, options = {}) {
      return send(this, (request) => deliver(storeOf(options), request, path, { ...defaults, ...options }))
    })
    app.decorateReply('sendView', function (path, options = {}) {
      return send(this, (request) => view(storeOf(options), request, path, { ...defaults, ...options }))
    })
    app.decorateReply('deleteBlob', function (path, options = {}) {
      return send(this, (request) => remove(storeOf(options), request, path, { ...defaults, ...options }))
    })
  },
  { fastify: '5.x', name: 'hybrid-store' },
)

export interface FastifyBlobRoutesOptions extends BlobRoutesOptions<FastifyRequest> {
  readonly store: BlobStore
}

/**
 * The ready-made routes: `await app.register(blobRoutes, { prefix: '/documents', store, authorize })`. Encapsulated:
 * whatever is set here stays here. CONFIGURATION without `authorize`.
 */
export const blobRoutes: FastifyPluginAsync<FastifyBlobRoutesOptions> = async (app, { store, ...options }) => {
  mount(app, routesOf(store, options))
}

export interface FastifySignedLinksOptions extends SignedLinksOptions {
  readonly store: BlobStore
}

/**
 * Answers the links that the store signs itself, under the prefix that their `baseUrl` leads to: `await
 * app.register(signedLinks, { prefix: '/files', store })`.
 */
export const signedLinks: FastifyPluginAsync<FastifySignedLinksOptions> = async (app, { store, ...options }) => {
  mount(app, signedLinksOf(store, options))
}

function mount(app: FastifyInstance, routes: BlobRoutes<FastifyRequest>): void {
  const depth = app.prefix.split('/').filter((segment) => segment !== '').length
  const handler = (request: FastifyRequest, reply: FastifyReply) => {
    return send(reply, (asked) => routes(asked, behindPrefix(request.raw.url ?? '/', depth), request))
  }
  // Whatever body comes with a request is for the route to read, or is no reason to refuse a DELETE with 415.
  app.removeAllContentTypeParsers()
  app.addContentTypeParser('*', leave)
  app.all('/*', { exposeHeadRoute: false }, handler)
}

const FORM = 'multipart/form-data'

function leave(_request: FastifyRequest, _payload: unknown, done: (error: null) => void): void {
  done(null)
}

/** The raw address without its first segments: a prefix may have parameters, its length in segments is certain. */
function behindPrefix(url: string, depth: number): string {
  let at = 0
  for (let i = 0; i < depth; i++) at = url.indexOf('/', at + 1)
  return at < 0 ? '/' : url.slice(at)
}

function missing(): never {
  throw new StorageError('CONFIGURATION', 'There is no store.', {
    operation: 'http',
    hint: 'Register the plugin with { store }, or pass one with the call.',
  })
}

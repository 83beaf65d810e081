import { Readable } from 'node:stream'
import type { FastifyInstance, FastifyPluginAsync, FastifyReply, FastifyRequest } from 'fastify'
import fastifyPlugin from 'fastify-plugin'
import { StorageError } from '../../errors/index.js'
import {
  type BlobRoutes,
  type BlobRoutesOptions,
  type BlobStore,
  type DeliverOptions,
  deliver,
  type HttpRequest,
  type HttpResponse,
  type RemoveOptions,
  remove,
  blobRoutes as routesOf,
  type SignedLinksOptions,
  signedLinks as signedLinksOf,
  type ViewOptions,
  view,
} from '../../http/index.js'
import { lending } from '../node/lend.js'
import { httpRequest, isGone } from '../node/request.js'
import { claim, release } from '../node/send-response.js'

export { blobHref } from '../../http/index.js'

declare module 'fastify' {
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

export interface HybridStorageOptions extends StoreChoice {
  /** Defaults of every call. */
  readonly defaults?: DeliverOptions | undefined
}

/**
 * Gives replies `sendBlob`, `sendView` and `deleteBlob`: `await app.register(hybridStorage, { store })`. Answers go through
 * `reply.send`, so that what other plugins add (cors, helmet) stays.
 */
export const hybridStorage = fastifyPlugin(
  async (app: FastifyInstance, { store: own, defaults = {} }: HybridStorageOptions) => {
    const storeOf = (choice: StoreChoice) => choice.store ?? own ?? missing()
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
  // Whatever body comes with a request, none of these routes reads it: it is no reason to refuse a DELETE with 415.
  app.removeAllContentTypeParsers()
  app.addContentTypeParser('*', (_request, _payload, done) => done(null))
  app.all('/*', { exposeHeadRoute: false }, handler)
}

/** The raw address without its first segments: a prefix may have parameters, its length in segments is certain. */
function behindPrefix(url: string, depth: number): string {
  let at = 0
  for (let i = 0; i < depth; i++) at = url.indexOf('/', at + 1)
  return at < 0 ? '/' : url.slice(at)
}

async function send(reply: FastifyReply, work: (request: HttpRequest) => Promise<HttpResponse>): Promise<FastifyReply> {
  const response = await work(httpRequest(reply.request.raw, reply.raw))
  claim(reply.raw, response, reply.sent)
  const { status, headers, body } = response
  if (isGone(reply.raw)) release(body)
  if (body instanceof Readable) {
    lending(body)
    // A hook that fails, or that puts something else in its place, leaves the body unread.
    reply.raw.once('close', () => body.destroy())
    body.once('error', (error) => {
      // Fastify would end a stream of HTTP/2 without an error, as if that were all.
      if (reply.raw.headersSent) reply.raw.destroy(error)
      // What it answers instead, where a hook takes its time, is not the blob.
      else for (const name in headers) reply.removeHeader(name)
    })
  }
  // @fastify/compress knows no Cache-Control: no-transform, and would send other bytes under the same strong etag.
  if (headers['accept-ranges']) reply.request.headers['x-no-compression'] ??= 'true'
  return reply
    .code(status)
    .headers(headers)
    .send(body ?? bodyOfHead(reply))
}

/** Fastify's own HEAD routes say `content-length: 0` where there is nothing to send, but believe a stream. */
function bodyOfHead({ request }: FastifyReply): Readable | undefined {
  return request.method === 'HEAD' ? Readable.from([]) : undefined
}

function missing(): never {
  throw new StorageError('CONFIGURATION', 'There is no store.', {
    operation: 'http',
    hint: 'Register the plugin with { store }, or pass one with the call.',
  })
}

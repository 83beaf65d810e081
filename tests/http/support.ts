import type { BlobStore } from '../../src/http/index.js'
import { onEnd } from '../store/support.js'
import { type Answer, Client, type RawFields, type RawRequest } from './client.js'
import { type AdapterName, type DeliveryOptions, type DeliveryServer, startDelivery } from './servers.js'

export interface Served {
  readonly server: DeliveryServer
  readonly client: Client
  ask(request: RawRequest): Promise<Answer>
  get(target: string, headers?: RawFields): Promise<Answer>
  head(target: string, headers?: RawFields): Promise<Answer>
  remove(target: string, headers?: RawFields): Promise<Answer>
}

/** The ready-made routes on a server for the current test. */
export async function serve(adapter: AdapterName, store: BlobStore, options: DeliveryOptions = {}): Promise<Served> {
  const server = await startDelivery(adapter, store, options)
  onEnd(() => server.stop())
  return { server, ...clientOf(server.port) }
}

/** A client for the current test. */
export function clientOf(port: number): Omit<Served, 'server'> {
  const client = new Client(port)
  onEnd(() => client.close())
  const ask = (request: RawRequest) => client.ask(request)
  return {
    client,
    ask,
    get: (target, headers) => ask({ target, headers }),
    head: (target, headers) => ask({ method: 'HEAD', target, headers }),
    remove: (target, headers) => ask({ method: 'DELETE', target, headers }),
  }
}

/** Problem details, read. */
export function problemOf({ headers, body }: Answer): Record<string, unknown> {
  if (headers['content-type'] !== 'application/problem+json') throw new Error(`a ${headers['content-type']}`)
  return JSON.parse(body.toString())
}

import { once } from 'node:events'
import type { Server } from 'node:http'
import type { AddressInfo } from 'node:net'

/** A server that listens on a free port of 127.0.0.1. */
export interface ListeningServer {
  readonly server: Server
  readonly port: number
  /** Cuts its connections, and resolves once it is closed. */
  stop(): Promise<void>
}

export async function listen(server: Server): Promise<ListeningServer> {
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  return {
    server,
    port,
    stop: async () => {
      const closed = once(server, 'close')
      server.close()
      server.closeAllConnections()
      await closed
    },
  }
}

import { once } from 'node:events'
import { createServer, type RequestListener, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { FastifyInstance } from 'fastify'
import { pattern } from '../../store/pattern.js'
import { onEnd } from '../../store/support.js'
import { fsBackend } from './backends.js'

const MIB = 1024 * 1024

/** Two blobs that are told apart, each larger than what is read before an answer begins. */
export const one = pattern(0, 3 * MIB)
export const two = pattern(500_000, 2 * MIB)

/** A store with both, closed when the test has ended. */
export async function twoBlobs() {
  const backend = await fsBackend()
  onEnd(() => backend.stop())
  await backend.store.put('one', one)
  await backend.store.put('two', two)
  return { ...backend, one: 'local:one', two: 'local:two' }
}

/** Serves until the test has ended; answers with the address. */
export async function serve(listener: RequestListener | Server): Promise<string> {
  const server = typeof listener === 'function' ? createServer(listener) : listener
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  onEnd(async () => {
    const closed = once(server, 'close')
    server.close()
    server.closeAllConnections()
    await closed
  })
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

export async function serveFastify(app: FastifyInstance): Promise<string> {
  await app.ready()
  return serve(app.server)
}

/** Rejections that nobody has handled, from now until the test has ended: what would end a process. */
export function unhandled(): unknown[] {
  const seen: unknown[] = []
  const others = process.listeners('unhandledRejection')
  process.removeAllListeners('unhandledRejection')
  process.on('unhandledRejection', (reason) => seen.push(reason))
  onEnd(() => {
    process.removeAllListeners('unhandledRejection')
    for (const listener of others) process.on('unhandledRejection', listener)
  })
  return seen
}

/** Lets Node find out which rejections nobody has handled. */
export function nextTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve))
}

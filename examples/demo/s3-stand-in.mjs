// An S3 server from npm on 127.0.0.1, for a demo without an account. It keeps its objects in memory, also while it is
// switched off: "off" means that its port is closed and every connection cut, as when a machine goes away.
import { once } from 'node:events'
import { createServer } from 'node:http'
import { buildApp } from 'fauxqs'

export class S3StandIn {
  #app = buildApp({ logger: false })
  #server
  #port = 0
  #partsUntilDeath = Number.POSITIVE_INFINITY

  get endpoint() {
    return `http://127.0.0.1:${this.#port}`
  }

  get listening() {
    return this.#server?.listening === true
  }

  async start() {
    await this.#app.ready()
    this.#partsUntilDeath = Number.POSITIVE_INFINITY
    this.#server = createServer((request, response) => {
      if (request.method === 'PUT' && request.url.includes('partNumber=') && this.#partsUntilDeath-- <= 0) this.#cut()
      else this.#app.routing(request, response)
    })
    // The port of the first start is kept, so that clients find the server again.
    this.#server.listen(this.#port, '127.0.0.1')
    await once(this.#server, 'listening')
    this.#port = this.#server.address().port
  }

  async createBucket(name) {
    const response = await fetch(`${this.endpoint}/${name}`, { method: 'PUT' })
    if (!response.ok) throw new Error(`the bucket could not be made: ${response.status}`)
  }

  /** Goes away in the middle of a multipart upload, when so many parts have been stored. */
  dieAfterParts(count) {
    this.#partsUntilDeath = count
  }

  async stop() {
    if (!this.listening) return
    const closed = once(this.#server, 'close')
    this.#cut()
    await closed
  }

  /** Off for good. */
  async close() {
    await this.stop()
    await this.#app.close()
  }

  #cut() {
    this.#server.close()
    this.#server.closeAllConnections()
  }
}

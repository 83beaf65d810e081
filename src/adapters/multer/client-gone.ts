import type { IncomingMessage } from 'node:http'

/** Watches whether the connection of a request goes before its body is here. */
export class ClientGone {
  readonly #request: IncomingMessage
  readonly #gone = new AbortController()
  readonly #onClose = () => {
    if (!this.#request.complete) this.#gone.abort(new Error('The client has gone before its request was complete.'))
  }

  constructor(request: IncomingMessage) {
    this.#request = request
    request.once('close', this.#onClose)
    if (request.destroyed) this.#onClose()
  }

  /** Aborted when it does. */
  get signal(): AbortSignal {
    return this.#gone.signal
  }

  /** Ends the watch. */
  stop(): void {
    this.#request.removeListener('close', this.#onClose)
  }
}

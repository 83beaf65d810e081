import type { Socket } from 'node:net'

/** What has come over a connection and was not read yet. */
export class Inbox {
  #chunks: Buffer[] = []
  #size = 0
  #wake: (() => void) | undefined
  #ended = false

  constructor(socket: Socket) {
    socket.on('data', (chunk) => {
      this.#chunks.push(chunk)
      this.#size += chunk.byteLength
      this.#wake?.()
    })
    const end = () => {
      this.#ended = true
      this.#wake?.()
    }
    socket.once('end', end).once('close', end)
    // A reset is an end: the answer is then short.
    socket.once('error', end)
  }

  /** Whether the connection is over and all of it was read. */
  get ended(): boolean {
    return this.#ended && this.#size === 0
  }

  /** Waits for bytes; false where none will come. */
  async more(): Promise<boolean> {
    while (this.#size === 0 && !this.#ended) await this.#arrival()
    return this.#size > 0
  }

  /** So many bytes, or fewer where the connection ends before. */
  async take(bytes: number): Promise<Buffer> {
    while (this.#size < bytes && !this.#ended) await this.#arrival()
    return this.#cut(Math.min(bytes, this.#size))
  }

  /** All that comes until the connection ends. */
  async rest(): Promise<Buffer> {
    while (!this.#ended) await this.#arrival()
    return this.#cut(this.#size)
  }

  /** The text in front of the separator (latin1), which is taken away with it. Rejects where it does not come. */
  async until(separator: string): Promise<string> {
    for (;;) {
      const all = Buffer.concat(this.#chunks)
      this.#chunks = [all]
      const at = all.indexOf(separator)
      if (at >= 0) {
        this.#chunks = [all.subarray(at + separator.length)]
        this.#size -= at + separator.length
        return all.toString('latin1', 0, at)
      }
      if (this.#ended) throw new Error(`the connection ended within a head: ${JSON.stringify(all.toString('latin1'))}`)
      await this.#arrival()
    }
  }

  #cut(bytes: number): Buffer {
    const all = Buffer.concat(this.#chunks)
    this.#chunks = [all.subarray(bytes)]
    this.#size -= bytes
    return all.subarray(0, bytes)
  }

  #arrival(): Promise<void> {
    return new Promise((resolve) => {
      this.#wake = resolve
    })
  }
}

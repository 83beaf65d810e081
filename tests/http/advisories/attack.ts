import { connect, type Socket } from 'node:net'
import { expect } from 'vitest'
import { Client, type RawFields } from '../client.js'
import { formType } from '../form.js'
import type { ListeningServer } from '../listen.js'
import { until } from '../robustness/until.js'
import type { World } from '../world.js'
import { isMulter, type Service, type TakenIn } from './services.js'

/** An advisory against software that takes forms in, and its attack on ours. */
export interface Advisory {
  readonly id: string
  /** What went wrong there. */
  readonly wrong: string
  /** Attacks, and checks the answers. What must hold after any attack is checked by whoever runs it. */
  readonly attack: (target: Target) => Promise<void>
}

/** A file that was stored and is removed again. */
export interface Taken {
  readonly key: string
  readonly name: string
  readonly content: string
}

/** One service and one backend for its files, as an attacker and then the application see it. */
export class Target {
  /** Whether the form is read by multer: then the answer to what is malformed is busboy's. */
  readonly multer: boolean
  readonly folder: string
  readonly #world: World
  readonly #service: ListeningServer
  readonly #client: Client
  readonly #sockets: Socket[] = []
  #think: (() => Promise<void>) | undefined

  constructor(name: Service, service: ListeningServer, world: World, folder: string) {
    this.multer = isMulter(name)
    this.folder = folder
    this.#service = service
    this.#world = world
    this.#client = new Client(service.port)
  }

  /** Sends a whole request: a form unless said otherwise. */
  async send(body: string | Uint8Array, headers: RawFields = {}): Promise<{ status: number; text: string }> {
    const fields = { 'content-type': formType, 'x-folder': this.folder, ...headers }
    const answer = await this.#client.ask({ method: 'POST', target: '/upload', headers: fields, body })
    const text = answer.body.toString()
    if (answer.status >= 400 && !this.multer) {
      expect(answer.headers['content-type']).toBe('application/problem+json')
      expect(text).not.toMatch(/\/tmp\/|node_modules|\n\s+at /)
    }
    return { status: answer.status, text }
  }

  /** Sends a request that must be refused with this status; by multer with any of a client's errors. */
  async refused(status: number, body: string | Uint8Array, headers: RawFields = {}): Promise<void> {
    const answer = await this.send(body, headers)
    if (!this.multer) expect(answer.status, answer.text).toBe(status)
    else expect([400, 413, 500], answer.text).toContain(answer.status)
  }

  /** Sends a request that must be taken in; its files are read back and removed. */
  async taken(body: string | Uint8Array): Promise<{ files: Taken[]; fields: TakenIn['fields'] }> {
    const { status, text } = await this.send(body)
    expect(status, text).toBe(201)
    const { files, fields } = JSON.parse(text) as TakenIn
    const taken: Taken[] = []
    for (const { path, key, name } of files) {
      const content = await (await this.#world.store.get(path)).text()
      await this.#world.store.delete(path)
      taken.push({ key, name, content })
    }
    return { files: taken, fields }
  }

  /** Removes whatever was stored. */
  async clear(): Promise<void> {
    for await (const entry of this.#world.store.list({ prefix: this.folder })) {
      if (entry.type === 'blob') await this.#world.store.delete(entry.path)
    }
  }

  /** A connection on which a form of so many bytes was announced and its beginning was sent. */
  async begin(start: Uint8Array, length = 32 * 1024 * 1024): Promise<Socket> {
    const socket = connect(this.#service.port, '127.0.0.1')
    socket.on('error', () => {})
    this.#sockets.push(socket)
    const head = ['POST /upload HTTP/1.1', 'Host: x', `Content-Type: ${formType}`, `X-Folder: ${this.folder}`]
    socket.write(`${[...head, `Content-Length: ${length}`].join('\r\n')}\r\n\r\n`)
    await new Promise<void>((resolve) => socket.write(start, () => resolve()))
    return socket
  }

  /** From now on the application takes its time to find a key: `asked` resolves once it thinks. */
  hold(): { readonly asked: Promise<void>; readonly release: () => void } {
    let [ask, release] = [() => {}, () => {}]
    const asked = new Promise<void>((resolve) => {
      ask = resolve
    })
    const released = new Promise<void>((resolve) => {
      release = resolve
    })
    this.#think = () => {
      ask()
      return released
    }
    return { asked, release: () => release() }
  }

  /** What the application does before it finds a key. */
  async think(): Promise<void> {
    await this.#think?.()
  }

  /** Waits for the connections to be closed, on both sides. */
  async leave(): Promise<void> {
    this.#think = undefined
    this.#client.close()
    for (const socket of this.#sockets) socket.destroy()
    const { server } = this.#service
    const open = () => new Promise<number>((resolve) => server.getConnections((_, count) => resolve(count)))
    await until(async () => (await open()) === 0, 'end of the connections')
  }
}

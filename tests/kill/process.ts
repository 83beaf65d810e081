import { type ChildProcessByStdio, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import type { Readable, Writable } from 'node:stream'
import type { Command, Said } from './protocol.js'

/** A child as its parent sees it. */
export class ChildHandle {
  /** All that it has said about its operations so far. */
  readonly said: Said[] = []
  readonly #process: ChildProcessByStdio<Writable, Readable, null>
  readonly #ended: Promise<void>
  #isOver = false
  #wakers: (() => void)[] = []
  #answers = 0
  #commands = 0
  #ready = false
  calls = 0

  constructor(script: string) {
    this.#process = spawn(process.execPath, [script], { stdio: ['pipe', 'pipe', 'inherit'] })
    // It may die before it reads what it is told.
    this.#process.stdin.on('error', () => {})
    const closed = once(this.#process, 'close')
    this.#ended = this.#listen().then(async () => {
      await closed
      this.#isOver = true
      this.#wake()
    })
  }

  get isOver(): boolean {
    return this.#isOver
  }

  /** Whether it ended by SIGKILL, its own or its parent's. */
  get wasKilled(): boolean {
    return this.#process.signalCode === 'SIGKILL'
  }

  /** Resolves when it has done what it was told, or is dead: false. */
  async tell(command: Command): Promise<boolean> {
    const mine = ++this.#commands
    this.#process.stdin.write(`${JSON.stringify(command)}\n`)
    await this.#until(() => this.#answers >= mine)
    return this.#answers >= mine
  }

  async ready(): Promise<void> {
    await this.#until(() => this.#ready)
  }

  /** Resolves when it has said so many things of its operations, or `patience` milliseconds have passed, or it is dead. */
  async spoke(lines: number, patience: number): Promise<void> {
    const timer = setTimeout(() => this.#wake(), patience)
    const end = performance.now() + patience
    await this.#until(() => this.said.length >= lines || performance.now() >= end - 1)
    clearTimeout(timer)
  }

  /** Resolves when it is dead and all that it said is here. */
  async kill(): Promise<void> {
    this.#process.kill('SIGKILL')
    await this.#ended
  }

  /** The end of its input is the end of its work. */
  async end(): Promise<void> {
    this.#process.stdin.end()
    await this.#ended
  }

  killNow(): void {
    this.#process.kill('SIGKILL')
  }

  async over(): Promise<void> {
    await this.#ended
  }

  async #listen(): Promise<void> {
    for await (const line of createInterface({ input: this.#process.stdout })) {
      // The last line of a killed process may be a piece: a write to a pipe that was full.
      if (!line.endsWith('}')) continue
      const said: Said = JSON.parse(line)
      if (said.say === 'ready') this.#ready = true
      else if (said.say === 'done') {
        this.#answers++
        this.calls = said.calls ?? 0
      } else this.said.push(said)
      this.#wake()
    }
  }

  async #until(reached: () => boolean): Promise<void> {
    while (!reached() && !this.#isOver) {
      await new Promise<void>((resolve) => {
        this.#wakers.push(resolve)
      })
    }
  }

  #wake(): void {
    for (const wake of this.#wakers.splice(0)) wake()
  }
}

/** Keeps one child started ahead, so that nobody waits for a process to start. */
export class Nursery {
  readonly #script: string
  readonly #ahead: number
  #waiting: ChildHandle[] = []

  constructor(script: string, ahead = 1) {
    this.#script = script
    this.#ahead = ahead
  }

  async take(): Promise<ChildHandle> {
    while (this.#waiting.length < this.#ahead + 1) this.#waiting.push(new ChildHandle(this.#script))
    const child = this.#waiting.shift() as ChildHandle
    await child.ready()
    return child
  }

  async close(): Promise<void> {
    await Promise.all(this.#waiting.splice(0).map((child) => child.kill()))
  }
}

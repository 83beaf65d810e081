import { join } from 'node:path'
import { writeFully } from '../disk/index.js'
import { type OutboxFolder, readSmall } from './folder.js'

/** What the drivers' own clocks said last, a small file each. Written once for each second that a driver tells. */
export class DriverTimes {
  readonly #folder: OutboxFolder
  readonly #noted = new Map<string, number>()
  readonly #read = new Map<string, Promise<Date | undefined>>()
  #writing: Promise<void> = Promise.resolve()

  constructor(folder: OutboxFolder) {
    this.#folder = folder
  }

  async note(driver: string, time: Date): Promise<void> {
    const second = Math.floor(time.getTime() / 1000)
    if (second <= (this.#noted.get(driver) ?? 0)) return
    this.#noted.set(driver, second)
    this.#writing = this.#writing.then(() => this.#write(driver, second))
    await this.#writing
  }

  async read(driver: string): Promise<Date | undefined> {
    // What other processes note after this one's first look makes it less careful at best.
    const seen = this.#read.get(driver) ?? this.#readFile(driver)
    this.#read.set(driver, seen)
    seen.catch(() => this.#read.delete(driver))
    return seen
  }

  async #readFile(driver: string): Promise<Date | undefined> {
    const text = await readSmall(this.#folder.disk, this.#path(driver))
    return text !== undefined && /^\d{10} $/.test(text) ? new Date(Number(text) * 1000) : undefined
  }

  /** Resolves when nothing is being written any more. */
  async settled(): Promise<void> {
    await this.#writing
  }

  /** In place, and so short that no reader sees half of it; the blank at the end says that it is whole. */
  async #write(driver: string, second: number): Promise<void> {
    try {
      const handle = await this.#folder.disk.open(this.#path(driver), 'w', 0o600)
      try {
        await writeFully(handle, Buffer.from(`${second} `))
      } finally {
        await handle.close()
      }
    } catch {
      // Only the next process misses it, and is more careful then.
    }
  }

  #path(driver: string): string {
    return join(this.#folder.directory, `seen.${driver}`)
  }
}

import type { BlobDriver, BlobReader, GetOptions } from '../../../src/driver/index.js'

/** What a driver's `get` does until it is released: nothing unusual, wait for its signal too, or be deaf to it. */
export type Hold = 'none' | 'listening' | 'deaf'

/** Looks on at a driver: which reads are open, and what became of the signals of its callers. */
export class Watch {
  /** Of each get so far. */
  readonly signals: (AbortSignal | undefined)[] = []
  readonly #open = new Set<BlobReader>()
  #opening = 0
  #hold: Hold = 'none'
  #release = () => {}
  #released: Promise<void> = Promise.resolve()

  /** Readers that were neither read to their end nor given up. */
  get open(): number {
    return this.#open.size
  }

  /** Calls of get that were not answered yet. */
  get opening(): number {
    return this.#opening
  }

  /** Holds each get from now on. */
  hold(how: Hold): void {
    this.#hold = how
    this.#released = new Promise((resolve) => {
      this.#release = resolve
    })
  }

  release(): void {
    this.#hold = 'none'
    this.#release()
  }

  reset(): void {
    this.signals.length = 0
  }

  async get(driver: BlobDriver, key: string, options: GetOptions = {}): Promise<BlobReader> {
    const { signal } = options
    const hold = this.#hold
    this.signals.push(signal)
    this.#opening++
    try {
      if (hold !== 'none') await this.#wait(hold === 'listening' ? signal : undefined)
      const reader = await driver.get(key, hold === 'deaf' ? { ...options, signal: undefined } : options)
      this.#open.add(reader)
      return this.#watched(reader)
    } finally {
      this.#opening--
    }
  }

  async #wait(signal: AbortSignal | undefined): Promise<void> {
    const aborted = new Promise<void>((resolve) => signal?.addEventListener('abort', () => resolve(), { once: true }))
    await Promise.race([this.#released, aborted])
  }

  #watched(reader: BlobReader): BlobReader {
    const closed = () => this.#open.delete(reader)
    return new Proxy(reader, {
      get: (target, name) => {
        const value = Reflect.get(target, name, target)
        if (name === 'body') value.once('close', closed)
        if (typeof value !== 'function') return value
        return (...args: unknown[]) => {
          const answer = value.apply(target, args)
          if (answer instanceof Promise) answer.then(closed, closed)
          return answer
        }
      },
    })
  }
}

export function watched<D extends BlobDriver>(driver: D): { readonly driver: D; readonly watch: Watch } {
  const watch = new Watch()
  const get = (key: string, options?: GetOptions) => watch.get(driver, key, options)
  const proxy = new Proxy(driver, {
    get: (target, name) => {
      if (name === 'get') return get
      const value = Reflect.get(target, name, target)
      return typeof value === 'function' ? value.bind(target) : value
    },
  })
  return { driver: proxy, watch }
}

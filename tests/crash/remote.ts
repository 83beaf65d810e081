import type { BlobDriver, CopyOptions, DeleteOptions, PutOptions, SignalOptions } from '../../src/driver/index.js'
import { MemoryDriver } from '../../src/drivers/memory/index.js'

type Change = (driver: MemoryDriver) => Promise<unknown>

interface PastChange {
  readonly at: number
  readonly change: Change
}

/**
 * An S3 that outlives the crash: blobs in memory, and every change that reached them, so that the state after any
 * number of changes can be made again.
 */
export class Remote {
  readonly driver: BlobDriver
  readonly #changes: PastChange[]

  /** `changed` is called after each change, with their number. `inner` is what `before` have led to. */
  private constructor(changed: (changes: number) => void, inner: MemoryDriver, before: readonly PastChange[]) {
    this.#changes = [...before]
    const note = (change: Change) => {
      this.#changes.push({ at: Date.now(), change })
      changed(this.#changes.length)
    }
    const own: Partial<BlobDriver> = {
      put: async (key, body, options = {}) => {
        const info = await inner.put(key, body, options)
        const bytes = await (await inner.get(key)).bytes()
        note((driver) => driver.put(key, bytes, lasting(options)))
        return info
      },
      delete: async (key, options = {}) => {
        await inner.delete(key, options)
        note((driver) => driver.delete(key, lasting(options)))
      },
      deleteMany: async (keys, options = {}) => {
        const results = await inner.deleteMany(keys, options)
        note((driver) => driver.deleteMany(keys, lasting(options)))
        return results
      },
      copy: async (from, to, options = {}) => {
        const info = await inner.copy(from, to, options)
        note((driver) => driver.copy(from, to, lasting(options)))
        return info
      },
      move: async (from, to, options = {}) => {
        const info = await inner.move(from, to, options)
        note((driver) => driver.move(from, to, lasting(options)))
        return info
      },
    }
    this.driver = new Proxy(inner, {
      get(target, name) {
        // Changes of visibility are not written down, and no test here makes one.
        if (name === 'setVisibility' || name === 'createOutbox') return undefined
        const value: unknown = Reflect.get(own, name) ?? Reflect.get(target, name)
        return typeof value === 'function' && !Object.hasOwn(own, name) ? value.bind(target) : value
      },
      has: (target, name) => name !== 'createOutbox' && Reflect.has(target, name),
    })
  }

  /** An empty one. */
  static empty(changed: (changes: number) => void): Remote {
    return new Remote(changed, new MemoryDriver(), [])
  }

  /** One that goes on after so many changes; the number of changes goes on too. */
  async since(changes: number, changed: (changes: number) => void): Promise<Remote> {
    return new Remote(changed, await this.after(changes), this.#changes.slice(0, changes))
  }

  /** A driver in the state after so many changes, with the times of then. */
  async after(changes: number): Promise<MemoryDriver> {
    let clock: number | undefined
    const driver = new MemoryDriver({ clock: () => clock ?? Date.now() })
    for (const { at, change } of this.#changes.slice(0, changes)) {
      clock = at
      await change(driver)
    }
    clock = undefined
    // It outlives every store.
    driver.close = async () => {}
    return driver
  }
}

/** What is left of a call's options once the call is over. */
function lasting<T extends PutOptions | CopyOptions | DeleteOptions | SignalOptions>(options: T): T {
  return { ...options, signal: undefined, onProgress: undefined, idleTimeout: undefined }
}

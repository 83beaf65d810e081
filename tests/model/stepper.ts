import { promises as node } from 'node:fs'
import type fc from 'fast-check'
import type { FsLike } from '../../src/disk/index.js'

/** What changes something that others see, or is where they are looked for. */
const GATED = new Set(['open', 'rename', 'link', 'symlink', 'unlink'])
const TURNS = 3
const STUCK_AFTER = 20_000

/**
 * Lets operations that run at the same time go on one step at a time, in an order that fast-check chooses. A step is
 * what lies between two calls of S3, or two calls that change the disk; it has ended when no call is under way and
 * nothing is left to run. So the order is the same when the test is run again.
 */
export class Stepper {
  #scheduler: fc.Scheduler | undefined
  #busy = 0

  /** Waits for its turn, while a race is on. */
  readonly gate = async (what: string): Promise<void> => {
    await this.#scheduler?.schedule(Promise.resolve(), what)
  }

  /** `node:fs` with a gate in front of each change. */
  readonly fs: FsLike = {
    promises: new Proxy(node, {
      get: (target, name) => {
        const value: unknown = Reflect.get(target, name)
        if (typeof value !== 'function') return value
        return async (...args: unknown[]) => {
          if (GATED.has(String(name))) await this.gate(`disk: ${String(name)}`)
          const result = await this.#counted(() => value.apply(target, args))
          return name === 'open' ? this.#handle(result as object) : result
        }
      },
    }),
  }

  /** Starts all of them, one right behind the other, and ends when they have. */
  async race<T>(scheduler: fc.Scheduler, works: readonly (() => Promise<T>)[]): Promise<T[]> {
    this.#scheduler = scheduler
    let left = works.length
    const results: Promise<T>[] = []
    for (const work of works) {
      const result = work().finally(() => left--)
      result.catch(() => {})
      results.push(result)
      await this.#quiet()
    }
    const deadline = Date.now() + STUCK_AFTER
    while (left > 0) {
      if (Date.now() > deadline) throw new Error(`A race does not end: ${scheduler.toString()}`)
      if (scheduler.count() > 0) await scheduler.waitOne()
      // Somebody waits for a lock that he looks at again and again.
      else await new Promise((resolve) => setTimeout(resolve, 1))
      await this.#quiet()
    }
    this.#scheduler = undefined
    while (scheduler.count() > 0) await scheduler.waitOne()
    await this.#quiet()
    return Promise.all(results)
  }

  async #quiet(): Promise<void> {
    for (let turn = 0; turn < TURNS; turn++) {
      await new Promise((resolve) => setImmediate(resolve))
      if (this.#busy > 0) turn = -1
    }
  }

  async #counted<T>(call: () => Promise<T> | T): Promise<T> {
    this.#busy++
    try {
      return await call()
    } finally {
      this.#busy--
    }
  }

  #handle(handle: object): object {
    return new Proxy(handle, {
      get: (target, name) => {
        const value: unknown = Reflect.get(target, name, target)
        if (typeof value !== 'function') return value
        return (...args: unknown[]) => this.#counted(() => value.apply(target, args))
      },
    })
  }
}

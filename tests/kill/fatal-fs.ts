import { promises as nodeFs } from 'node:fs'
import type { FsLike } from '../../src/disk/index.js'
import type { FatalCall } from './protocol.js'

/** What changes something on disk; all the rest only looks. */
const CHANGES = new Set([
  'mkdir',
  'rename',
  'link',
  'symlink',
  'unlink',
  'rmdir',
  'write',
  'sync',
  'chmod',
  'utimes',
  'truncate',
])

/** Node's file system, which counts its calls, those on handles included, and ends the process at one of them. */
export class FatalFs implements FsLike {
  readonly promises: unknown
  readonly #fatal: FatalCall | undefined
  #calls = 0

  constructor(fatal: FatalCall | undefined) {
    this.#fatal = fatal
    this.promises = this.#hook(nodeFs, (name, result) => {
      return name === 'open' ? this.#hook(result as nodeFs.FileHandle, undefined) : result
    })
  }

  get calls(): number {
    return this.#calls
  }

  #hook<T extends object>(target: T, made: ((name: string, result: unknown) => unknown) | undefined): T {
    return new Proxy(target, {
      get: (_, property) => {
        const value: unknown = Reflect.get(target, property, target)
        const name = String(property)
        if (typeof value !== 'function') return value
        return async (...args: unknown[]) => {
          const fatal = this.#isFatal(name, args)
          if (fatal && this.#fatal?.when === 'before') end()
          try {
            const result: unknown = await Reflect.apply(value, target, args)
            return made ? made(name, result) : result
          } finally {
            if (fatal) end()
          }
        }
      },
    })
  }

  #isFatal(name: string, args: readonly unknown[]): boolean {
    const looks = !CHANGES.has(name) && !(name === 'open' && makes(args[1]))
    if (looks && this.#fatal?.reads === false) return false
    return ++this.#calls === this.#fatal?.at
  }
}

/** Whether a file may be made by opening it so. */
function makes(flags: unknown): boolean {
  const O_CREAT = 0o100
  return typeof flags === 'number' ? (flags & O_CREAT) !== 0 : typeof flags === 'string' && /[wa]/.test(flags)
}

function end(): never {
  process.kill(process.pid, 'SIGKILL')
  // The signal has been delivered when the call returns; this is for the compiler.
  for (;;);
}

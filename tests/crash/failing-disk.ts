import { systemError } from '../drivers/fs/support.js'
import { DirectFs, type OpenFile } from './direct-fs.js'

/** What goes wrong on a disk. */
export interface Fault {
  /** The calls that can fail, in a word or two. */
  readonly name: string
  /** As the system names it: `ENOSPC`. */
  readonly code: string
  /** The calls that can fail so; all by default. */
  readonly calls?: readonly string[]
  /** `once`: the nth of these calls fails. `on`: that one and all of them after it. */
  readonly lasting: 'once' | 'on'
}

/** A disk on which the nth call fails, or takes but a part of what it is to write. */
export class FailingDisk extends DirectFs {
  /** Calls so far that could have failed. */
  calls = 0
  /** The first call that failed. */
  failed: string | undefined
  #fault: Fault | undefined
  #nth = 0
  /** Bytes that a write takes at most. */
  #most = Number.POSITIVE_INFINITY

  /** From now on the nth call fails. */
  arm(fault: Fault, nth: number): void {
    this.#fault = fault
    this.#nth = nth
    this.calls = 0
    this.failed = undefined
  }

  /** From now on a write takes so many bytes and says so. */
  takeAtMost(bytes: number): void {
    this.#most = bytes
  }

  /** All is well again. */
  heal(): void {
    this.#fault = undefined
    this.#most = Number.POSITIVE_INFINITY
  }

  override before(call: string, path: string): void {
    const fault = this.#fault
    if (fault === undefined || (fault.calls !== undefined && !fault.calls.includes(call))) return
    this.calls++
    if (this.calls !== this.#nth && !(fault.lasting === 'on' && this.calls > this.#nth)) return
    this.failed ??= `${call} ${path.slice(path.lastIndexOf('/') + 1)}`
    throw systemError(fault.code)
  }

  override write(file: OpenFile, bytes: Uint8Array, position: number | null): number {
    return super.write(file, bytes.subarray(0, this.#most), position)
  }
}

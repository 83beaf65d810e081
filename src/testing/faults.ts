import { StorageError, type StorageErrorCode } from '../errors/index.js'

/** The calls of a driver that can fail. */
export type DriverOperation =
  | 'put'
  | 'get'
  | 'head'
  | 'delete'
  | 'deleteMany'
  | 'list'
  | 'copy'
  | 'move'
  | 'signUrl'
  | 'signUpload'
  | 'localPath'
  | 'setVisibility'
  | 'getVisibility'

/** A code makes a StorageError of that code; an error is thrown as it is. */
export type Failure = StorageErrorCode | Error

/** When a failure strikes; before anything is done by default. */
export interface FailOptions {
  /** The call is carried out, and its answer is lost. */
  readonly after?: boolean | undefined
  /**
   * put and get: so many bytes go through first. Nothing is published by such a put. A body that has no more bytes than
   * that fails at its end.
   */
  readonly afterBytes?: number | undefined
}

/** One failure that is to come. */
export interface Fault extends FailOptions {
  readonly failure: Failure
}

/** The failures that are to come, by operation. */
export class FaultPlan {
  #entries: { operation: DriverOperation | '*'; fault: Fault; left: number }[] = []

  add(operation: DriverOperation | '*', fault: Fault, times: number): void {
    this.#entries.push({ operation, fault, left: times })
  }

  /** The next failure of this operation, which is used up by asking. Those that were planned first come first. */
  take(operation: DriverOperation): Fault | undefined {
    const entry = this.#entries.find((candidate) => candidate.operation === operation || candidate.operation === '*')
    if (entry === undefined) return undefined
    entry.left--
    if (entry.left <= 0) this.#entries = this.#entries.filter((other) => other !== entry)
    return entry.fault
  }

  clear(): void {
    this.#entries = []
  }
}

/** The error that a failure stands for. */
export function errorOf(
  failure: Failure,
  facts: {
    readonly operation: string
    readonly driver: string
    readonly key?: string | undefined
    readonly outcome: 'unchanged' | 'unknown'
  },
): Error {
  if (typeof failure !== 'string') return failure
  return new StorageError(failure, `The ${facts.operation} was made to fail by a test.`, facts)
}

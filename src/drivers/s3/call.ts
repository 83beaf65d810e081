import type { FailedCall } from './errors.js'

export interface Call extends FailedCall {
  /** Bytes that go out, which lengthen the time an answer may take. */
  readonly bytes?: number | undefined
  /** Lower-case hex: what the body must hash to when it arrives, for a body that is not in memory. */
  readonly payloadSha256?: string | undefined
}

/** The slowest line on which an upload still counts as moving: 32 KiB a second, in bytes per millisecond. */
const SLOWEST_LINE = 32

/** Milliseconds until the answer to a call must have begun. */
export function answerTimeout(response: number, { bytes = 0 }: Call): number {
  return response + Math.ceil(bytes / SLOWEST_LINE)
}

import { StorageError } from '../errors/index.js'

const BYTES_PER_MS = 256
const MAX_ALLOWANCE_MS = 120_000

export interface Watchdog {
  /** Aborts with the caller's signal, and when the driver made no progress for too long. */
  readonly signal: AbortSignal
  /** The driver took this many bytes. */
  taken(bytes: number): void
  /** The driver waits for the body: its time stands still. */
  waiting(): void
  /** TIMEOUT, where the watchdog and not the caller ended the attempt. */
  readonly failure: StorageError | undefined
  stop(): void
}

/**
 * Ends an attempt that makes no progress for `within` milliseconds. What was handed over may still be on its way, so that
 * each byte adds to that time. Without `within` it only passes the caller's signal on.
 */
export function watchProgress(within: number | undefined, size: number, caller: AbortSignal | undefined): Watchdog {
  const controller = new AbortController()
  let failure: StorageError | undefined
  let timer: NodeJS.Timeout | undefined
  let handed = size
  /** When its time is up, by performance.now(); moved with each sign of life, which the timer looks at when it fires. */
  let deadline = Number.POSITIVE_INFINITY
  const onAbort = () => controller.abort(caller?.reason)
  const arm = () => {
    if (within === undefined) return
    const allowance = within + Math.min(handed / BYTES_PER_MS, MAX_ALLOWANCE_MS)
    deadline = performance.now() + allowance
    timer ??= setTimeout(look, allowance)
  }
  const look = () => {
    timer = undefined
    const left = deadline - performance.now()
    if (left === Number.POSITIVE_INFINITY) return
    if (left > 0) {
      timer = setTimeout(look, left + 1)
      return
    }
    failure = new StorageError('TIMEOUT', `The driver made no progress for ${within} ms.`, {
      operation: 'put',
      outcome: 'unknown',
    })
    controller.abort(failure)
  }
  if (caller?.aborted) onAbort()
  else caller?.addEventListener('abort', onAbort, { once: true })
  arm()
  return {
    signal: controller.signal,
    taken(bytes) {
      handed += bytes
      arm()
    },
    waiting() {
      deadline = Number.POSITIVE_INFINITY
    },
    get failure() {
      return failure
    },
    stop() {
      clearTimeout(timer)
      caller?.removeEventListener('abort', onAbort)
    },
  }
}

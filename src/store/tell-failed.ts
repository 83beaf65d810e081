import { isStorageError } from '../errors/index.js'
import type { StoreContext } from './context.js'
import type { StoreEvents } from './events.js'

/** Tells those who listen that a call failed. `asked`: the key or path as it was given. */
export function tellFailed(
  context: StoreContext,
  operation: StoreEvents['failed']['operation'],
  asked: string,
  started: number,
  error: unknown,
): void {
  // To whoever holds a copy already that is the answer hoped for.
  if (isStorageError(error, 'NOT_MODIFIED')) return
  const known = isStorageError(error) ? error : undefined
  context.events.emit('failed', {
    operation,
    key: known?.key ?? asked,
    driver: known?.driver,
    code: known?.code ?? 'INTERNAL',
    error: error instanceof Error ? error : new Error(String(error)),
    ms: performance.now() - started,
  })
}

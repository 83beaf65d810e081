import { StorageError } from '../errors/index.js'
import type { ListOptions } from './options.js'

/** Refuses list options that cannot be meant, before anything is asked: INVALID_ARGUMENT. */
export function checkListOptions(options: ListOptions): void {
  const refuse = (problem: string) => new StorageError('INVALID_ARGUMENT', `list: ${problem}.`, { operation: 'list' })
  for (const name of ['prefix', 'delimiter', 'startAfter'] as const) {
    const value: unknown = options[name]
    if (value !== undefined && typeof value !== 'string')
      throw refuse(`${name} is of type ${typeof value}, not a string`)
  }
  const { limit } = options
  if (limit !== undefined && !(Number.isSafeInteger(limit) && limit >= 0)) {
    throw refuse(`limit is ${String(limit)}, not a whole number from 0`)
  }
}

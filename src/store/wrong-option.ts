import { StorageError } from '../errors/index.js'

/** CONFIGURATION: an option of the store makes no sense. */
export function wrongOption(problem: string, hint?: string): StorageError {
  return new StorageError('CONFIGURATION', `The store's options are refused: ${problem}.`, { hint })
}

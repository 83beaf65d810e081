import { StorageError } from '../errors/index.js'

/** CONFIGURATION: links cannot be signed like this. */
export function refused(problem: string): StorageError {
  return new StorageError('CONFIGURATION', `Links cannot be signed: ${problem}.`, {
    hint: 'signedUrls takes { baseUrl, keys: [{ id, secret }] }: an absolute URL, and secrets of at least 32 random bytes.',
    outcome: 'unchanged',
  })
}

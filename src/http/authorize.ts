import { isStorageError, StorageError } from '../errors/index.js'
import type { Resolution } from '../store/index.js'
import type { BlobStore } from './blob-store.js'
import type { HttpRequest } from './message.js'

/**
 * What a request is about to do. `view` reads, too. `upload`: a file of a form goes to a key that the server has chosen, asked for
 * each file; `write`: the content of the path is set.
 */
export type BlobAction = 'read' | 'view' | 'delete' | 'list' | 'upload' | 'write'

/** What a rule is asked. */
export interface AuthorizeInput<Native = unknown> {
  readonly action: BlobAction
  /** The key that the path means, whatever the spelling; the prefix of a list. */
  readonly key: string
  /** The driver that the path names, or that an upload goes to; undefined for a list. */
  readonly driver?: string | undefined
  /** As the application wrote it down; the prefix of a list; the key of an upload. */
  readonly path: string
  readonly request: HttpRequest
  /** The framework's own request, with whatever the middleware before has put on it: `req`, `request`. */
  readonly native: Native
}

/**
 * Whether a request may do what it asks: true, or false for 403; a number for another answer (401: sign in first; 404:
 * do not even tell that there is something). Whatever else it returns is a no; what it throws is a 500.
 */
export type Authorize<Native = unknown> = (
  input: AuthorizeInput<Native>,
) => boolean | 401 | 403 | 404 | Promise<boolean | 401 | 403 | 404>

/** What is missing of a right: nothing, or the status to answer with. */
export async function refusedWith<Native>(
  authorize: Authorize<Native>,
  input: AuthorizeInput<Native>,
): Promise<401 | 403 | 404 | undefined> {
  const answer = await authorize(input)
  if (answer === true) return undefined
  return answer === 401 || answer === 404 ? answer : 403
}

/**
 * The key and driver that a path of a request means. NOT_FOUND for any other spelling than the one that the store writes
 * itself, so that a blob has one address and a rule one thing to look at; and for what is no path at all, since
 * which of the two it is depends on the driver that the path seems to name.
 */
export function canonical(store: BlobStore, path: string): { readonly key: string; readonly driver: string } {
  const { candidates, canonical } = resolved(store, path)
  if (canonical) return candidates[0]
  throw unknownPath()
}

function resolved(store: BlobStore, path: string): Resolution {
  try {
    return store.resolve(path)
  } catch (error) {
    throw isStorageError(error, 'INVALID_KEY') ? unknownPath(error) : error
  }
}

function unknownPath(cause?: StorageError): StorageError {
  return new StorageError('NOT_FOUND', 'The path is not spelled as the store writes it.', {
    operation: 'http',
    hint: 'Use the path that put, head or list returned.',
    cause,
  })
}

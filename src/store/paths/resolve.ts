import { StorageError } from '../../errors/index.js'
import { assertKey, keyProblem, quoteKey } from '../../keys/index.js'
import type { Location, PathScheme } from './scheme.js'

/** The longest path that is looked at, in bytes of UTF-8: what a file system takes. */
export const MAX_PATH_BYTES = 4096

/** What a path means, before anything is looked up. */
export interface Resolution<D extends string = string> {
  /** Where the blob may lie, likeliest first; never empty. */
  readonly candidates: readonly [Location<D>, ...Location<D>[]]
  /** Whether the path is the very string that the scheme writes for its one candidate. */
  readonly canonical: boolean
  /** Whether the path is a bare key: the candidates are then this key on the driver it is routed to, and on the others. */
  readonly bare: boolean
}

/**
 * Reads a path: what the scheme recognises, else a bare key. Pure and synchronous.
 *
 * `drivers` are all the names of the store, those without a driver behind them included, so that `s3:x` stays a path of
 * S3 where S3 is switched off. `route` says where a bare key belongs; undefined leaves the order of `drivers`.
 *
 * INVALID_ARGUMENT where `path` is no string; INVALID_KEY where it is empty, has more than {@link MAX_PATH_BYTES} bytes,
 * holds a control character or a lone surrogate, or is neither a path of the scheme nor a legal key.
 */
export function resolvePath<D extends string>(
  path: string,
  scheme: PathScheme<D>,
  drivers: readonly D[],
  route: (key: string) => D | undefined,
): Resolution<D> {
  assertPath(path)
  const known = new Set<string>([...drivers, ...(scheme.drivers ?? [])])
  const usable = (location: Location): location is Location<D> => {
    return known.has(location.driver) && keyProblem(location.key) === undefined
  }
  const parsed = scheme.parse(path)
  if (parsed && usable(parsed)) {
    if (scheme.format(parsed) === path) return { candidates: [parsed], canonical: true, bare: false }
    const others = (scheme.candidates?.(path) ?? []).filter(usable).filter((other) => !same(other, parsed))
    return { candidates: [parsed, ...others], canonical: false, bare: false }
  }
  const name = path.slice(0, path.indexOf(':') + 1)
  if (name !== '' && known.has(name.slice(0, -1))) assertKey(path.slice(name.length), 'resolve')
  assertKey(path, 'resolve')
  const [first, ...rest] = new Set([route(path), ...drivers].filter((driver) => driver !== undefined))
  if (first === undefined) throw new StorageError('CONFIGURATION', 'The store has no driver.', { operation: 'resolve' })
  const at = (driver: D): Location<D> => ({ driver, key: path })
  return { candidates: [at(first), ...rest.map(at)], canonical: false, bare: true }
}

function assertPath(path: unknown): asserts path is string {
  const facts = { operation: 'resolve', outcome: 'unchanged' } as const
  if (typeof path !== 'string') {
    const kind = path === null ? 'null' : typeof path
    throw new StorageError('INVALID_ARGUMENT', `A path is a string, not ${kind}.`, {
      ...facts,
      hint: 'Pass the path that put returned, or a key.',
    })
  }
  if (path.length > MAX_PATH_BYTES || Buffer.byteLength(path) > MAX_PATH_BYTES) {
    throw new StorageError('INVALID_KEY', `The path ${quoteKey(path)} has more than ${MAX_PATH_BYTES} bytes.`, facts)
  }
  if (path === '' || /[\u0000-\u001f\u007f-\u009f]/.test(path) || !path.isWellFormed()) {
    const problem = path === '' ? 'is empty' : 'holds a control character or a lone surrogate'
    throw new StorageError('INVALID_KEY', `The path ${quoteKey(path)} ${problem}.`, facts)
  }
}

function same(a: Location, b: Location): boolean {
  return a.driver === b.driver && a.key === b.key
}

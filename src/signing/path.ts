/** The longest path that is signed, in bytes of UTF-8: the longest that a store reads. */
const MAX_PATH_BYTES = 4096

/**
 * Why `path` cannot be the end of a URL's path, as the end of a sentence; undefined where it can. Empty and dot segments
 * are dropped or resolved by whatever reads a URL on its way, encoded ones as well.
 */
export function pathProblem(path: unknown): string | undefined {
  if (typeof path !== 'string') return 'is no string'
  if (path.length > MAX_PATH_BYTES || Buffer.byteLength(path) > MAX_PATH_BYTES) {
    return `has more than ${MAX_PATH_BYTES} bytes`
  }
  if (/[\u0000-\u001f\u007f-\u009f\\]/.test(path)) return 'holds a backslash or a control character'
  if (!path.isWellFormed()) return 'holds a lone surrogate'
  if (path.split('/').some((segment) => ['', '.', '..'].includes(segment))) return 'has an empty or a dot segment'
  return undefined
}

import { keyProblem } from '../../keys/index.js'

/** Whether the path is an absolute one of Windows. With slashes it would be a legal key, but it was never meant as one. */
export function hasDrive(path: string): boolean {
  return /^[A-Za-z]:[\\/]/.test(path)
}

/** With slashes only; the drive of a Windows path becomes a leading slash. */
export function normalizeSlashes(path: string): string {
  return path.replaceAll('\\', '/').replace(/^[A-Za-z]:\/*/, '/')
}

/**
 * The legal keys that an old path of a local disk may stand for: `./uploads/x`, `public/uploads/x`,
 * `/var/www/app/uploads/x`, `C:\app\uploads\x`. Each holds one of the markers. `..` is resolved within the path and
 * never leads out of it. The more of the path a key keeps the earlier it comes, since it is the less likely to be that
 * of another blob; but of an absolute path the whole comes last, for it names folders that the store does not have.
 */
export function legacyKeys(path: string, markers: readonly string[]): string[] {
  const slashed = normalizeSlashes(path)
  const whole = resolveDots(slashed)
  const tails: string[] = []
  for (let at = whole.indexOf('/') + 1; at > 0; at = whole.indexOf('/', at) + 1) {
    if (markers.some((marker) => whole.startsWith(marker, at))) tails.push(whole.slice(at))
    if (tails.length === MAX_TAILS) break
  }
  const startsMarked = markers.some((marker) => whole.startsWith(marker))
  const absolute = slashed.startsWith('/') && !startsMarked
  const keys = absolute ? [...tails, whole] : [whole, ...tails]
  return keys.filter((key) => keyProblem(key) === undefined && markers.some((marker) => key.includes(marker)))
}

const MAX_TAILS = 8

/** Without empty and `.` segments; a `..` takes the segment before it, and is dropped where there is none. */
function resolveDots(path: string): string {
  const segments: string[] = []
  for (const segment of path.split('/')) {
    if (segment === '..') segments.pop()
    else if (segment !== '' && segment !== '.') segments.push(segment)
  }
  return segments.join('/')
}

import { keyProblem } from '../../keys/index.js'
import type { Location, PathScheme } from './scheme.js'

/** Two characters at least, so that the drive of `C:\uploads\x.pdf` is no driver. */
const DRIVER = '[A-Za-z][A-Za-z0-9_-]{1,31}'
const NAME = new RegExp(`^${DRIVER}$`)
const URI = new RegExp(`^(${DRIVER}):(.+)$`, 's')

/** Whether a driver may be called `name`: 2 to 32 letters, digits, `_` and `-`, the first one a letter. */
export function isDriverName(name: string): boolean {
  return NAME.test(name)
}

/** `s3:project_7/x.pdf` as a location; undefined where the path is not of this form or the key is not legal. */
export function parseUri(path: string): Location | undefined {
  const [, driver, key] = URI.exec(path) ?? []
  if (driver === undefined || key === undefined || keyProblem(key) !== undefined) return undefined
  return { driver, key }
}

/** The form that every scheme reads. */
export function formatUri({ driver, key }: Location): string {
  return `${driver}:${key}`
}

/** Paths such as `s3:project_7/uploads/x.pdf` and `local:invoices/7.pdf`. The default. */
export function uriPaths(): PathScheme<never> {
  return { format: formatUri, parse: parseUri }
}

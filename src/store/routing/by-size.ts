import type { DriversOf, RouteOptions, RoutingPolicy } from './policy.js'
import { refused } from './rules.js'

/**
 * Routes by size: for each driver the largest blob that goes there, in bytes; the smallest limit that holds decides.
 * A stream of unknown size goes to `otherwise`.
 *
 * ```ts
 * routeBySize({ local: 64 * 1024, s3: Number.POSITIVE_INFINITY }, { otherwise: 's3' })
 * ```
 *
 * CONFIGURATION where a limit is no number from 0, or two drivers have the same one.
 */
export function routeBySize<const R extends Readonly<Record<string, number>>, const O extends string = never>(
  limits: R,
  options: RouteOptions<O> = {},
): RoutingPolicy<DriversOf<R> | O> {
  const smallestFirst = Object.entries(limits).sort(([, a], [, b]) => (a < b ? -1 : 1)) as [DriversOf<R>, number][]
  for (const [index, [driver, limit]] of smallestFirst.entries()) {
    if (typeof limit !== 'number' || !(limit >= 0)) throw refused(`the limit of ${driver} is no number of bytes from 0`)
    const before = smallestFirst[index - 1]
    if (before?.[1] === limit) throw refused(`${before[0]} and ${driver} have the same limit`)
  }
  return ({ size }) => {
    const fitting = size === undefined ? undefined : smallestFirst.find(([, limit]) => size <= limit)
    return fitting?.[0] ?? options.otherwise
  }
}

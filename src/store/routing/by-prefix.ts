import type { DriversOf, RouteOptions, RouteRules, RoutingPolicy } from './policy.js'
import { driverByString } from './rules.js'

/**
 * Routes by what the key starts with; the longest prefix that fits decides, whatever the order of the rules.
 * CONFIGURATION where a prefix is empty or listed for two drivers.
 */
export function routeByPrefix<const R extends RouteRules, const O extends string = never>(
  rules: R,
  options: RouteOptions<O> = {},
): RoutingPolicy<DriversOf<R> | O> {
  const drivers = driverByString(rules, 'prefix') as Map<string, DriversOf<R>>
  const longestFirst = [...drivers].sort(([a], [b]) => b.length - a.length)
  return ({ key }) => longestFirst.find(([prefix]) => key.startsWith(prefix))?.[1] ?? options.otherwise
}

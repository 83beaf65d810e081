import type { DriversOf, ListedIn, RouteOptions, RouteRules, RoutingPolicy } from './policy.js'
import { driverByString } from './rules.js'

/**
 * Routes by the `kind` given to put, compared character by character:
 *
 * ```ts
 * routeByKind({ s3: ['upload', 'document', 'image'], local: ['pdf', 'invoice', 'temp', 'cache'] }, { otherwise: 'local' })
 * ```
 *
 * The kinds become a type: a store with this policy takes no other one. One that comes in at run time all the same, and
 * no kind at all, go to `otherwise`. CONFIGURATION where a kind is listed for two drivers.
 */
export function routeByKind<const R extends RouteRules, const O extends string = never>(
  rules: R,
  options: RouteOptions<O> = {},
): RoutingPolicy<DriversOf<R> | O, ListedIn<R>> {
  const drivers = driverByString(rules, 'kind') as Map<string, DriversOf<R>>
  const policy: RoutingPolicy<DriversOf<R> | O, ListedIn<R>> = ({ kind }) => {
    return (kind === undefined ? undefined : drivers.get(kind)) ?? options.otherwise
  }
  return Object.assign(policy, { kinds: [...drivers.keys()] })
}

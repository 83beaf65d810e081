import type { RoutingPolicy } from './policy.js'

/** A policy of any drivers and kinds. */
type AnyPolicy = RoutingPolicy<string, never>

type DriverOf<P> = P extends RoutingPolicy<infer D, never> ? D : never

/** Only kinds that are listed somewhere: a policy that does not look at the kind takes any string. */
type ListedKindOf<P> = P extends RoutingPolicy<string, infer K> ? (string extends K ? never : K) : never

type KindOf<P> = [ListedKindOf<P>] extends [never] ? string : ListedKindOf<P>

/**
 * Asks one policy after the other; the first that names a driver decides.
 *
 * ```ts
 * firstMatch(routeByPrefix({ local: ['tmp/'] }), routeByKind({ s3: ['document'] }, { otherwise: 'local' }))
 * ```
 */
export function firstMatch<const P extends readonly AnyPolicy[]>(
  ...policies: P
): RoutingPolicy<DriverOf<P[number]>, KindOf<P[number]>> {
  type Policy = RoutingPolicy<DriverOf<P[number]>, KindOf<P[number]>>
  const asked = policies as readonly unknown[] as readonly Policy[]
  const policy: Policy = (context) => {
    for (const one of asked) {
      const driver = one(context)
      if (driver !== undefined) return driver
    }
    return undefined
  }
  const kinds = policies.flatMap((one) => one.kinds ?? [])
  return kinds.length > 0 ? Object.assign(policy, { kinds }) : policy
}

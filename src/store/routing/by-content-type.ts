import { contentTypeOf } from '../../driver/index.js'
import type { DriversOf, RouteOptions, RouteRules, RoutingPolicy } from './policy.js'
import { driverByString, refused } from './rules.js'

const PATTERN = /^(\*\/\*|[^\s/*;,]+\/(\*|[^\s/*;,]+))$/

/**
 * Routes by content type: `application/pdf`, `image/*`, or `*` followed by `/*` for all; the most exact pattern decides.
 * Case and parameters (`; charset=utf-8`) do not matter. Where put is given no content type, the one counts that the
 * key's extension suggests. CONFIGURATION where a pattern is malformed or listed for two drivers.
 */
export function routeByContentType<const R extends RouteRules, const O extends string = never>(
  rules: R,
  options: RouteOptions<O> = {},
): RoutingPolicy<DriversOf<R> | O> {
  const drivers = driverByString(rules, 'content type', (pattern) => pattern.toLowerCase())
  for (const pattern of drivers.keys()) {
    if (!PATTERN.test(pattern)) throw refused(`"${pattern}" is neither type/subtype nor type/* nor */*`)
  }
  return ({ key, contentType }) => {
    const type = essence(contentType || contentTypeOf(key))
    const patterns = [type, `${type.slice(0, type.indexOf('/'))}/*`, '*/*']
    const pattern = patterns.find((candidate) => drivers.has(candidate))
    return pattern === undefined ? options.otherwise : (drivers.get(pattern) as DriversOf<R>)
  }
}

/** Type and subtype in lower case (RFC 9110 section 8.3.1). */
function essence(contentType: string): string {
  const end = contentType.indexOf(';')
  return (end < 0 ? contentType : contentType.slice(0, end)).trim().toLowerCase()
}

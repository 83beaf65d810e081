import { StorageError } from '../../errors/index.js'
import { quoteKey } from '../../keys/index.js'
import type { RoutingContext, RoutingPolicy } from './policy.js'

/**
 * The driver that the policy names; without a policy the first one. `drivers` are the store's names.
 * INVALID_ARGUMENT where the policy has no opinion, with the kinds it knows; CONFIGURATION where it names no driver of
 * the store.
 */
export function chooseDriver<D extends string, K extends string>(
  policy: RoutingPolicy<D, K> | undefined,
  context: RoutingContext<K>,
  drivers: readonly D[],
): D {
  const facts = { operation: 'route', key: context.key, outcome: 'unchanged' } as const
  const driver: unknown = policy ? policy(context) : drivers[0]
  if (driver === undefined) throw undecided(policy?.kinds ?? [], context)
  if (typeof driver === 'string' && (drivers as readonly string[]).includes(driver)) return driver as D
  const named = typeof driver === 'string' ? `the driver ${quoteKey(driver)}` : `no driver but a ${typeof driver}`
  throw new StorageError('CONFIGURATION', `The routing policy named ${named}.`, {
    ...facts,
    hint: `A policy answers at once with one of: ${drivers.join(', ')}.`,
  })
}

function undecided(known: readonly string[], { key, kind }: RoutingContext): StorageError {
  const asked = kind === undefined ? 'a blob without a kind' : `the kind ${quoteKey(kind)}`
  const list = known.length > 0 ? ` The kinds are: ${known.join(', ')}.` : ''
  return new StorageError('INVALID_ARGUMENT', `The routing policy has no driver for ${asked}.${list}`, {
    operation: 'route',
    key,
    outcome: 'unchanged',
    hint: 'Pass a kind that the policy lists, or give the policy an `otherwise`.',
  })
}

/** Checked by `tsc --noEmit`: an expected error that disappears is an error. Never run. */
import {
  firstMatch,
  type RoutingPolicy,
  routeByContentType,
  routeByKind,
  routeByPrefix,
  routeBySize,
} from '../../src/store/routing/index.js'

interface Store<D extends string, K extends string> {
  readonly drivers: readonly D[]
  put(key: string, options?: { readonly kind?: K; readonly driver?: D }): void
}

/** Infers as the store's constructor does. */
declare function makeStore<D extends string, K extends string = string>(options: {
  readonly drivers: { readonly [Name in D]: object | undefined }
  readonly policy?: RoutingPolicy<NoInfer<D>, K> | undefined
}): Store<D, K>

const drivers = { s3: {}, local: {} }

const byKind = makeStore({
  drivers,
  policy: routeByKind({ s3: ['upload', 'document'], local: ['pdf'] }, { otherwise: 'local' }),
})
byKind.put('a', { kind: 'document', driver: 's3' })
// @ts-expect-error a mistyped kind
byKind.put('a', { kind: 'documnet' })
// @ts-expect-error a mistyped driver
byKind.put('a', { driver: 's4' })
// @ts-expect-error a rule for a driver that the store does not have
makeStore({ drivers, policy: routeByKind({ s4: ['upload'] }, { otherwise: 'local' }) })
// @ts-expect-error `otherwise` is no driver of the store
makeStore({ drivers, policy: routeByKind({ s3: ['upload'] }, { otherwise: 'disk' }) })
// @ts-expect-error a kind is a string
routeByKind({ s3: [1] })

const noPolicy = makeStore({ drivers: { s3: undefined, local: {} } })
noPolicy.put('a', { kind: 'anything', driver: 'local' })
// @ts-expect-error a mistyped driver
noPolicy.put('a', { driver: 'loca' })

const ownPolicy = makeStore({ drivers, policy: ({ size = 0 }) => (size > 10 ? 's3' : 'local') })
ownPolicy.put('a', { kind: 'anything' })
// @ts-expect-error a function that names another driver
makeStore({ drivers, policy: () => 'elsewhere' })

const byType = makeStore({ drivers, policy: routeByContentType({ s3: ['image/*'] }, { otherwise: 'local' }) })
byType.put('a', { kind: 'anything' })
makeStore({ drivers, policy: routeByPrefix({ s3: ['project_'], local: ['tmp/'] }) })
makeStore({ drivers, policy: routeBySize({ local: 1024 }, { otherwise: 's3' }) })
// @ts-expect-error a limit is a number
routeBySize({ local: '1024' })

const mixed = makeStore({
  drivers,
  policy: firstMatch(
    routeByPrefix({ local: ['tmp/'] }),
    routeByKind({ s3: ['document'] }),
    routeByKind({ local: ['pdf'] }),
    routeBySize({ local: 1024 }, { otherwise: 's3' }),
  ),
})
mixed.put('a', { kind: 'document' })
mixed.put('a', { kind: 'pdf' })
// @ts-expect-error no policy lists this kind
mixed.put('a', { kind: 'invoice' })
// @ts-expect-error one of the policies names a driver that the store does not have
makeStore({ drivers, policy: firstMatch(routeByPrefix({ glacier: ['old/'] }), routeByKind({ s3: ['document'] })) })
makeStore({ drivers, policy: firstMatch(routeByPrefix({ s3: ['a/'] })) }).put('a', { kind: 'anything' })

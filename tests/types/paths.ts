/** Checked by `tsc --noEmit`: an expected error that disappears is an error. Never run. */
import { type PathScheme, prefixPaths, uriPaths } from '../../src/store/paths/index.js'

/** Infers as the store's constructor does. */
declare function makeStore<D extends string>(options: {
  readonly drivers: { readonly [Name in D]: object | undefined }
  readonly paths?: PathScheme<NoInfer<D>> | undefined
}): D

const drivers = { s3: {}, local: {}, archive: {} }
const uri = uriPaths()
makeStore({ drivers, paths: uri })
makeStore({ drivers, paths: prefixPaths({ s3: ['project_'], local: ['uploads/', 'storage/'] }) })
// @ts-expect-error a prefix for a driver that the store does not have
makeStore({ drivers, paths: prefixPaths({ s4: ['project_'], local: ['uploads/'] }) })
// @ts-expect-error nothing is listed for the driver named
prefixPaths({ s3: ['project_'], local: ['uploads/'] }, { anywhere: ['disk'] })
makeStore({
  drivers,
  paths: { format: ({ driver, key }) => `${driver}/${key}`, parse: (path) => ({ driver: 's3', key: path }) },
})

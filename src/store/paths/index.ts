export { type PrefixPathsOptions, prefixPaths } from './prefix.js'
export { MAX_PATH_BYTES, type Resolution, resolvePath } from './resolve.js'
export type { Location, PathScheme } from './scheme.js'
export { isDriverName, uriPaths } from './uri.js'

export type { CircuitStateName } from './circuit.js'
export type { ExpectedUpload } from './confirm-upload.js'
export type { Conflict } from './conflicts.js'
export type { DriverHealth } from './driver-set.js'
export type { StoreEventName, StoreEvents, StoreListener } from './events.js'
export {
  type EnvDriver,
  type Environment,
  type EnvKind,
  type StoreFromEnvOptions,
  storeFromEnv,
} from './from-env.js'
export { HybridStore } from './hybrid-store.js'
export type { ListPage } from './list.js'
export type { LocalFile } from './local-file.js'
export { type ConsoleLike, consoleLogger, type LogFields, type Logger } from './logger.js'
export type {
  Acknowledgement,
  CircuitSettings,
  CloseOptions,
  ConflictRule,
  Fallback,
  FallbackSettings,
  HybridStoreOptions,
  ListPageOptions,
  PendingOptions,
  ReconcileOptions,
  ReconcileProgress,
  ReconcileSettings,
  RelocateOptions,
  RouteSelection,
  SpoolSettings,
  StoreCopyOptions,
  StoreListOptions,
  StorePutOptions,
  StoreSignUploadOptions,
  StoreSignUrlOptions,
} from './options.js'
export * from './paths/index.js'
export type { ReconcileResult } from './reconcile.js'
export type { Relocation } from './relocate.js'
export {
  firstMatch,
  type RouteOptions,
  type RouteRules,
  type RoutingContext,
  type RoutingPolicy,
  routeByContentType,
  routeByKind,
  routeByPrefix,
  routeBySize,
} from './routing/index.js'
export type { StoreStatus } from './status.js'
export type {
  ListedStored,
  Located,
  PathDeleteResult,
  PendingBlob,
  Stored,
  StoredBlob,
  StoredEntry,
} from './stored.js'

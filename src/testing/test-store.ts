import { MemoryDriver } from '../drivers/memory/index.js'
import { HybridStore, type HybridStoreOptions } from '../store/index.js'
import type { Failure } from './faults.js'
import { FaultyDriver, type FaultyDriverOptions } from './faulty-driver.js'

/** What a test may set; the rest is as in an application. */
export interface TestStoreOptions<K extends string = string>
  extends Pick<HybridStoreOptions<'s3' | 'local', K>, 'policy' | 'paths' | 'fallback' | 'logger' | 'signedUrls'>,
    FaultyDriverOptions {
  /** Where `publicUrl` of blobs on `s3` points to. Without it there are no public URLs. */
  readonly publicBaseUrl?: string | undefined
}

/** A store in memory, with hands on what lies beneath. */
export interface TestStore<K extends string = string> {
  readonly store: HybridStore<'s3' | 'local', K>
  readonly s3: FaultyDriver
  readonly local: FaultyDriver
  /** S3 fails every call from now on, and what is under way; by default as if it could not be reached. */
  outage(failure?: Failure): void
  /** S3 answers again. What fell back meanwhile is handed over by `store.reconcile()`. */
  recover(): void
}

/**
 * A store like that of an application, over two drivers in memory: nothing to start, nothing to clean up. Blobs go to
 * `s3` unless `policy` says otherwise, and fall back to `local`. It logs nothing unless given a logger. Only
 * `store.reconcile()` hands over what waits, and no circuit keeps calls from `s3`, unless `fallback` says so.
 *
 * ```ts
 * const { store, outage, recover } = createTestStore()
 * outage()
 * const { path, pendingFor } = await store.put('project_7/uploads/a.pdf', pdf)   // pendingFor is 's3'
 * recover()
 * await store.reconcile()
 * ```
 */
export function createTestStore<K extends string = string>(options: TestStoreOptions<K> = {}): TestStore<K> {
  const { policy, paths, logger = false, signedUrls, publicBaseUrl, clock } = options
  // An outage begins and ends when the test says so, and nothing happens behind its back.
  const fallback = options.fallback ?? { s3: 'local', circuit: false }
  const s3 = new FaultyDriver(new MemoryDriver({ publicBaseUrl }), { clock })
  const local = new FaultyDriver(new MemoryDriver(), { clock })
  const drivers = { s3, local }
  const rest = { policy, paths, fallback, logger, signedUrls, reconcile: false } as const
  const store = new HybridStore<'s3' | 'local', K>({ drivers, ...rest })
  return {
    store,
    s3,
    local,
    outage: (failure) => s3.outage(failure),
    recover: () => s3.recover(),
  }
}

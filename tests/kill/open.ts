import type { FsLike } from '../../src/disk/index.js'
import { FsDriver } from '../../src/drivers/fs/index.js'
import { S3Driver } from '../../src/drivers/s3/index.js'
import { HybridStore, routeByKind } from '../../src/index.js'
import type { Kind, StoreSetup } from './protocol.js'

export type KillStore = HybridStore<'s3' | 'local', Kind>

export interface OpenOptions {
  readonly fs?: FsLike | undefined
  readonly s3?: S3Driver | undefined
}

/** Outlives the stores that close it, since it takes long to make. */
export class KeptS3 extends S3Driver {
  override async close(): Promise<void> {}

  end(): Promise<void> {
    return super.close()
  }
}

export function openS3(setup: StoreSetup, Driver = S3Driver): S3Driver {
  const { bucket, endpoint, region, credentials, prefix, features, maxAttempts } = setup
  // The smallest parts, so that 6 MB are a multipart upload.
  const partSize = 5 * 1024 * 1024
  return new Driver({
    bucket,
    endpoint,
    region,
    credentials,
    prefix,
    features,
    partSize,
    maxAttempts: maxAttempts ?? 2,
  })
}

/** The store under test: one key has one current version, wherever it lies, and all its paths read that one. */
export function openStore(setup: StoreSetup, { fs, s3 = openS3(setup) }: OpenOptions = {}): KillStore {
  const { root, within = 3000, grace = 3000, circuit = false, reconcile = false } = setup
  const options = {
    drivers: { s3, local: new FsDriver({ root, fs }) },
    policy: routeByKind({ s3: ['document'], local: ['cache'] }, { otherwise: 's3' }),
    fallback: { s3: 'local', within, grace, circuit } as const,
    exclusive: true,
    reconcile,
    logger: false,
  } as const
  return new HybridStore<'s3' | 'local', Kind>(options)
}

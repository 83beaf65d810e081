import { FsDriver } from '../drivers/fs/index.js'
import { S3Driver } from '../drivers/s3/index.js'
import { StorageError } from '../errors/index.js'
import { signedUrlsFromEnv } from './env-signing.js'
import { HybridStore } from './hybrid-store.js'
import { type Logger, silentLogger, stderrLogger } from './logger.js'
import type { HybridStoreOptions } from './options.js'
import { prefixPaths } from './paths/index.js'
import { type RoutingPolicy, routeByKind } from './routing/index.js'

/** The drivers of a store made by {@link storeFromEnv}. */
export type EnvDriver = 's3' | 'local'

/** The kinds of blob that the default policy of {@link storeFromEnv} knows. */
export type EnvKind = 'upload' | 'document' | 'image' | 'pdf' | 'invoice' | 'temp' | 'cache'

/** Where the settings are read from; `process.env` fits. */
export type Environment = Readonly<Record<string, string | undefined>>

/** Whatever is not given has the defaults that {@link storeFromEnv} names. */
export interface StoreFromEnvOptions<K extends string = EnvKind>
  extends Omit<HybridStoreOptions<EnvDriver, K>, 'drivers'> {}

/**
 * A store over S3 and the local disk, from the environment:
 *
 * - `S3_BUCKET_NAME`: without it S3 is switched off, and everything is stored locally.
 * - `AWS_ACCESS_KEY_ID` and `AWS_SECRET_ACCESS_KEY`, with `AWS_SESSION_TOKEN`; without them the AWS credential chain.
 * - `AWS_REGION`; without it the AWS profile's.
 * - `S3_ENDPOINT` and `S3_FORCE_PATH_STYLE` (`true` or `false`) for a look-alike of S3.
 * - `STORAGE_ROOT`: the local folder, `./storage` by default.
 * - `SIGNED_URL_BASE` and `SIGNED_URL_KEYS` (`id:secret`, or several with a comma between, the first one signs): links
 *   that the application serves, as the option `signedUrls`. Without both there are none.
 *
 * A variable that is empty counts as not set. By default uploads, documents and images go to S3, everything else stays
 * local; paths that start with `project_` are on S3, those that hold `uploads/` or `storage/` local; S3 falls back to
 * local. With a bucket but no region or credentials to be found, one error line says so soon after the start, and puts
 * fall back. CONFIGURATION where a variable makes no sense.
 */
export function storeFromEnv<K extends string = EnvKind>(
  env: Environment = process.env,
  options: StoreFromEnvOptions<K> = {},
): HybridStore<EnvDriver, K> {
  const read = (name: string) => env[name]?.trim() || undefined
  const logger = options.logger === false ? silentLogger : (options.logger ?? stderrLogger())
  const local = new FsDriver({ root: read('STORAGE_ROOT') ?? './storage' })
  const bucket = read('S3_BUCKET_NAME')
  const s3 = bucket === undefined ? undefined : s3FromEnv(bucket, read)
  const store = new HybridStore<EnvDriver, K>({
    policy: defaultPolicy() as RoutingPolicy<EnvDriver, K>,
    paths: prefixPaths({ s3: ['project_'], local: ['uploads/', 'storage/'] }),
    fallback: { s3: 'local' },
    signedUrls: signedUrlsFromEnv(read),
    ...options,
    drivers: { s3, local },
    logger,
  })
  if (s3 !== undefined) checkSoon(s3, bucket as string, logger)
  return store
}

function defaultPolicy(): RoutingPolicy<EnvDriver, EnvKind> {
  return routeByKind(
    { s3: ['upload', 'document', 'image'], local: ['pdf', 'invoice', 'temp', 'cache'] },
    { otherwise: 'local' },
  )
}

function s3FromEnv(bucket: string, read: (name: string) => string | undefined): S3Driver {
  const pathStyle = read('S3_FORCE_PATH_STYLE')?.toLowerCase()
  if (pathStyle !== undefined && !['true', '1', 'false', '0'].includes(pathStyle)) {
    throw new StorageError('CONFIGURATION', 'S3_FORCE_PATH_STYLE is neither true nor false.')
  }
  return new S3Driver({
    bucket,
    region: read('AWS_REGION'),
    endpoint: read('S3_ENDPOINT'),
    forcePathStyle: pathStyle === undefined ? undefined : ['true', '1'].includes(pathStyle),
    credentials: credentialsFromEnv(read),
  })
}

/** Undefined leaves it to the AWS chain. Half a pair is a mistake that the chain would hide behind another identity. */
function credentialsFromEnv(read: (name: string) => string | undefined) {
  const accessKeyId = read('AWS_ACCESS_KEY_ID')
  const secretAccessKey = read('AWS_SECRET_ACCESS_KEY')
  if (accessKeyId !== undefined && secretAccessKey !== undefined) {
    return { accessKeyId, secretAccessKey, sessionToken: read('AWS_SESSION_TOKEN') }
  }
  if (accessKeyId === undefined && secretAccessKey === undefined) return undefined
  const absent = accessKeyId === undefined ? 'AWS_ACCESS_KEY_ID' : 'AWS_SECRET_ACCESS_KEY'
  return async () => {
    throw new StorageError('UNAUTHENTICATED', `${absent} is not set, but its other half is.`, {
      hint: 'Set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY both, or neither to use the AWS credential chain.',
    })
  }
}

/** Looks for region and credentials in the background: who starts a server wants to know before the first upload. */
function checkSoon(s3: S3Driver, bucket: string, logger: Logger): void {
  s3.checkConfiguration().catch((error: StorageError) => {
    const { code, message: reason, hint } = error
    logger.error({ driver: 's3', bucket, code, reason, hint }, 'S3 is configured but cannot be used')
  })
}

import type { S3ClientLike } from '../options.js'
import type { Sdk } from '../sdk.js'

/** Where the requests for a bucket go, and the region that their signatures name. */
export interface Target {
  /** `https://bucket.s3.eu-central-1.amazonaws.com`, without a path. */
  readonly origin: string
  /** As the Host header says it. */
  readonly host: string
  /** What comes before the key, encoded: `/`, or `/bucket/`. */
  readonly base: string
  readonly region: string
}

interface Built {
  readonly protocol: string
  readonly hostname: string
  readonly port?: number
  readonly path: string
}

interface AuthScheme {
  readonly name: string
  readonly signingName?: string
  readonly signingRegion?: string
}

/** Thrown through the SDK's middleware, so that the request which shows the target is never sent. */
class Seen extends Error {
  constructor(
    readonly request: Built,
    readonly schemes: readonly AuthScheme[],
  ) {
    super('The target was seen.')
  }
}

/**
 * Asks the SDK where it would send a request for the bucket: its endpoint rules know regions, dual-stack, FIPS, profiles
 * and bucket names that are no host names. Undefined where it would sign in another way than plain SigV4 for S3 (access
 * points of several regions, S3 Express).
 */
export async function findTarget(sdk: Sdk, client: S3ClientLike, bucket: string): Promise<Target | undefined> {
  if (bucket.startsWith('arn:') || bucket.endsWith('--x-s3')) return undefined
  const command = new sdk.HeadObjectCommand({ Bucket: bucket, Key: 'k' })
  const stop = (_next: unknown, context: { endpointV2?: { properties?: { authSchemes?: AuthScheme[] } } }) => {
    return async ({ request }: { request: Built }): Promise<never> => {
      throw new Seen(request, context.endpointV2?.properties?.authSchemes ?? [])
    }
  }
  command.middlewareStack.add(stop as never, { step: 'build', priority: 'low', name: 'hybridStoreTarget' })
  try {
    await client.send(command)
  } catch (error) {
    if (error instanceof Seen) return targetOf(error)
    throw error
  }
  return undefined
}

function targetOf({ request, schemes }: Seen): Target | undefined {
  const { protocol, hostname, port, path } = request
  const scheme = schemes.find(({ name, signingName }) => name === 'sigv4' && signingName === 's3')
  if (scheme?.signingRegion === undefined || !path.endsWith('/k')) return undefined
  const { origin, host } = new URL(`${protocol}//${hostname}${port === undefined ? '' : `:${port}`}`)
  return { origin, host, base: path.slice(0, -1), region: scheme.signingRegion }
}

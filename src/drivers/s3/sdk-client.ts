import type { S3ClientConfig } from '@aws-sdk/client-s3'
import type { S3ClientLike, S3DriverOptions } from './options.js'
import { loadSdk } from './sdk.js'
import { isAwsHost, parseUrl, type S3Settings } from './settings.js'

/** Sockets of one client. Each open read holds one, so it must not run out under slow readers. */
export const MAX_SOCKETS = 1024

const silent = { trace() {}, debug() {}, info() {}, warn() {}, error() {} }

/** The SDK's client, by the settings of a driver. */
export async function makeClient(
  settings: S3Settings,
  credentials: S3DriverOptions['credentials'],
): Promise<S3ClientLike> {
  const { region, endpoint, forcePathStyle, maxAttempts, timeouts } = settings
  const [{ S3Client }, http, https] = await Promise.all([loadSdk(), import('node:http'), import('node:https')])
  const aws = endpoint === undefined || isAwsHost(parseUrl(endpoint)?.hostname ?? '')
  const agent = { keepAlive: true, maxSockets: MAX_SOCKETS }
  const config: S3ClientConfig = {
    ...(region === undefined ? {} : { region }),
    ...(endpoint === undefined ? {} : { endpoint }),
    ...(credentials === undefined ? {} : { credentials: credentials as NonNullable<S3ClientConfig['credentials']> }),
    // Look-alikes rarely have a DNS name for each bucket.
    forcePathStyle: forcePathStyle ?? !aws,
    maxAttempts,
    retryMode: 'standard',
    // Bodies over partSize go in parts, so a refusal costs little; and the header costs each upload a connection.
    expectContinueHeader: false,
    // The console belongs to the application; failures come as errors.
    logger: silent,
    requestHandler: {
      connectionTimeout: timeouts.connect,
      requestTimeout: timeouts.response,
      throwOnRequestTimeout: true,
      // It would cut off a reader that takes its time; the driver watches bodies itself.
      socketTimeout: 0,
      httpAgent: new http.Agent(agent),
      httpsAgent: new https.Agent(agent),
    },
    // Many look-alikes know neither the newer checksums nor the trailers they come in.
    ...(aws ? {} : { requestChecksumCalculation: 'WHEN_REQUIRED', responseChecksumValidation: 'WHEN_REQUIRED' }),
  }
  return new S3Client(config)
}

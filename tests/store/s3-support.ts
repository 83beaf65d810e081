import { inject } from 'vitest'
import { S3Driver, type S3DriverOptions } from '../../src/drivers/s3/index.js'
import { createBucket } from '../servers/bucket.js'
import { startFaultProxy } from '../servers/fault-proxy.js'
import { onEnd } from './support.js'

/** A bucket of its own on the real server, and a driver that reaches it through a proxy that can be taken down. */
export async function s3BehindProxy(options: Partial<S3DriverOptions> = {}) {
  const settings = inject('s3')
  const bucket = await createBucket(settings, 'store')
  onEnd(() => bucket.remove())
  const proxy = await startFaultProxy(settings.endpoint)
  onEnd(() => proxy.stop())
  const { region, credentials } = settings
  const make = (changes: Partial<S3DriverOptions> = {}) =>
    new S3Driver({ bucket: bucket.name, endpoint: proxy.endpoint, region, credentials, ...options, ...changes })
  return { bucket, proxy, make, s3: make() }
}

import { inject } from 'vitest'
import { Connection } from '../../src/drivers/s3/connection.js'
import { FeatureProbe } from '../../src/drivers/s3/features.js'
import type { S3Features } from '../../src/drivers/s3/index.js'
import { checkOptions } from '../../src/drivers/s3/settings.js'
import { createBucket, type TestBucket } from '../servers/bucket.js'
import { bundleChild, type ChildBundle } from './bundle.js'
import { KillProxy } from './proxy.js'

/** Conditional writes, and answers to them that can be trusted, are the ground of what is tested here. */
export const real = inject('s3').kind !== 'fauxqs'

export interface Bench {
  readonly bundle: ChildBundle
  readonly bucket: TestBucket
  readonly proxy: KillProxy
  readonly features: S3Features
  close(): Promise<void>
}

/** What the worlds of a suite share: the child as a script, a bucket, and a proxy before it. */
export async function makeBench(label: string): Promise<Bench> {
  const { endpoint, region, credentials } = inject('s3')
  const [bundle, bucket] = await Promise.all([bundleChild(), createBucket(inject('s3'), label)])
  const proxy = await KillProxy.start(endpoint)
  const options = { bucket: bucket.name, endpoint, region, credentials }
  const connection = new Connection(checkOptions(options), options)
  const features = await new FeatureProbe(connection, () => {}).features()
  await connection.close()
  const close = async () => {
    await proxy.stop()
    await bucket.remove()
    await bundle.remove()
  }
  return { bundle, bucket, proxy, features, close }
}

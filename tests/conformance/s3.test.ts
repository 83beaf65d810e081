import { afterAll, describe, inject, it } from 'vitest'
import { S3Driver, type S3Transport } from '../../src/drivers/s3/index.js'
import { type ConformanceHarness, describeConformance } from '../../src/testing/index.js'
import { createBucket } from '../servers/bucket.js'
import { fauxqsGaps } from './fauxqs.js'
import { uploadLeaks } from './leaks.js'

const settings = inject('s3')
/** The least that S3 takes. */
const partSize = 5 * 1024 ** 2

async function harness(transport: S3Transport): Promise<ConformanceHarness> {
  const bucket = await createBucket(settings, 'conformance')
  const { endpoint, region, credentials } = settings
  const options = { bucket: bucket.name, endpoint, region, credentials, partSize, queueSize: 2, transport }
  const subject = new S3Driver(options)
  return {
    subject,
    capabilities: await subject.ready(),
    partSize,
    // The stand-in's key is the word `test`, which any message may hold.
    secrets: settings.kind === 'fauxqs' ? [] : [credentials.secretAccessKey],
    gaps: settings.kind === 'fauxqs' ? fauxqsGaps : {},
    reopen: async () => new S3Driver(options),
    refused: async () => new S3Driver({ ...options, credentials: { ...credentials, secretAccessKey: 'wrong' } }),
    // Nothing listens on port 1.
    unavailable: async () => new S3Driver({ ...options, endpoint: 'http://127.0.0.1:1', maxAttempts: 1 }),
    leaks: (prefix) => uploadLeaks(bucket, prefix),
    close: async () => {
      await subject.close()
      await bucket.remove()
    },
  }
}

for (const transport of ['direct', 'sdk'] as const) {
  const title = `s3 (${settings.kind}, ${transport})`
  describeConformance(title, () => harness(transport), { describe, it, afterAll }, { concurrency: 4 })
}

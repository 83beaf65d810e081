import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, inject, it } from 'vitest'
import type { BlobDriver, DriverCapabilities } from '../../src/driver/index.js'
import { FsDriver } from '../../src/drivers/fs/index.js'
import { MemoryDriver } from '../../src/drivers/memory/index.js'
import { S3Driver } from '../../src/drivers/s3/index.js'
import { HybridStore } from '../../src/index.js'
import { type ConformanceHarness, conformanceCases, describeConformance } from '../../src/testing/index.js'
import { createBucket } from '../servers/bucket.js'
import { fauxqsGaps } from './fauxqs.js'
import { diskLeaks, uploadLeaks } from './leaks.js'

const runner = { describe, it, afterAll }
const settings = inject('s3')

/** A store that sends every other key to the other driver, so that each case has blobs on both sides. */
function mixedStore(s3: BlobDriver, local: BlobDriver): HybridStore<'s3' | 'local'> {
  return new HybridStore<'s3' | 'local'>({
    drivers: { s3, local },
    policy: ({ key }) => (checksum(key) % 2 === 0 ? 's3' : 'local'),
    fallback: { s3: 'local' },
    // A copy stays on the driver of its source, and may so lie in front of or behind an older blob on the other one.
    exclusive: true,
    logger: false,
  })
}

function checksum(key: string): number {
  let sum = 0
  for (const byte of Buffer.from(key)) sum = (sum * 31 + byte) >>> 0
  return sum
}

/** What a store can promise for any key: what both sides can. */
function both(a: DriverCapabilities, b: DriverCapabilities): DriverCapabilities {
  const flags = Object.entries(a).map(([name, value]) => {
    const other = b[name as keyof DriverCapabilities]
    return [name, typeof value === 'boolean' ? value && other : Math.min(value, Number(other ?? value))]
  })
  return Object.fromEntries(flags)
}

/**
 * What one side has not the other may have, so that nothing is refused for every key; and a gap of the stand-in shows
 * only where a key happens to be on its side.
 */
function fitsBoth(group: string, name: string): boolean {
  return group !== 'what is not declared is refused' && !(settings.kind === 'fauxqs' && name in fauxqsGaps)
}

describeConformance(
  'store over memory and memory',
  () => {
    const s3 = new MemoryDriver()
    const local = new MemoryDriver()
    const subject = mixedStore(s3, local)
    return { subject, capabilities: s3.capabilities, close: () => subject.close() }
  },
  runner,
)

describeConformance(
  'store over drivers with nothing optional',
  () => {
    const capabilities = {
      createOnly: false,
      conditionalUpdate: false,
      conditionalDelete: false,
      conditionalCopy: false,
      visibility: false,
    }
    const s3 = new MemoryDriver({ capabilities })
    const subject = mixedStore(s3, new MemoryDriver({ capabilities }))
    return { subject, capabilities: s3.capabilities, close: () => subject.close() }
  },
  runner,
)

describeConformance(
  `store over s3 (${settings.kind}) and fs`,
  async (): Promise<ConformanceHarness> => {
    const root = await mkdtemp(join(tmpdir(), 'hybrid-store-conformance-'))
    const bucket = await createBucket(settings, 'conformance')
    const { endpoint, region, credentials } = settings
    const partSize = 5 * 1024 ** 2
    const s3 = () => new S3Driver({ bucket: bucket.name, endpoint, region, credentials, partSize, queueSize: 2 })
    const local = () => new FsDriver({ root })
    const ours = { s3: s3(), local: local() }
    const subject = mixedStore(ours.s3, ours.local)
    return {
      subject,
      capabilities: both(await ours.s3.ready(), ours.local.capabilities),
      partSize,
      secrets: settings.kind === 'fauxqs' ? [root] : [credentials.secretAccessKey, root],
      reopen: async () => mixedStore(s3(), local()),
      leaks: async (prefix) => [...(await diskLeaks(root, prefix)), ...(await uploadLeaks(bucket, prefix))],
      close: async () => {
        await subject.close()
        await bucket.remove()
        await rm(root, { recursive: true })
      },
    }
  },
  runner,
  { concurrency: 4, cases: conformanceCases.filter(({ group, name }) => fitsBoth(group, name)) },
)

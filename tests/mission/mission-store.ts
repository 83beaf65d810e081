import { inject } from 'vitest'
import { FsDriver } from '../../src/drivers/fs/index.js'
import { S3Driver } from '../../src/drivers/s3/index.js'
import { defineKey, HybridStore, prefixPaths, routeByKind } from '../../src/index.js'
import { createBucket } from '../servers/bucket.js'
import { startFaultProxy } from '../servers/fault-proxy.js'
import { onEnd, recordingLogger, tempRoot } from '../store/support.js'

export const uploadKey = defineKey('project_{projectId}/uploads/{filename}')

/** Its routing and its paths. */
export const choices = {
  policy: routeByKind(
    { s3: ['upload', 'document', 'image'], local: ['pdf', 'invoice', 'temp', 'cache'] },
    { otherwise: 'local' },
  ),
  paths: prefixPaths({ s3: ['project_'], local: ['uploads/', 'storage/'] }),
}

/** The mission's own set-up: real S3, real disk, its routing and its paths. */
export async function missionStore(
  options: { readonly s3?: Partial<ConstructorParameters<typeof S3Driver>[0]>; readonly grace?: number } = {},
) {
  const settings = inject('s3')
  const bucket = await createBucket(settings, 'mission')
  onEnd(() => bucket.remove())
  const proxy = await startFaultProxy(settings.endpoint)
  onEnd(() => proxy.stop())
  const root = await tempRoot()
  const { region, credentials } = settings
  const s3 = new S3Driver({ bucket: bucket.name, region, credentials, endpoint: proxy.endpoint, ...options.s3 })
  const local = new FsDriver({ root })
  const log = recordingLogger()
  const store = new HybridStore({
    ...choices,
    drivers: { s3, local },
    fallback: { s3: 'local', circuit: false, grace: options.grace },
    reconcile: false,
    logger: log.logger,
  })
  onEnd(() => store.close())
  return {
    store,
    s3,
    local,
    root,
    bucket,
    proxy,
    settings,
    errors: () => log.lines.filter((one) => one.level === 'error'),
  }
}

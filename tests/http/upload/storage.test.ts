import { afterEach, describe, expect, inject, test } from 'vitest'
import { FsDriver } from '../../../src/drivers/fs/index.js'
import { S3Driver } from '../../../src/drivers/s3/index.js'
import { HybridStore } from '../../../src/index.js'
import { diskLeaks } from '../../conformance/leaks.js'
import { createBucket } from '../../servers/bucket.js'
import { startFaultProxy } from '../../servers/fault-proxy.js'
import { onEnd, tempRoot } from '../../store/support.js'
import { settled } from '../robustness/until.js'
import { adapters } from '../servers.js'
import { realS3 } from '../world.js'
import { file, form } from './case.js'
import { keysOf, serveUploads } from './support.js'

const MIB = 1024 * 1024
const content = Buffer.alloc(20 * MIB, 'content ')
const large = form(file('large.bin', content, 'application/octet-stream'))

async function world(fallback: boolean) {
  const settings = inject('s3')
  const bucket = await createBucket(settings, 'upload')
  const proxy = await startFaultProxy(settings.endpoint)
  const root = await tempRoot()
  const { region, credentials } = settings
  const s3 = new S3Driver({ bucket: bucket.name, endpoint: proxy.endpoint, region, credentials, maxAttempts: 1 })
  const store = new HybridStore<'s3' | 'local', string>({
    drivers: { s3, local: new FsDriver({ root, durability: 'none' }) },
    fallback: fallback ? { s3: 'local', grace: 0, circuit: false } : false,
    policy: () => 's3',
    reconcile: false,
    logger: false,
  })
  onEnd(async () => {
    await store.close()
    await proxy.stop()
    await bucket.remove()
  })
  return { store, proxy, bucket, root }
}

describe.skipIf(!realS3)('S3 that dies in the middle of an upload (136)', () => {
  const isPart = ({ method, url }: { readonly method: string; readonly url: string }) =>
    method === 'PUT' && url.includes('partNumber=2')
  const after: () => Promise<void> = async () => {}
  afterEach(async () => {
    await after()
  })

  test.each(adapters)('with a fallback it is a 201 on %s, and the bytes are whole', async (adapter) => {
    const { store, proxy, bucket, root } = await world(true)
    const { upload } = await serveUploads(adapter, store)
    const fault = proxy.fail({ kind: 'reset', after: MIB }, { when: isPart })
    const answer = await upload(large)
    expect([answer.status, fault.hits > 0]).toEqual([201, true])
    const [{ path, size }] = JSON.parse(answer.body.toString())
    expect(size).toBe(content.byteLength)
    expect((await store.head(path)).pendingFor).toBe('s3')
    expect(Buffer.from(await (await store.get(path)).bytes()).equals(content)).toBe(true)
    proxy.heal()
    expect(await store.reconcile()).toMatchObject({ moved: 1, failed: [] })
    expect(await store.pending()).toEqual([])
    expect(Buffer.from(await (await store.get(path)).bytes()).equals(content)).toBe(true)
    await bucket.assertNoOpenUploads()
    expect(await diskLeaks(root, '')).toEqual([])
  })

  test.each(adapters)('without one it is a 503 on %s, and nothing is left', async (adapter) => {
    const { store, proxy, bucket, root } = await world(false)
    const { upload, get } = await serveUploads(adapter, store)
    proxy.fail({ kind: 'reset', after: MIB }, { when: isPart })
    const answer = await upload(form(file('first.txt'), file('large.bin', content)))
    expect([answer.status, answer.headers['retry-after']]).toEqual([503, '5'])
    expect((await get('/list')).status).toBe(200)
    await settled(() => keysOf(store))
    await bucket.assertNoOpenUploads()
    expect(await diskLeaks(root, '')).toEqual([])
  })
})

import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { PutBucketPolicyCommand } from '@aws-sdk/client-s3'
import { describe, expect, inject } from 'vitest'
import { FsDriver } from '../../src/drivers/fs/index.js'
import { S3Driver } from '../../src/drivers/s3/index.js'
import { HybridStore, storeFromEnv } from '../../src/index.js'
import { createCephUser } from '../servers/bucket.js'
import { collect, hashOf, onEnd, patternHash, patternStream, recordingLogger, tempRoot } from '../store/support.js'
import { choices, missionStore, uploadKey } from './mission-store.js'
import { row } from './rows.js'

describe('the mission', () => {
  row('upload with SSE AES256, download, delete, exists, presigned URL, public URL', async () => {
    const { store, proxy, settings } = await missionStore({ s3: { sse: 'AES256' } })
    const key = uploadKey({ projectId: 7, filename: 'plan é (1).txt' })
    const blob = await store.put(key, 'the plan', { kind: 'document', visibility: 'public' })
    const put = proxy.requests.find(({ method }) => method === 'PUT')
    expect(put?.headers['x-amz-server-side-encryption']).toBe('AES256')
    expect(await (await store.get(blob.path)).text()).toBe('the plan')
    expect(await store.exists(blob.path)).toBe(true)
    const signed = await fetch(await store.signUrl(blob.path, { expiresIn: 60 }))
    expect([signed.status, await signed.text()]).toEqual([200, 'the plan'])
    const open = await fetch(await store.publicUrl(blob.path))
    expect([open.status, await open.text()]).toEqual([200, 'the plan'])
    await store.setVisibility(blob.path, 'private')
    // The stand-in from npm knows no rights.
    if (settings.kind !== 'fauxqs') expect((await fetch(await store.publicUrl(blob.path))).status).toBe(403)
    await store.delete(blob.path)
    expect(await store.exists(blob.path)).toBe(false)
  })

  row('one S3 client for the whole process, 3 attempts', async () => {
    const { store, proxy } = await missionStore()
    await store.put('project_1/a', 'x', { kind: 'upload' })
    proxy.heal()
    proxy.fail({ kind: 'answer', status: 503, body: '<Error><Code>SlowDown</Code></Error>' })
    await expect(store.get('s3:project_1/b')).rejects.toMatchObject({ code: 'UNAVAILABLE' })
    expect(proxy.requests.filter(({ method }) => method === 'GET')).toHaveLength(3)
  })

  row('key format project_{project_id}/uploads/{filename}', async () => {
    const { store } = await missionStore()
    const key = uploadKey({ projectId: 42, filename: 'a.pdf' })
    expect(key).toBe('project_42/uploads/a.pdf')
    const blob = await store.put(key, 'x', { kind: 'upload' })
    expect(blob.path).toBe(key)
    expect(uploadKey.parse(blob.key)).toEqual({ projectId: '42', filename: 'a.pdf' })
  })

  row('is_s3_enabled()', async () => {
    const { store, settings, bucket } = await missionStore()
    expect(store.hasDriver('s3')).toBe(true)
    const env = { STORAGE_ROOT: await tempRoot(), AWS_REGION: settings.region, S3_ENDPOINT: settings.endpoint }
    const off = storeFromEnv(env, { logger: false })
    onEnd(() => off.close())
    expect(off.hasDriver('s3')).toBe(false)
    const { accessKeyId: AWS_ACCESS_KEY_ID, secretAccessKey: AWS_SECRET_ACCESS_KEY } = settings.credentials
    const credentials = { AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY }
    const on = storeFromEnv({ ...env, ...credentials, S3_BUCKET_NAME: bucket.name }, { logger: false })
    onEnd(() => on.close())
    expect(on.hasDriver('s3')).toBe(true)
    expect((await on.put('project_1/x', 'real', { kind: 'upload' })).driver).toBe('s3')
  })

  row('should_use_s3(file_type)', async () => {
    const { store, proxy } = await missionStore()
    proxy.heal()
    const to = (kind: 'upload' | 'document' | 'image' | 'pdf' | 'invoice' | 'temp' | 'cache') => {
      return store.route({ key: 'a', kind })
    }
    expect([to('upload'), to('document'), to('image')]).toEqual(['s3', 's3', 's3'])
    expect([to('pdf'), to('invoice'), to('temp'), to('cache')]).toEqual(['local', 'local', 'local', 'local'])
    expect(store.route({ key: 'a' })).toBe('local')
    expect(proxy.requests).toEqual([])
  })

  row('is_s3_path(path): project_ is S3; uploads/ or storage/ is local', async () => {
    const { store } = await missionStore()
    const driverOf = (path: string) => store.resolve(path).candidates[0].driver
    expect(driverOf('project_7/uploads/a.pdf')).toBe('s3')
    expect(driverOf('uploads/a.pdf')).toBe('local')
    expect(driverOf('storage/a.pdf')).toBe('local')
    expect(driverOf('/var/www/app/uploads/a.pdf')).toBe('local')
    expect(driverOf('C:\\app\\storage\\a.pdf')).toBe('local')
  })

  row('mime_type parameter', async () => {
    const { store } = await missionStore()
    const options = { kind: 'upload', contentType: 'application/vnd.example; charset=utf-8' } as const
    const blob = await store.put('project_1/a.bin', 'x', options)
    expect((await store.head(blob.path)).contentType).toBe(options.contentType)
    const local = await store.put('b.png', 'x', { kind: 'temp' })
    expect((await store.head(local.path)).contentType).toBe('image/png')
  })

  row('upload fails on S3 -> local, logged', async () => {
    const { store, proxy, errors } = await missionStore()
    const size = 20 * 1024 * 1024
    const body = patternStream(size, async (bytes) => {
      if (bytes >= size / 2) await proxy.down()
    })
    const blob = await store.put('project_7/uploads/film.mp4', body, { kind: 'document' })
    expect(blob).toMatchObject({ path: 'project_7/uploads/film.mp4', pendingFor: 's3', size })
    expect(errors()).toMatchObject([{ message: 'S3 upload failed, falling back to local storage' }])
    expect(await hashOf((await store.get(blob.path)).body)).toEqual({ size, sha256: patternHash(size) })
    await proxy.up()
    expect(await store.reconcile()).toMatchObject({ moved: 1, remaining: 0 })
    const after = await store.get(blob.path)
    expect(after.info).toMatchObject({ driver: 's3', path: blob.path })
    expect(await hashOf(after.body)).toEqual({ size, sha256: patternHash(size) })
  })

  row('S3 download fails: 404 for a missing file, 503 for an outage', async () => {
    const { store, proxy } = await missionStore()
    await expect(store.get('project_7/none')).rejects.toMatchObject({ code: 'NOT_FOUND', status: 404 })
    await proxy.down()
    await expect(store.get('project_7/none')).rejects.toMatchObject({ code: 'UNAVAILABLE', status: 503 })
  })

  row('S3 not configured -> local, no error', async () => {
    const root = await tempRoot()
    const { logger, lines } = recordingLogger()
    const store = storeFromEnv({ STORAGE_ROOT: root }, { logger })
    onEnd(() => store.close())
    const blob = await store.put('project_7/uploads/a.txt', 'local', { kind: 'document' })
    expect(blob).toMatchObject({ driver: 'local' })
    expect(blob.pendingFor).toBeUndefined()
    expect(await readFile(join(root, 'project_7/uploads/a.txt'), 'utf8')).toBe('local')
    expect(await (await store.get(blob.path)).text()).toBe('local')
    expect(await store.pending()).toEqual([])
    expect(lines).toMatchObject([{ level: 'info', message: 'S3 is not configured, using local storage' }])
  })

  row('old local files stay readable, no data loss in hybrid mode', async () => {
    const { store, root, proxy } = await missionStore()
    await mkdir(join(root, 'uploads/2019'), { recursive: true })
    await writeFile(join(root, 'uploads/2019/old.pdf'), 'from before S3')
    await mkdir(join(root, 'project_3/uploads'), { recursive: true })
    await writeFile(join(root, 'project_3/uploads/early.pdf'), 'under an S3 name')
    const texts = async () => {
      const paths = ['uploads/2019/old.pdf', './uploads/2019/old.pdf', 'project_3/uploads/early.pdf']
      return Promise.all(paths.map(async (path) => (await store.get(path)).text()))
    }
    const expected = ['from before S3', 'from before S3', 'under an S3 name']
    expect(await texts()).toEqual(expected)
    await proxy.down()
    expect(await texts()).toEqual(expected)
    await proxy.up()
    const moved = await store.relocate('uploads/2019/old.pdf', { to: 's3' })
    expect(moved).toMatchObject({ from: 'local', to: 's3', oldPath: 'uploads/2019/old.pdf' })
    expect(await (await store.get(moved.newPath)).text()).toBe('from before S3')
    expect(await texts()).toEqual(expected)
    expect(await collect(store.list())).toMatchObject([
      { key: 'project_3/uploads/early.pdf', driver: 'local' },
      { key: 'uploads/2019/old.pdf', driver: 's3' },
    ])
  })

  row('env AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_REGION, S3_BUCKET_NAME', async () => {
    const { settings, bucket } = await missionStore()
    const env = {
      AWS_ACCESS_KEY_ID: settings.credentials.accessKeyId,
      AWS_SECRET_ACCESS_KEY: settings.credentials.secretAccessKey,
      AWS_REGION: settings.region,
      S3_BUCKET_NAME: bucket.name,
      S3_ENDPOINT: settings.endpoint,
      S3_FORCE_PATH_STYLE: 'true',
      STORAGE_ROOT: await tempRoot(),
    }
    const store = storeFromEnv(env, { logger: false })
    onEnd(() => store.close())
    const blob = await store.put('project_1/a', 'x', { kind: 'image' })
    expect(blob).toMatchObject({ driver: 's3', path: 'project_1/a' })
    expect(await bucket.keys()).toEqual(['project_1/a'])
  })

  row(
    'rights GetObject PutObject DeleteObject PutObjectAcl GetObjectAcl ListBucket',
    async () => {
      const { settings, bucket } = await missionStore()
      const app = settings.kind === 'ceph' ? await createCephUser(settings, `app${Date.now()}`) : settings
      if (settings.kind === 'ceph') await bucket.client.send(new PutBucketPolicyCommand(sixRights(bucket.name, app)))
      const { region, endpoint, credentials } = app
      const s3 = new S3Driver({ bucket: bucket.name, region, endpoint, credentials })
      const store = new HybridStore({
        ...choices,
        drivers: { s3, local: new FsDriver({ root: await tempRoot() }) },
        fallback: { s3: 'local', circuit: false },
        reconcile: false,
        logger: false,
      })
      onEnd(() => store.close())
      const small = await store.put('project_7/a.txt', 'small', { kind: 'upload' })
      const size = 20 * 1024 * 1024
      const large = await store.put('project_7/large.bin', patternStream(size), { kind: 'upload' })
      expect([small.driver, large.driver]).toEqual(['s3', 's3'])
      expect(await hashOf((await store.get(large.path)).body)).toEqual({ size, sha256: patternHash(size) })
      await store.setVisibility(small.path, 'public')
      expect(await store.getVisibility(small.path)).toBe('public')
      const copy = await store.copy(small.path, 'project_7/b.txt')
      expect((await collect(store.list({ prefix: 'project_7/' }))).length).toBe(3)
      for (const { path } of [small, large, copy]) await store.delete(path)
      await expect(store.head(small.path)).rejects.toMatchObject({ code: 'NOT_FOUND' })
    },
    inject('s3').kind === 'fauxqs' ? 'fauxqs has neither rights nor ACLs' : undefined,
  )
})

function sixRights(bucket: string, { credentials }: { readonly credentials: { readonly accessKeyId: string } }) {
  const user = credentials.accessKeyId.replace(/-access$/, '')
  const Principal = { AWS: [`arn:aws:iam:::user/${user}`] }
  const objects = ['GetObject', 'PutObject', 'DeleteObject', 'PutObjectAcl', 'GetObjectAcl'].map((name) => `s3:${name}`)
  const Statement = [
    { Effect: 'Allow', Principal, Action: objects, Resource: [`arn:aws:s3:::${bucket}/*`] },
    { Effect: 'Allow', Principal, Action: ['s3:ListBucket'], Resource: [`arn:aws:s3:::${bucket}`] },
  ]
  return { Bucket: bucket, Policy: JSON.stringify({ Version: '2012-10-17', Statement }) }
}

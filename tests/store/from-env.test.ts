import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, inject, test, vi } from 'vitest'
import { StorageError, storeFromEnv } from '../../src/index.js'
import { createBucket } from '../servers/bucket.js'
import { onEnd, recordingLogger, tempRoot } from './support.js'

const names = ['AWS_ACCESS_KEY_ID', 'AWS_SECRET_ACCESS_KEY', 'AWS_REGION', 'S3_BUCKET_NAME'] as const
const subsets = Array.from({ length: 16 }, (_, bits) => names.filter((_, i) => bits & (1 << i)))

// The AWS chain looks beyond what it is given; here it is to find nothing.
beforeEach(() => {
  for (const name of Object.keys(process.env)) if (/^(AWS|S3)_/.test(name)) vi.stubEnv(name, undefined)
  vi.stubEnv('AWS_EC2_METADATA_DISABLED', 'true')
  vi.stubEnv('AWS_CONFIG_FILE', '/nonexistent')
  vi.stubEnv('AWS_SHARED_CREDENTIALS_FILE', '/nonexistent')
})
afterEach(() => {
  vi.unstubAllEnvs()
})

describe('storeFromEnv', () => {
  test.each(subsets.map((subset) => [subset.join(' ') || 'nothing', subset] as const))('with %s', async (_, subset) => {
    const settings = inject('s3')
    const bucket = await createBucket(settings, 'env')
    onEnd(() => bucket.remove())
    const all = {
      AWS_ACCESS_KEY_ID: settings.credentials.accessKeyId,
      AWS_SECRET_ACCESS_KEY: settings.credentials.secretAccessKey,
      AWS_REGION: settings.region,
      S3_BUCKET_NAME: bucket.name,
    }
    const root = await tempRoot()
    const env = Object.fromEntries(names.map((name) => [name, subset.includes(name) ? all[name] : '']))
    const { logger, lines } = recordingLogger()
    const store = storeFromEnv({ ...env, S3_ENDPOINT: settings.endpoint, STORAGE_ROOT: root }, { logger })
    onEnd(() => store.close())
    const blob = await store.put('project_7/uploads/a.txt', 'text', { kind: 'document' })
    await vi.waitFor(() => expect(lines.length).toBeGreaterThan(0))
    const errors = () => lines.filter(({ level }) => level === 'error')
    expect(lines.filter(({ level }) => level === 'info')).toHaveLength(1)
    expect(await (await store.get(blob.path)).text()).toBe('text')

    if (!subset.includes('S3_BUCKET_NAME')) {
      expect(blob).toMatchObject({ driver: 'local', path: 'storage/project_7/uploads/a.txt' })
      expect(blob.pendingFor).toBeUndefined()
      expect(lines).toHaveLength(1)
      expect(lines[0]?.message).toBe('S3 is not configured, using local storage')
      expect(await readdir(join(root, '.hybrid-store'))).not.toContain('outbox')
    } else if (subset.length === 4) {
      expect(blob).toMatchObject({ driver: 's3', path: 'project_7/uploads/a.txt' })
      expect(await bucket.keys()).toEqual(['project_7/uploads/a.txt'])
      expect(errors()).toEqual([])
    } else {
      // The put is safe, one line tells of the configuration, one of the put.
      expect(blob).toMatchObject({ driver: 'local', pendingFor: 's3', path: 'project_7/uploads/a.txt' })
      await vi.waitFor(() => expect(errors()).toHaveLength(2))
      const messages = errors().map(({ message }) => message)
      expect(messages.sort()).toEqual([
        'S3 is configured but cannot be used',
        'S3 upload failed, falling back to local storage',
      ])
      const code = subset.includes('AWS_REGION') ? 'UNAUTHENTICATED' : 'CONFIGURATION'
      expect(errors().map(({ fields }) => fields.code)).toEqual([code, code])
    }
    expect(JSON.stringify(lines)).not.toContain(settings.credentials.secretAccessKey)
  })

  test('takes policy, paths and fallback from the options', async () => {
    const store = storeFromEnv(
      { STORAGE_ROOT: await tempRoot() },
      { policy: () => 's3', fallback: false, logger: false, paths: undefined },
    )
    onEnd(() => store.close())
    await expect(store.put('a', 'x')).rejects.toMatchObject({ code: 'CONFIGURATION' })
  })

  test('refuses what makes no sense', () => {
    const env = { S3_BUCKET_NAME: 'a-bucket', S3_FORCE_PATH_STYLE: 'maybe' }
    expect(() => storeFromEnv(env, { logger: false })).toThrow(StorageError)
  })
})

import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, inject, test, vi } from 'vitest'
import { StorageError, storeFromEnv, verifyUrl } from '../../src/index.js'
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

  test('signs links of its own with the keys of the environment, unless the options have others', async () => {
    const secrets = ['a:secret:of=32/bytes+or-many-more', 'an old secret of thirty-two bytes']
    const env = {
      STORAGE_ROOT: await tempRoot(),
      SIGNED_URL_BASE: 'https://app.test/files',
      SIGNED_URL_KEYS: ` new:${secrets[0]} , old:${secrets[1]}`,
    }
    const store = storeFromEnv(env, { logger: false })
    onEnd(() => store.close())
    const url = await store.signUrl('uploads/a.txt')
    expect(url).toMatch(/^https:\/\/app\.test\/files\/uploads\/a\.txt\?.*hs-kid=new&/)
    const keys = [{ id: 'new', secret: secrets[0] ?? '' }]
    expect(verifyUrl(url, { keys, baseUrl: env.SIGNED_URL_BASE, method: 'GET' }).path).toBe('uploads/a.txt')
    const old = { ...env, SIGNED_URL_KEYS: `old:${secrets[1]}` }
    const other = storeFromEnv(old, { logger: false })
    onEnd(() => other.close())
    expect(store.verifySignedUrl(await other.signUrl('uploads/a.txt'), { method: 'GET' }).path).toBe('uploads/a.txt')
    const without = storeFromEnv(env, { logger: false, signedUrls: undefined })
    onEnd(() => without.close())
    await expect(without.signUrl('uploads/a.txt')).rejects.toMatchObject({ code: 'NOT_SUPPORTED' })
  })

  test.each([
    ['half of it', { SIGNED_URL_BASE: 'https://app.test' }, /SIGNED_URL_KEYS is not set/],
    ['the other half', { SIGNED_URL_KEYS: 'k:a secret of thirty-two bytes or more' }, /SIGNED_URL_BASE is not set/],
    ['a short secret', { SIGNED_URL_BASE: 'https://app.test', SIGNED_URL_KEYS: 'k:hush-hush' }, /fewer than 32 bytes/],
    ['no id', { SIGNED_URL_BASE: 'https://app.test', SIGNED_URL_KEYS: 'hush-hush'.repeat(4) }, /the id of a key/],
    [
      'a comma',
      { SIGNED_URL_BASE: 'https://app.test', SIGNED_URL_KEYS: `k:${'hush-hush'.repeat(4)},` },
      /the id of a key/,
    ],
  ])('refuses signed links of %s, and shows no secret', (_, env, message) => {
    let error: unknown
    try {
      storeFromEnv(env, { logger: false })
    } catch (thrown) {
      error = thrown
    }
    expect(error).toMatchObject({ code: 'CONFIGURATION', message: expect.stringMatching(message) })
    expect(JSON.stringify(error)).not.toMatch(/hush|thirty/)
  })

  test('refuses what makes no sense', () => {
    const env = { S3_BUCKET_NAME: 'a-bucket', S3_FORCE_PATH_STYLE: 'maybe' }
    expect(() => storeFromEnv(env, { logger: false })).toThrow(StorageError)
  })
})

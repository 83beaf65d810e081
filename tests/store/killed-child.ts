import { FsDriver } from '../../src/drivers/fs/index.js'
import { S3Driver } from '../../src/drivers/s3/index.js'
import { HybridStore } from '../../src/index.js'
import { pattern } from './pattern.js'

/** Run by killed.test.ts, which kills it: puts while nothing listens where S3 should be, and says what was accepted. */
const [, , root = ''] = process.argv
const credentials = { accessKeyId: 'a', secretAccessKey: 'b' }
const s3 = new S3Driver({
  bucket: 'a-bucket',
  region: 'us-east-1',
  endpoint: 'http://127.0.0.1:1',
  credentials,
  maxAttempts: 1,
})
const store = new HybridStore({
  drivers: { s3, local: new FsDriver({ root }) },
  fallback: { s3: 'local' },
  logger: false,
})
for (let i = 0; ; i++) {
  const { key, path, size, etag } = await store.put(`k${i % 7}`, pattern(i, 1000 + ((i * 40_009) % 150_000)))
  process.stdout.write(`${JSON.stringify({ i, key, path, size, etag })}\n`)
}

import { execFile } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { promisify } from 'node:util'
import {
  AbortMultipartUploadCommand,
  CreateBucketCommand,
  DeleteBucketCommand,
  DeleteObjectCommand,
  ListMultipartUploadsCommand,
  ListObjectsV2Command,
  S3Client,
} from '@aws-sdk/client-s3'
import { cephScript, type S3Settings } from './s3.js'

/** A bucket of a test's own, with a plain SDK client to look behind the driver's back. */
export interface TestBucket {
  readonly name: string
  readonly client: S3Client
  /** Keys that are in the bucket, internals and all. */
  keys(): Promise<string[]>
  /** Multipart uploads that nobody completed or aborted. */
  openUploads(): Promise<{ readonly key: string; readonly uploadId: string }[]>
  /** Throws unless all multipart uploads are gone within `wait` ms: a server may take a moment to forget an aborted one. */
  assertNoOpenUploads(wait?: number): Promise<void>
  /** Deletes the bucket and what is in it. */
  remove(): Promise<void>
}

export async function createBucket(settings: S3Settings, label = 'test'): Promise<TestBucket> {
  const name = `hs-${label}-${randomBytes(5).toString('hex')}`
  const client = new S3Client({
    endpoint: settings.endpoint,
    region: settings.region,
    credentials: settings.credentials,
    forcePathStyle: true,
    requestChecksumCalculation: 'WHEN_REQUIRED',
    responseChecksumValidation: 'WHEN_REQUIRED',
  })
  await client.send(new CreateBucketCommand({ Bucket: name }))

  async function keys(): Promise<string[]> {
    const found: string[] = []
    let token: string | undefined
    do {
      const page = await client.send(new ListObjectsV2Command({ Bucket: name, ContinuationToken: token }))
      for (const { Key } of page.Contents ?? []) if (Key !== undefined) found.push(Key)
      token = page.IsTruncated ? page.NextContinuationToken : undefined
    } while (token !== undefined)
    return found
  }

  async function openUploads() {
    const { Uploads = [] } = await client.send(new ListMultipartUploadsCommand({ Bucket: name }))
    return Uploads.map(({ Key = '', UploadId = '' }) => ({ key: Key, uploadId: UploadId }))
  }

  async function assertNoOpenUploads(wait = 3000): Promise<void> {
    const end = Date.now() + wait
    for (;;) {
      const open = await openUploads()
      if (open.length === 0) return
      if (Date.now() > end) throw new Error(`open multipart uploads: ${open.map(({ key }) => key).join(', ')}`)
      await new Promise((resolve) => setTimeout(resolve, 20))
    }
  }

  async function remove(): Promise<void> {
    for (const { key, uploadId } of await openUploads()) {
      await client.send(new AbortMultipartUploadCommand({ Bucket: name, Key: key, UploadId: uploadId }))
    }
    for (const key of await keys()) await client.send(new DeleteObjectCommand({ Bucket: name, Key: key }))
    await client.send(new DeleteBucketCommand({ Bucket: name }))
    client.destroy()
  }

  return { name, client, keys, openUploads, assertNoOpenUploads, remove }
}

/** Another user of the Ceph cluster, who owns nothing and may do nothing until a bucket policy says so. */
export async function createCephUser(settings: S3Settings, uid: string): Promise<S3Settings> {
  const credentials = { accessKeyId: `${uid}-access`, secretAccessKey: `${uid}-secret-0123456789` }
  const { accessKeyId, secretAccessKey } = credentials
  const identity = [`--uid=${uid}`, `--display-name=${uid}`]
  const keys = [`--access-key=${accessKeyId}`, `--secret-key=${secretAccessKey}`]
  await promisify(execFile)('bash', [cephScript, 'admin', 'user', 'create', ...identity, ...keys], {
    env: { ...process.env, CEPH_DIR: settings.cephDir },
  })
  return { ...settings, credentials }
}

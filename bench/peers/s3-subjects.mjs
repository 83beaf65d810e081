// The clients of S3. Each opens with `{ endpoint, bucket, region, credentials }` and answers with what it can do; `bytes`
// reads a blob to its end, `stream` gives one to read.
import { Readable } from 'node:stream'

/** Checksums as the SDK computes them by default, and only where S3 asks for them. */
async function sdk({ endpoint, bucket, region, credentials }, checksums) {
  const s3 = await import('@aws-sdk/client-s3')
  const { Upload } = await import('@aws-sdk/lib-storage')
  const client = new s3.S3Client({
    endpoint,
    region,
    credentials,
    forcePathStyle: true,
    requestChecksumCalculation: checksums,
    responseChecksumValidation: checksums,
  })
  const Bucket = bucket
  return {
    get: async (Key) => (await client.send(new s3.GetObjectCommand({ Bucket, Key }))).Body.transformToByteArray(),
    put: (Key, Body) => client.send(new s3.PutObjectCommand({ Bucket, Key, Body })),
    head: (Key) => client.send(new s3.HeadObjectCommand({ Bucket, Key })),
    delete: (Key) => client.send(new s3.DeleteObjectCommand({ Bucket, Key })),
    stream: async (Key) => (await client.send(new s3.GetObjectCommand({ Bucket, Key }))).Body,
    putStream: (Key, Body) => {
      return new Upload({ client, params: { Bucket, Key, Body }, partSize: 8 * 1024 * 1024, queueSize: 4 }).done()
    },
    list: async () => {
      let count = 0
      for await (const { Contents } of s3.paginateListObjectsV2({ client }, { Bucket })) count += Contents.length
      return count
    },
  }
}

async function driver(settings, more = {}) {
  const { S3Driver } = await import('../../dist/s3.js')
  return new S3Driver({ ...settings, forcePathStyle: true, ...more })
}

async function count(entries) {
  let counted = 0
  for await (const _ of entries) counted++
  return counted
}

/** A driver and a store have the same methods. */
const ours = (blobs) => ({
  get: async (key) => (await blobs.get(key)).bytes(),
  put: (key, body) => blobs.put(key, body),
  head: (key) => blobs.head(key),
  delete: (key) => blobs.delete(key),
  stream: async (key) => (await blobs.get(key)).body,
  putStream: (key, body) => blobs.put(key, body),
  list: () => count(blobs.list()),
})

export const s3Subjects = {
  'hybrid-store, S3Driver': async (settings) => ours(await driver(settings)),
  'hybrid-store, HybridStore': async (settings) => {
    const { HybridStore } = await import('../../dist/index.js')
    return ours(new HybridStore({ drivers: { s3: await driver(settings) }, logger: false }))
  },
  'hybrid-store, transport sdk': async (settings) => ours(await driver(settings, { transport: 'sdk' })),
  'aws-sdk': (settings) => sdk(settings, 'WHEN_SUPPORTED'),
  'aws-sdk, checksums when required': (settings) => sdk(settings, 'WHEN_REQUIRED'),
  flydrive: async ({ endpoint, bucket, region, credentials }) => {
    const { S3Driver } = await import('flydrive/drivers/s3')
    const { Disk } = await import('flydrive')
    const options = {
      endpoint,
      bucket,
      region,
      credentials,
      forcePathStyle: true,
      visibility: 'private',
      supportsACL: false,
    }
    const disk = new Disk(new S3Driver(options))
    return {
      get: (key) => disk.getBytes(key),
      put: (key, body) => disk.put(key, body),
      head: (key) => disk.getMetaData(key),
      delete: (key) => disk.delete(key),
      stream: (key) => disk.getStream(key),
      putStream: (key, body, size) => disk.putStream(key, body, { contentLength: size }),
      list: async () => {
        let counted = 0
        let paginationToken
        do {
          const page = await disk.listAll('', { recursive: true, paginationToken })
          counted += [...page.objects].length
          paginationToken = page.paginationToken
        } while (paginationToken)
        return counted
      },
    }
  },
  'files-sdk': async ({ endpoint, bucket, region, credentials }) => {
    const { Files } = await import('files-sdk')
    const { s3 } = await import('files-sdk/s3')
    const files = new Files({ adapter: s3({ bucket, region, endpoint, credentials, forcePathStyle: true }) })
    return {
      get: async (key) => new Uint8Array(await (await files.download(key)).arrayBuffer()),
      put: (key, body) => files.upload(key, body),
      head: (key) => files.head(key),
      delete: (key) => files.delete(key),
      stream: async (key) => Readable.fromWeb((await files.download(key, { as: 'stream' })).stream()),
      putStream: (key, body) => files.upload(key, Readable.toWeb(body), { multipart: true }),
      list: () => count(files.listAll()),
    }
  },
  unstorage: async ({ endpoint, bucket, region, credentials }) => {
    const { createStorage } = await import('unstorage')
    const { default: s3 } = await import('unstorage/drivers/s3')
    const storage = createStorage({ driver: s3({ endpoint, bucket, region, ...credentials }) })
    return {
      get: async (key) => new Uint8Array(await storage.getItemRaw(key)),
      put: (key, body) => storage.setItemRaw(key, body),
      head: (key) => storage.getMeta(key),
      delete: (key) => storage.removeItem(key),
    }
  },
  'minio-js': async ({ endpoint, bucket, region, credentials }) => {
    const { Client } = await import('minio')
    const { hostname, port } = new URL(endpoint)
    const { accessKeyId: accessKey, secretAccessKey: secretKey } = credentials
    const client = new Client({ endPoint: hostname, port: Number(port), useSSL: false, region, accessKey, secretKey })
    const stream = (key) => client.getObject(bucket, key)
    return {
      get: async (key) => {
        const chunks = []
        for await (const chunk of await stream(key)) chunks.push(chunk)
        return Buffer.concat(chunks)
      },
      put: (key, body) => client.putObject(bucket, key, body),
      head: (key) => client.statObject(bucket, key),
      delete: (key) => client.removeObject(bucket, key),
      stream,
      putStream: (key, body, size) => client.putObject(bucket, key, body, size),
      list: () => count(client.listObjectsV2(bucket, '', true)),
    }
  },
  s3mini: async ({ endpoint, bucket, region, credentials }) => {
    const { S3mini } = await import('s3mini')
    const client = new S3mini({ endpoint: `${endpoint}/${bucket}`, region, ...credentials })
    return {
      get: async (key) => new Uint8Array(await client.getObjectArrayBuffer(key)),
      put: (key, body) => client.putObject(key, body),
      head: (key) => client.getContentLength(key),
      delete: (key) => client.deleteObject(key),
      stream: async (key) => Readable.fromWeb((await client.getObjectResponse(key)).body),
      putStream: (key, body) => client.putAnyObject(key, Readable.toWeb(body)),
      list: async () => (await client.listObjects('/', '', Number.MAX_SAFE_INTEGER)).length,
    }
  },
  'aws-lite': async ({ endpoint, bucket, region, credentials }) => {
    const { default: awsLite } = await import('@aws-lite/client')
    const plugin = await import('@aws-lite/s3')
    const { accessKeyId, secretAccessKey } = credentials
    const aws = await awsLite({ accessKeyId, secretAccessKey, region, endpoint, plugins: [plugin], keepAlive: true })
    const Bucket = bucket
    return {
      get: async (Key) => (await aws.S3.GetObject({ Bucket, Key, rawResponsePayload: true })).Body,
      head: (Key) => aws.S3.HeadObject({ Bucket, Key }),
      delete: (Key) => aws.S3.DeleteObject({ Bucket, Key }),
    }
  },
  aws4fetch: async ({ endpoint, bucket, region, credentials }) => {
    const { AwsClient } = await import('aws4fetch')
    const client = new AwsClient({ ...credentials, region, service: 's3' })
    const call = async (key, options) => {
      const response = await client.fetch(`${endpoint}/${bucket}/${key}`, options)
      if (!response.ok) throw new Error(`${options.method} answered ${response.status}`)
      return response
    }
    return {
      get: async (key) => new Uint8Array(await (await call(key, { method: 'GET' })).arrayBuffer()),
      put: (key, body) => call(key, { method: 'PUT', body }),
      head: (key) => call(key, { method: 'HEAD' }),
      delete: (key) => call(key, { method: 'DELETE' }),
    }
  },
  /** The floor: requests that nobody signs, over the pool that we use too. Only a server that looks at nothing takes them. */
  'undici, unsigned': async ({ endpoint, bucket }) => {
    const { Pool } = await import('undici')
    const pool = new Pool(endpoint, { connections: 64 })
    const call = async (method, key, body) => (await pool.request({ method, path: `/${bucket}/${key}`, body })).body
    return {
      get: async (key) => new Uint8Array(await (await call('GET', key)).arrayBuffer()),
      put: async (key, body) => (await call('PUT', key, body)).dump(),
      head: async (key) => (await call('HEAD', key)).dump(),
      delete: async (key) => (await call('DELETE', key)).dump(),
      stream: (key) => call('GET', key),
    }
  },
}

import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { inject } from 'vitest'
import type { BlobAttributes } from '../../src/driver/index.js'
import { FsDriver } from '../../src/drivers/fs/index.js'
import { S3Driver } from '../../src/drivers/s3/index.js'
import { HybridStore, prefixPaths } from '../../src/index.js'
import { createBucket, type TestBucket } from '../servers/bucket.js'

export const backends = ['s3', 'local'] as const
export type Backend = (typeof backends)[number]

/** The stand-in knows too little of HTTP to be compared with anything. */
export const realS3 = inject('s3').kind !== 'fauxqs'

/** Where the files of a backend lie: by its prefix a path tells where it belongs. */
export const folders: Readonly<Record<Backend, string>> = { s3: 'project_7/', local: 'uploads/' }

/** A file to be served. */
export interface Content extends BlobAttributes {
  readonly name: string
  readonly bytes: Buffer
}

/** The same, on a backend, with what a client learns of it. */
export interface ServedFile {
  readonly key: string
  readonly path: string
  readonly bytes: Buffer
  /** Quoted, as a header has it. */
  readonly etag: string
  readonly modified: Date
  /** As a header has it. */
  readonly lastModified: string
}

/** A store over real S3 and a real disk; the folder of a key says which of the two a blob goes to. */
export interface World {
  readonly store: HybridStore<'s3' | 'local', string>
  readonly root: string
  readonly bucket: TestBucket
  put(backend: Backend, content: Content): Promise<ServedFile>
  close(): Promise<void>
}

export async function openWorld(): Promise<World> {
  const settings = inject('s3')
  const bucket = await createBucket(settings, 'http')
  const root = await mkdtemp(join(tmpdir(), 'hybrid-store-http-'))
  const { endpoint, region, credentials } = settings
  const store = new HybridStore<'s3' | 'local', string>({
    drivers: {
      s3: new S3Driver({ bucket: bucket.name, endpoint, region, credentials }),
      local: new FsDriver({ root, durability: 'none' }),
    },
    paths: prefixPaths({ s3: ['project_'], local: ['uploads/', 'storage/'] }),
    policy: ({ key }) => (key.startsWith(folders.local) ? 'local' : 's3'),
    fallback: false,
    reconcile: false,
    logger: false,
  })
  return {
    store,
    root,
    bucket,
    put: async (backend, { name, bytes, ...attributes }) => {
      const { path } = await store.put(`${folders[backend]}${name}`, bytes, attributes)
      return servedFile(store, path, bytes)
    },
    close: async () => {
      await store.close()
      await bucket.remove()
      await rm(root, { recursive: true, force: true })
    },
  }
}

/** What the store, not the HTTP layer, says about a blob. */
export async function servedFile(
  store: Pick<World['store'], 'head'>,
  path: string,
  bytes: Buffer,
): Promise<ServedFile> {
  const { key, etag, lastModified } = await store.head(path)
  const modified = new Date(Math.floor(lastModified.getTime() / 1000) * 1000)
  return { key, path, bytes, etag: `"${etag}"`, modified, lastModified: modified.toUTCString() }
}

/** Waits until the second in which a file was written is over: only then is its date a strong validator. */
export async function secondIsOver({ modified }: ServedFile): Promise<void> {
  const left = () => modified.getTime() + 1000 - Date.now()
  while (left() > 0) await new Promise((resolve) => setTimeout(resolve, left()))
}

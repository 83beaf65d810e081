import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { inject } from 'vitest'
import { FsDriver } from '../../src/drivers/fs/index.js'
import { S3Driver } from '../../src/drivers/s3/index.js'
import { blobHref } from '../../src/http/index.js'
import { type BlobBody, HybridStore, type PutOptions, prefixPaths, type StoredBlob } from '../../src/index.js'
import { FaultyDriver } from '../../src/testing/index.js'
import { type AdapterName, type DeliveryOptions, type DeliveryServer, startDelivery } from '../http/servers.js'
import { createBucket } from '../servers/bucket.js'

/** Where a blob is kept: what is delivered must not differ by it. */
export type Home = 's3' | 'local'
export const homes: readonly Home[] = ['s3', 'local']

/** A store over the real S3 and a disk, and delivery servers in front of it. */
export interface Stage {
  readonly store: HybridStore<Home>
  /** Both can be made to fail. */
  readonly drivers: Readonly<Record<Home, FaultyDriver>>
  /** The folder where blobs of `local` lie. */
  readonly root: string
  put(home: Home, name: string, body: BlobBody, options?: PutOptions): Promise<StoredBlob<Home>>
  serve(adapter: AdapterName, options?: DeliveryOptions): Promise<DeliveryServer>
  /** Stops the servers and removes what was stored. */
  close(): Promise<void>
}

export interface StageOptions {
  /** The driver of the disk as it is, for what needs to know where its files are. */
  readonly plainLocal?: boolean
}

export async function openStage({ plainLocal = false }: StageOptions = {}): Promise<Stage> {
  const { region, endpoint, credentials } = inject('s3')
  const bucket = await createBucket(inject('s3'), 'clients')
  const root = await mkdtemp(join(tmpdir(), 'hybrid-store-'))
  const disk = new FsDriver({ root, durability: 'none' })
  const drivers = {
    s3: new FaultyDriver(new S3Driver({ bucket: bucket.name, endpoint, region, credentials })),
    local: new FaultyDriver(disk),
  }
  const store = new HybridStore<Home>({
    drivers: { s3: drivers.s3, local: plainLocal ? disk : drivers.local },
    policy: ({ key }) => (key.startsWith('project_') ? 's3' : 'local'),
    paths: prefixPaths({ s3: ['project_'], local: ['uploads/'] }),
    logger: false,
  })
  const servers: DeliveryServer[] = []
  return {
    store,
    drivers,
    root,
    put: (home, name, body, options) => store.put(`${folders[home]}${name}`, body, { ...options, driver: home }),
    async serve(adapter, options) {
      const server = await startDelivery(adapter, store, options)
      servers.push(server)
      return server
    },
    async close() {
      await Promise.all(servers.map((server) => server.stop()))
      await store.close()
      await Promise.all([bucket.remove(), rm(root, { recursive: true, force: true })])
    },
  }
}

const folders = { s3: 'project_7/', local: 'uploads/7/' } as const

/** Where a server delivers a blob inline. */
export function contentUrl(base: string, { path }: Pick<StoredBlob, 'path'>): string {
  return blobHref(`${base}/content`, path)
}

/** Where a server delivers a blob for saving. */
export function downloadUrl(base: string, { path }: Pick<StoredBlob, 'path'>): string {
  return blobHref(`${base}/download`, path)
}

/** An application that knows its documents by a number, and offers each under a name of its own. */
export class Offers {
  readonly #offers: { readonly path: string; readonly filename: string }[] = []

  /** For the routes. */
  readonly locate = ({ id }: { readonly id: string }) => this.#offers[Number(id)]

  /** Where a server with these offers delivers the blob for saving under this name. */
  downloadUrl(base: string, { path }: Pick<StoredBlob, 'path'>, filename: string): string {
    return `${base}/${this.#offers.push({ path, filename }) - 1}/download`
  }
}

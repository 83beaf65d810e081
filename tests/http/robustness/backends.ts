import { subscribe } from 'node:diagnostics_channel'
import { mkdtemp, rm } from 'node:fs/promises'
import type { ClientRequest } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { FsDriver } from '../../../src/drivers/fs/index.js'
import { S3Driver } from '../../../src/drivers/s3/index.js'
import { HybridStore } from '../../../src/index.js'
import { openFiles } from '../../../src/testing/index.js'
import { createBucket } from '../../servers/bucket.js'
import { type FaultProxy, startFaultProxy } from '../../servers/fault-proxy.js'
import type { S3Settings } from '../../servers/s3.js'
import { type Watch, watched } from './watched-driver.js'

export interface Backend {
  readonly name: 'fs' | 's3'
  readonly store: HybridStore<string, string>
  readonly watch: Watch
  /** Where the files are, with fs. */
  readonly root: string
  /** In front of S3. */
  readonly proxy?: FaultProxy | undefined
  /** What reads hold at this moment, a line each: files, requests to S3, readers. */
  held(): Promise<string[]>
  stop(): Promise<void>
}

export async function fsBackend(): Promise<Backend> {
  const root = await mkdtemp(join(tmpdir(), 'hybrid-store-http-'))
  const { driver, watch } = watched(new FsDriver({ root, durability: 'none' }))
  const store = new HybridStore<string, string>({ drivers: { local: driver }, logger: false })
  const held = async () => {
    const files = (await openFiles()).filter((path) => path.startsWith(root))
    return [...files.map((path) => `file ${path}`), ...readers(watch)]
  }
  const stop = async () => {
    await store.close()
    await rm(root, { recursive: true, force: true })
  }
  return { name: 'fs', store, watch, root, held, stop }
}

/** A bucket of its own; with `faults` behind a proxy that can make trouble. */
export async function s3Backend(settings: S3Settings, { faults = false } = {}): Promise<Backend> {
  const bucket = await createBucket(settings, 'http')
  const proxy = faults ? await startFaultProxy(settings.endpoint) : undefined
  const endpoint = proxy?.endpoint ?? settings.endpoint
  const { region, credentials } = settings
  const { driver, watch } = watched(new S3Driver({ bucket: bucket.name, endpoint, region, credentials }))
  const store = new HybridStore<string, string>({ drivers: { s3: driver }, logger: false })
  const held = async () => {
    const open = [...requests].filter((request) => request.getHeader('host') === new URL(endpoint).host)
    return [...open.map(({ path }) => `request ${path}`), ...readers(watch)]
  }
  const stop = async () => {
    await store.close()
    await proxy?.stop()
    await bucket.remove()
  }
  return { name: 's3', store, watch, root: '', proxy, held, stop }
}

/** Requests of this process that are not over: their answer is still to come, or its body is still open. */
const requests = new Set<ClientRequest>()
subscribe('http.client.request.start', (message) => {
  const { request } = message as { readonly request: ClientRequest }
  requests.add(request)
  request.once('close', () => requests.delete(request))
})

function readers({ open }: Watch): string[] {
  return open === 0 ? [] : [`${open} readers`]
}

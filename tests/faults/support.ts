import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { PutObjectCommand } from '@aws-sdk/client-s3'
import { inject } from 'vitest'
import { FsDriver } from '../../src/drivers/fs/index.js'
import { Connection } from '../../src/drivers/s3/connection.js'
import { FeatureProbe } from '../../src/drivers/s3/features.js'
import { S3Driver, type S3DriverOptions, type S3Features } from '../../src/drivers/s3/index.js'
import { checkOptions } from '../../src/drivers/s3/settings.js'
import { type FallbackSettings, HybridStore } from '../../src/index.js'
import { createBucket, type TestBucket } from '../servers/bucket.js'
import {
  type Fault as ArmedFault,
  type FaultProxy,
  type RecordedRequest,
  startFaultProxy,
} from '../servers/fault-proxy.js'
import { type LogLine, recordingLogger } from '../store/support.js'
import { bytesOf, type State } from './contents.js'
import type { Fault } from './faults.js'
import { hostName } from './names.js'
import type { Store } from './reading.js'

/** fauxqs knows no conditional writes, checks no signature and no hash, and lists no uploads. */
export const real = inject('s3').kind !== 'fauxqs'

/** One bucket for all cases of a file, which have a folder each. */
export interface Range {
  readonly bucket: TestBucket
  readonly features: S3Features
  /** Puts the blobs that are on S3 before a case begins, all of them, and waits until S3's clock has moved on. */
  seed(cases: readonly { readonly folder: string; readonly state: State }[]): Promise<void>
  close(): Promise<void>
}

export async function openRange(): Promise<Range> {
  const settings = inject('s3')
  const bucket = await createBucket(settings, 'faults')
  const { endpoint, region, credentials } = settings
  const options = { bucket: bucket.name, endpoint, region, credentials }
  const connection = new Connection(checkOptions(options), options)
  const features = await new FeatureProbe(connection, () => {}).features()
  await connection.close()
  return {
    bucket,
    features,
    async seed(cases) {
      const seeds = cases.flatMap(({ folder, state }) =>
        onS3(state).map(([key, content]) => ({ folder, key, content })),
      )
      const queue = seeds.values()
      const work = async () => {
        for (const { folder, key, content } of queue) {
          const attributes = { ContentType: 'text/x-fault', Metadata: { note: content.note } }
          const target = { Bucket: bucket.name, Key: `${folder}/${key}` }
          await bucket.client.send(new PutObjectCommand({ ...target, Body: bytesOf(content), ...attributes }))
        }
      }
      await Promise.all(Array.from({ length: 8 }, work))
      await clockOf(endpoint, await clockOf(endpoint, 0))
    },
    close: () => bucket.remove(),
  }
}

/** Puts the blobs of a state that are on S3, by the plain SDK. */
export async function putToBucket({ client, name }: TestBucket, folder: string, state: State): Promise<void> {
  for (const [key, content] of onS3(state)) {
    const attributes = { ContentType: 'text/x-fault', Metadata: { note: content.note } }
    const target = { Bucket: name, Key: `${folder}/${key}` }
    await client.send(new PutObjectCommand({ ...target, Body: bytesOf(content), ...attributes }))
  }
}

function onS3(state: State) {
  return Object.entries(state).flatMap(([key, { home, content }]) => (home === 's3' ? [[key, content] as const] : []))
}

/** The server's time in milliseconds, to the second, once it is later than `after`. */
async function clockOf(endpoint: string, after: number): Promise<number> {
  for (;;) {
    const answer = await fetch(endpoint, { method: 'HEAD' })
    const now = Date.parse(answer.headers.get('date') ?? '')
    if (!(now <= after)) return now
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
}

export interface WorldOptions {
  readonly range: Range
  /** The folder of the bucket, and this case's name on disk. */
  readonly folder: string
  /** Short timeouts, so that a fault that is noticed by waiting costs about a second. */
  readonly hangs?: boolean | undefined
  /** S3 is reached by a host name, which may be lost. */
  readonly named?: boolean | undefined
  readonly fallback?: FallbackSettings | undefined
  readonly s3?: Partial<S3DriverOptions> | undefined
}

/** A store over a disk and a folder of the bucket, with a proxy of its own between it and S3. */
export interface World {
  readonly store: Store
  readonly driver: S3Driver
  readonly root: string
  readonly folder: string
  readonly bucket: TestBucket
  readonly proxy: FaultProxy
  readonly lines: readonly LogLine[]
  /** Another store over the same disk and the same S3, as another process would have it. */
  another(options?: Partial<S3DriverOptions>): Store
  strike(fault: Fault, options?: StrikeOptions): Promise<Struck>
  /** Work that is done while nobody listens at S3's address. */
  whileDown(work: () => Promise<unknown>): Promise<void>
  close(): Promise<void>
}

export interface StrikeOptions {
  /** How many requests; all by default. */
  readonly times?: number | undefined
  /** It begins with this request. */
  readonly from?: ((request: RecordedRequest) => boolean) | undefined
}

export interface Struck {
  /** What the proxy was told, where the fault is the proxy's. */
  readonly armed: ArmedFault | undefined
  heal(): Promise<void>
}

/** Milliseconds that a record is kept after its request was sent and never answered. */
export const GRACE = 400

const patient = { timeouts: { connect: 5_000, response: 15_000, idle: 15_000 }, within: 20_000 }
const hasty = { timeouts: { connect: 400, response: 500, idle: 500 }, within: 800 }

export async function openWorld({ range, folder, hangs, named, fallback, s3 }: WorldOptions): Promise<World> {
  const { region, credentials, endpoint } = inject('s3')
  const root = await mkdtemp(join(tmpdir(), 'hybrid-store-faults-'))
  const proxy = await startFaultProxy(endpoint)
  const name = named ? hostName() : undefined
  const { timeouts, within } = hangs ? hasty : patient
  const { logger, lines } = recordingLogger()
  const stores: Store[] = []
  const drivers: S3Driver[] = []
  const make = (changes: Partial<S3DriverOptions> = {}) => {
    const url = new URL(proxy.endpoint)
    if (name) url.hostname = name.host
    const driver = new S3Driver({
      bucket: range.bucket.name,
      endpoint: url.origin,
      prefix: folder,
      region,
      credentials,
      maxAttempts: 2,
      features: range.features,
      timeouts,
      ...s3,
      ...changes,
    })
    const store = new HybridStore<'s3' | 'local', string>({
      drivers: { s3: driver, local: new FsDriver({ root, durability: 'none' }) },
      policy: () => 's3',
      fallback: { s3: 'local', within, grace: GRACE, circuit: false, ...fallback },
      reconcile: false,
      logger,
    })
    stores.push(store)
    drivers.push(driver)
    return store
  }
  const lose = async () => {
    name?.lose()
    // A connection that stands needs no name.
    await proxy.down()
    await proxy.up()
  }

  const store = make()
  return {
    store,
    driver: drivers[0] as S3Driver,
    another: make,
    root,
    folder,
    bucket: range.bucket,
    proxy,
    lines,
    async strike({ how, on }, { times = Number.POSITIVE_INFINITY, from } = {}) {
      if (how === 'refused' && !from) await proxy.down()
      if (how === 'unresolved' && !from) await lose()
      let begun = from === undefined
      const when = (request: RecordedRequest) => {
        const begins = !begun && from?.(request)
        begun ||= begins === true
        if (begins && how === 'refused') void proxy.down()
        if (begins && how === 'unresolved') void lose()
        return begun && isMeant(on, request)
      }
      const kind = typeof how === 'string' ? ({ kind: 'reset' } as const) : how
      const armed = typeof how === 'string' && !from ? undefined : proxy.fail(kind, { when, times })
      return {
        armed,
        async heal() {
          armed?.remove()
          name?.restore()
          await proxy.up()
        },
      }
    },
    async whileDown(work) {
      await proxy.down()
      await work()
      await proxy.up()
    },
    async close() {
      // A call that hangs ends with its connection.
      await proxy.stop()
      for (const store of stores) await store.close()
      name?.release()
      await rm(root, { recursive: true, force: true })
    },
  }
}

function isMeant(on: Fault['on'], { method, url }: RecordedRequest): boolean {
  // What is not about one blob has a question in its query.
  if (on === 'objects') return method === 'GET' && !/[?&](acl|list-type|uploads)\b/.test(url)
  if (on === 'changes') return method !== 'GET' && method !== 'HEAD'
  return on === 'all' || method !== 'HEAD'
}

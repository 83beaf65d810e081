import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import type { StoredBlob } from '../../src/index.js'
import type { DeliveryServer } from '../http/servers.js'
import { patternHash, patternStream } from '../store/support.js'
import { type Gateway, startGateway } from './gateway.js'
import { needs } from './programs.js'
import { filesIn, run, scratch } from './run.js'
import { contentUrl, type Home, homes, Offers, openStage, type Stage } from './stage.js'

const MiB = 1024 * 1024
const size = 32 * MiB

let stage: Stage
let server: DeliveryServer
let gateway: Gateway
let hash: string
const blobs = {} as Record<Home, StoredBlob>

beforeAll(async () => {
  stage = await openStage()
  hash = patternHash(size)
  for (const home of homes) blobs[home] = await stage.put(home, 'film.bin', patternStream(size), { size })
  server = await stage.serve('fastify')
  gateway = await startGateway(server.url)
})
afterAll(async () => {
  await gateway?.stop()
  await stage?.close()
})
beforeEach(needs('aria2c'))
beforeEach(() => {
  gateway.exchanges.length = 0
})

/** Four connections, each of which takes a quarter of the file. */
const aria2c = (cwd: string, ...args: readonly string[]) => {
  const fixed = ['--no-conf', '--quiet', '--max-tries=3', '--timeout=20', '--file-allocation=none']
  return run('aria2c', [...fixed, '-x4', '-s4', '-k1M', ...args], { cwd })
}

describe.each(homes)('aria2 and a blob on %s', (home) => {
  test('four connections put it together', async () => {
    const cwd = await scratch()
    expect(await aria2c(cwd, contentUrl(gateway.url, blobs[home]))).toMatchObject({ code: 0 })
    expect(await filesIn(cwd)).toEqual({ 'film.bin': hash })
    const parts = gateway.exchanges.filter(({ status }) => status === 206)
    const starts = parts.map(({ answer }) => Number(/^bytes (\d+)-/.exec(answer['content-range'] ?? '')?.[1]))
    // A connection that is done early takes a share of what is left to another one.
    expect(starts).toEqual(expect.arrayContaining([8 * MiB, 16 * MiB, 24 * MiB]))
    expect(gateway.exchanges.length).toBeGreaterThanOrEqual(4)
  })

  test('a part whose source is cut is fetched again', async () => {
    const cwd = await scratch()
    stage.drivers[home].fail('get', 'UNAVAILABLE', 1, { afterBytes: MiB })
    // Without the gateway, which would hide how the connection ended.
    expect(await aria2c(cwd, contentUrl(server.url, blobs[home]))).toMatchObject({ code: 0 })
    expect(await filesIn(cwd)).toEqual({ 'film.bin': hash })
  })

  test('saves it under the name it is offered', async () => {
    const cwd = await scratch()
    const offers = new Offers()
    const { url } = await stage.serve('fastify', { locate: offers.locate })
    const saved = await aria2c(cwd, offers.downloadUrl(url, blobs[home], '日本語 資料.pdf'))
    expect(saved).toMatchObject({ code: 0 })
    expect(await filesIn(cwd)).toEqual({ '日本語 資料.pdf': hash })
  })
})

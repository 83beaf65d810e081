import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import type { StoredBlob } from '../../src/index.js'
import type { DeliveryServer } from '../http/servers.js'
import { pattern } from '../store/pattern.js'
import { type Gateway, startGateway } from './gateway.js'
import { needs } from './programs.js'
import { filesIn, run, scratch, sha256 } from './run.js'
import { contentUrl, type Home, homes, Offers, openStage, type Stage } from './stage.js'

const MiB = 1024 * 1024
const bytes = pattern(0, 3 * MiB)
const hash = sha256(bytes)

let stage: Stage
let server: DeliveryServer
let gateway: Gateway
let offering: DeliveryServer
const offers = new Offers()
const blobs = {} as Record<Home, StoredBlob>

beforeAll(async () => {
  stage = await openStage()
  for (const home of homes) blobs[home] = await stage.put(home, 'report.bin', bytes)
  server = await stage.serve('express5')
  offering = await stage.serve('express5', { locate: offers.locate })
  gateway = await startGateway(server.url)
})
afterAll(async () => {
  await gateway?.stop()
  await stage?.close()
})
beforeEach(needs('wget'))
beforeEach(() => {
  gateway.exchanges.length = 0
})

const wget = (cwd: string, ...args: readonly string[]) =>
  run('wget', ['-nv', '--tries=3', '--waitretry=0', '--timeout=20', ...args], { cwd })
const asked = () => gateway.exchanges.map(({ status, headers }) => ({ status, range: headers.range }))

describe.each(homes)('wget and a blob on %s', (home) => {
  test('-c takes up half a file where it ends', async () => {
    const cwd = await scratch()
    await writeFile(join(cwd, 'report.bin'), bytes.subarray(0, MiB))
    expect(await wget(cwd, '-c', contentUrl(gateway.url, blobs[home]))).toMatchObject({ code: 0 })
    expect(asked()).toEqual([{ status: 206, range: `bytes=${MiB}-` }])
    expect(await filesIn(cwd)).toEqual({ 'report.bin': hash })
  })

  test('-c leaves a whole file as it is', async () => {
    const cwd = await scratch()
    await writeFile(join(cwd, 'report.bin'), bytes)
    expect(await wget(cwd, '-c', contentUrl(gateway.url, blobs[home]))).toMatchObject({ code: 0 })
    expect(asked()).toEqual([{ status: 416, range: `bytes=${bytes.length}-` }])
    expect(await filesIn(cwd)).toEqual({ 'report.bin': hash })
  })

  test('a source that is cut is asked for the rest', async () => {
    const cwd = await scratch()
    stage.drivers[home].fail('get', 'UNAVAILABLE', 1, { afterBytes: MiB })
    // Without the gateway, which would hide how the connection ended.
    expect(await wget(cwd, contentUrl(server.url, blobs[home]))).toMatchObject({ code: 0 })
    expect(await filesIn(cwd)).toEqual({ 'report.bin': hash })
  })

  test('-N does not fetch it again', async () => {
    const cwd = await scratch()
    const url = contentUrl(gateway.url, blobs[home])
    expect(await wget(cwd, '-N', url)).toMatchObject({ code: 0 })
    expect(await wget(cwd, '-N', url)).toMatchObject({ code: 0 })
    expect(asked().map(({ status }) => status)).toEqual([200, 304])
    expect(await filesIn(cwd)).toEqual({ 'report.bin': hash })
  })

  test.each(['plain.pdf', 'two words.pdf', 'Größe März.pdf', '日本語 資料.pdf'])(
    '--content-disposition saves it as %s',
    async (name) => {
      const cwd = await scratch()
      const saved = await wget(cwd, '--content-disposition', offers.downloadUrl(offering.url, blobs[home], name))
      expect(saved).toMatchObject({ code: 0 })
      expect(await filesIn(cwd)).toEqual({ [name]: hash })
    },
  )
})

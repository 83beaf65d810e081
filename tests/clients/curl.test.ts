import { readFile, stat, truncate, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, beforeEach, describe, expect, onTestFinished, test, vi } from 'vitest'
import type { StoredBlob } from '../../src/index.js'
import { adapters, type DeliveryServer } from '../http/servers.js'
import { pattern } from '../store/pattern.js'
import { curl } from './curl.js'
import { needs } from './programs.js'
import { filesIn, scratch, sha256 } from './run.js'
import { contentUrl, downloadUrl, type Home, homes, Offers, openStage, type Stage } from './stage.js'

const MiB = 1024 * 1024
const bytes = pattern(0, 3 * MiB)
const hash = sha256(bytes)

let stage: Stage
const blobs = {} as Record<Home, StoredBlob>

beforeAll(async () => {
  stage = await openStage()
  for (const home of homes) blobs[home] = await stage.put(home, 'report 2026.bin', bytes)
})
afterAll(() => stage?.close())
beforeEach(needs('curl'))

/** The next body that is read breaks off after 1 MiB; Hono's server for Node tells the console of it. */
function cutNextRead(home: Home): void {
  stage.drivers[home].fail('get', 'UNAVAILABLE', 1, { afterBytes: MiB })
  const silenced = vi.spyOn(console, 'error').mockImplementation(() => {})
  onTestFinished(() => silenced.mockRestore())
}

describe.each(adapters)('curl and the %s adapter', (adapter) => {
  let server: DeliveryServer
  const offers = new Offers()
  let offering: DeliveryServer
  beforeAll(async () => {
    server = await stage.serve(adapter)
    offering = await stage.serve(adapter, { locate: offers.locate })
  })

  describe.each(homes)('a blob on %s', (home) => {
    const url = () => contentUrl(server.url, blobs[home])

    test('arrives whole', async () => {
      const cwd = await scratch()
      expect(await curl(cwd, '-o', 'whole', url())).toMatchObject({ code: 0, status: 200, bytes: bytes.length })
      expect(await curl(cwd, '--http1.0', '-o', 'old', url())).toMatchObject({ code: 0, status: 200 })
      expect(await filesIn(cwd)).toEqual({ whole: hash, old: hash })
    })

    test('HEAD says its length and sends nothing', async () => {
      const cwd = await scratch()
      expect(await curl(cwd, '--head', '-o', 'fields', url())).toMatchObject({ code: 0, status: 200 })
      expect(await readFile(join(cwd, 'fields'), 'utf8')).toMatch(
        new RegExp(`^content-length: ${bytes.length}\r$`, 'im'),
      )
    })

    test('-C - takes up half a file where it ends', async () => {
      const cwd = await scratch()
      await writeFile(join(cwd, 'file'), bytes.subarray(0, 1.5 * MiB))
      const resumed = await curl(cwd, '-C', '-', '-o', 'file', url())
      expect(resumed).toMatchObject({ code: 0, status: 206, bytes: 1.5 * MiB })
      expect(await filesIn(cwd)).toEqual({ file: hash })
    })

    test('-C - leaves a whole file as it is', async () => {
      const cwd = await scratch()
      await writeFile(join(cwd, 'file'), bytes)
      expect(await curl(cwd, '-C', '-', '-o', 'file', url())).toMatchObject({ code: 0, status: 416 })
      expect(await filesIn(cwd)).toEqual({ file: hash })
    })

    test('-z does not fetch it again', async () => {
      const cwd = await scratch()
      expect(await curl(cwd, '-R', '-o', 'file', url())).toMatchObject({ code: 0, status: 200 })
      const before = await stat(join(cwd, 'file'))
      expect(before.mtimeMs).toBe(Math.floor(blobs[home].lastModified.getTime() / 1000) * 1000)
      expect(await curl(cwd, '-z', 'file', '-o', 'file', url())).toMatchObject({ code: 0, status: 304, bytes: 0 })
      expect(await filesIn(cwd)).toEqual({ file: hash })
      const since = ['-z', 'Thu, 01 Jan 2015 00:00:00 GMT']
      expect(await curl(cwd, ...since, '-o', 'file', url())).toMatchObject({
        code: 0,
        status: 200,
        bytes: bytes.length,
      })
    })

    test('--etag-compare fetches it once for each version', async () => {
      const cwd = await scratch()
      const name = `versions-${adapter}.txt`
      const blob = await stage.put(home, name, 'the first version')
      const fetch = () =>
        curl(cwd, '--etag-compare', 'etag', '--etag-save', 'etag', '-o', 'file', contentUrl(server.url, blob))
      expect(await fetch()).toMatchObject({ code: 0, status: 200 })
      expect(await readFile(join(cwd, 'etag'), 'utf8')).toBe(`"${blob.etag}"\n`)
      expect(await fetch()).toMatchObject({ code: 0, status: 304, bytes: 0 })
      expect(await readFile(join(cwd, 'file'), 'utf8')).toBe('the first version')
      await stage.put(home, name, 'the second version')
      expect(await fetch()).toMatchObject({ code: 0, status: 200 })
      expect(await readFile(join(cwd, 'file'), 'utf8')).toBe('the second version')
    })

    test('exit status 18 says that the source was cut, and the next request is served', async () => {
      const cwd = await scratch()
      cutNextRead(home)
      const cut = await curl(cwd, '-o', 'file', url())
      expect(cut).toMatchObject({ code: 18, status: 200 })
      expect(cut.bytes).toBeLessThanOrEqual(MiB)
      // At once: Node closes a connection of which nothing more comes after 5 seconds.
      expect(cut.seconds).toBeLessThan(4)
      const part = await readFile(join(cwd, 'file'))
      expect(part.equals(bytes.subarray(0, part.length))).toBe(true)
      expect(await curl(cwd, '-C', '-', '-o', 'file', url())).toMatchObject({ code: 0 })
      expect(await filesIn(cwd)).toEqual({ file: hash })
    })

    test('exit status 18 says that a range was cut', async () => {
      const cwd = await scratch()
      await writeFile(join(cwd, 'file'), bytes)
      await truncate(join(cwd, 'file'), MiB / 2)
      cutNextRead(home)
      expect(await curl(cwd, '-C', '-', '-o', 'file', url())).toMatchObject({ code: 18, status: 206 })
      const part = await readFile(join(cwd, 'file'))
      expect(part.equals(bytes.subarray(0, part.length))).toBe(true)
    })

    test('-OJ saves it under its own name', async () => {
      const cwd = await scratch()
      const { code, file } = await curl(cwd, '-OJ', downloadUrl(server.url, blobs[home]))
      expect({ code, file }).toEqual({ code: 0, file: 'report 2026.bin' })
      expect(await filesIn(cwd)).toEqual({ 'report 2026.bin': hash })
    })

    test.each([
      ['plain.pdf', /^plain\.pdf$/],
      ['a; b, c=d.pdf', /^a; b, c=d\.pdf$/],
      ['say "hi".pdf', /^say [ -~]hi[ -~]\.pdf$/],
      ['Größe März.pdf', /^Gr[ -~]+e M[ -~]rz\.pdf$/],
      ['日本語 資料.pdf', /^[ -~]+\.pdf$/],
      ['../../etc/passwd', /^[ -.0-~]+$/],
    ])('-OJ saves it under a name like %s', async (offered, saved) => {
      const cwd = await scratch()
      const { code } = await curl(cwd, '-OJ', offers.downloadUrl(offering.url, blobs[home], offered))
      const [[name, sum] = [], ...others] = Object.entries(await filesIn(cwd))
      expect({ code, sum, others }).toEqual({ code: 0, sum: hash, others: [] })
      expect(name).toMatch(saved)
      // Neither a separator, nor a quote, nor an escape that some system would read otherwise.
      expect(name).not.toMatch(/["\\/?*]|%[0-9a-f]{2}/i)
    })
  })
})

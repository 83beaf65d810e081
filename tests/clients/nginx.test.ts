import { once } from 'node:events'
import { readFile, writeFile } from 'node:fs/promises'
import { type IncomingHttpHeaders, type IncomingMessage, type RequestOptions, request } from 'node:http'
import { join } from 'node:path'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import type { StoredBlob } from '../../src/index.js'
import type { DeliveryServer } from '../http/servers.js'
import { pattern } from '../store/pattern.js'
import { curl } from './curl.js'
import { type Gateway, startGateway } from './gateway.js'
import { type Nginx, startNginx } from './nginx.js'
import { has, needs, type Program } from './programs.js'
import { filesIn, scratch, sha256 } from './run.js'
import { contentUrl, downloadUrl, type Home, homes, openStage, type Stage } from './stage.js'

const programs: readonly Program[] = ['nginx', 'curl']
const MiB = 1024 * 1024
const bytes = pattern(0, 3 * MiB)
const hash = sha256(bytes)
const accel = { header: 'X-Accel-Redirect', prefix: '/internal/' } as const
const headers = { 'cross-origin-resource-policy': 'same-site', vary: 'Origin' }

let stage: Stage
/** The same without nginx, which says what must come out in front of it. */
let plain: DeliveryServer
/** What the application has answered to nginx. */
let application: Gateway
let nginx: Nginx
const blobs = {} as Record<Home, StoredBlob>

beforeAll(async () => {
  if (!has(...programs)) return
  stage = await openStage({ plainLocal: true })
  for (const home of homes) blobs[home] = await stage.put(home, 'report 2026.bin', bytes)
  plain = await stage.serve('express5', { headers })
  application = await startGateway((await stage.serve('express5', { headers, accel })).url)
  nginx = await startNginx({ application: application.url, root: stage.root })
})
afterAll(async () => {
  await nginx?.stop()
  await application?.stop()
  await stage?.close()
})
beforeEach(needs(...programs))
beforeEach(() => {
  application.exchanges.length = 0
})

/** All fields but those that name the moment and the server. Node's own client, which decodes nothing. */
async function fieldsOf(url: string, options: RequestOptions = {}): Promise<IncomingHttpHeaders> {
  const asking = request(url, { ...options, agent: false }).end()
  const [answer] = (await once(asking, 'response')) as [IncomingMessage]
  await once(answer.resume(), 'end')
  const { headers, statusCode } = answer
  const fields = { ...headers }
  for (const name of ['date', 'server', 'connection', 'x-powered-by']) delete fields[name]
  // Who sends a part has shown that there are some: nginx does not say it again.
  if (statusCode === 206) delete fields['accept-ranges']
  return fields
}

describe.each(homes)('a blob on %s behind nginx', (home) => {
  const url = () => contentUrl(nginx.url, blobs[home])

  test('arrives whole, in half and not at all, as without nginx', async () => {
    const cwd = await scratch()
    expect(await curl(cwd, '-R', '-o', 'whole', url())).toMatchObject({ code: 0, status: 200 })
    await writeFile(join(cwd, 'half'), bytes.subarray(0, MiB))
    expect(await curl(cwd, '-C', '-', '-o', 'half', url())).toMatchObject({ code: 0, status: 206, bytes: 2 * MiB })
    expect(await curl(cwd, '-z', 'whole', '-o', 'whole', url())).toMatchObject({ code: 0, status: 304, bytes: 0 })
    expect(await curl(cwd, '-C', '-', '-o', 'whole', url())).toMatchObject({ code: 0, status: 416 })
    expect(await filesIn(cwd)).toEqual({ whole: hash, half: hash })
  })

  test('a range holds as long as its tag does', async () => {
    const etag = (await fetch(url(), { method: 'HEAD' })).headers.get('etag') ?? ''
    const part = (tag: string) => fetch(url(), { headers: { range: 'bytes=10-19', 'if-range': tag } })
    const same = await part(etag)
    expect(same.status).toBe(206)
    expect(Buffer.from(await same.arrayBuffer()).equals(bytes.subarray(10, 20))).toBe(true)
    const other = await part('"another"')
    expect(other.status).toBe(200)
    expect((await other.arrayBuffer()).byteLength).toBe(bytes.length)
  })

  test('two versions of one second are told apart', async () => {
    const blob = await stage.put(home, 'quick.txt', 'aaaa')
    const first = await fetch(contentUrl(nginx.url, blob))
    const [etag, a] = [first.headers.get('etag') ?? '', await first.text()]
    await stage.put(home, 'quick.txt', 'bbbb')
    const asked = (headers: Record<string, string>) => fetch(contentUrl(nginx.url, blob), { headers })
    const [again, resumed] = [
      await asked({ 'if-none-match': etag }),
      await asked({ range: 'bytes=2-', 'if-range': etag }),
    ]
    expect([a, again.status, await again.text()]).toEqual(['aaaa', 200, 'bbbb'])
    expect([resumed.status, await resumed.text()]).toEqual([200, 'bbbb'])
    expect((await asked({ 'if-none-match': again.headers.get('etag') ?? '' })).status).toBe(304)
    expect((await asked({ 'if-match': etag })).status).toBe(412)
    expect((await asked({ 'if-match': again.headers.get('etag') ?? '' })).status).toBe(200)
  })

  test('its bytes go through the application only where they must', async () => {
    await fieldsOf(url())
    const [exchange, ...more] = application.exchanges
    expect(more).toEqual([])
    expect(exchange?.bytes).toBe(home === 's3' ? bytes.length : 0)
    expect('x-accel-redirect' in (exchange?.answer ?? {})).toBe(home === 'local')
  })

  test.each([
    ['inline', 'notes.txt', { contentType: 'text/plain', contentLanguage: 'de' }],
    ['attachment', 'page.html', { contentType: 'text/html' }],
    ['attachment', 'module.js', { contentType: 'text/javascript' }],
    ['inline', 'packed.json', { contentType: 'application/json', contentEncoding: 'gzip' }],
    ['attachment', 'untyped', {}],
  ])('says of it what is said without nginx: %s %s', async (disposition, name, options) => {
    const blob = await stage.put(home, name, '0123456789', options)
    for (const init of [{}, { method: 'HEAD' }, { headers: { range: 'bytes=2-5' } }]) {
      const expected = await fieldsOf(contentUrl(plain.url, blob), init)
      expect(expected['content-disposition']).toMatch(new RegExp(`^${disposition}`))
      expect(await fieldsOf(contentUrl(nginx.url, blob), init)).toEqual(expected)
    }
    const saved = await fieldsOf(downloadUrl(nginx.url, blob))
    expect(saved).toEqual(await fieldsOf(downloadUrl(plain.url, blob)))
    expect(saved).toMatchObject({ 'x-content-type-options': 'nosniff', 'content-security-policy': expect.any(String) })
  })

  test.each([
    'two words.txt',
    '50% off?.txt',
    '%41%2F%3F.txt',
    '日本語 資料.txt',
    'a+b&c=d;e,f@g.txt',
    `"it's" <here>|*:.txt`,
    'hash#tag.txt',
    '.hidden',
    'CON.txt',
    'ends in a dot.',
    ' spaces ',
    `${'long '.repeat(60)}.txt`,
    'clash',
    'clash/inside.txt',
  ])('has whatever name: %s', async (name) => {
    const blob = await stage.put(home, `names/${name}`, `the file ${name}`, { contentType: 'text/plain' })
    const response = await fetch(contentUrl(nginx.url, blob))
    expect(response.status).toBe(200)
    expect(await response.text()).toBe(`the file ${name}`)
  })

  test('that is not there is answered by the application', async () => {
    const missing = { path: `${blobs[home].path}.missing` }
    const response = await fetch(contentUrl(nginx.url, missing))
    expect(response.status).toBe(404)
    expect(response.headers.get('content-type')).toBe('application/problem+json')
  })
})

test('a body that is cut behind nginx is cut in front of it, too', async () => {
  const cwd = await scratch()
  stage.drivers.s3.fail('get', 'UNAVAILABLE', 1, { afterBytes: MiB })
  expect(await curl(cwd, '-o', 'file', contentUrl(nginx.url, blobs.s3))).toMatchObject({ code: 18, status: 200 })
  const part = await readFile(join(cwd, 'file'))
  expect(part.equals(bytes.subarray(0, part.length))).toBe(true)
})

describe('the files of the disk', () => {
  test.each([
    '/internal/uploads/7/report%202026.bin',
    '/internal/',
    '//internal/uploads/7/report%202026.bin',
    '/%69nternal/uploads/7/report%202026.bin',
    '/content/../internal/uploads/7/report%202026.bin',
    '/content/%2e%2e/internal/uploads/7/report%202026.bin',
  ])('are not reached from outside: %s', async (path) => {
    const cwd = await scratch()
    const asked = await curl(cwd, '--path-as-is', '-o', 'answer', '-H', `X-Accel-Redirect: ${path}`, nginx.url + path)
    expect(asked).toMatchObject({ code: 0, status: 404 })
    expect(await filesIn(cwd)).not.toMatchObject({ answer: hash })
    // Where it was the application that said so, it named no file.
    for (const { answer } of application.exchanges) expect(answer).not.toHaveProperty('x-accel-redirect')
  })

  test('are asked for by the application alone: who may not read one gets none', async () => {
    const refusing = await stage.serve('node', { accel, authorize: () => false })
    const front = await startNginx({ application: refusing.url, root: stage.root })
    try {
      expect((await fetch(contentUrl(front.url, blobs.local))).status).toBe(403)
    } finally {
      await front.stop()
    }
  })
})

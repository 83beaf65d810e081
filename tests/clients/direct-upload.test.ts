import { once } from 'node:events'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { PutBucketCorsCommand } from '@aws-sdk/client-s3'
import cors from 'cors'
import express from 'express'
import type { Browser, Page } from 'playwright-core'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { signedLinks } from '../../src/adapters/express/index.js'
import type { SignedUpload } from '../../src/driver/index.js'
import { hybrid } from '../http/linked.js'
import { onEnd } from '../store/support.js'
import { openTab, startChromium } from './browser.js'
import { has, needs } from './programs.js'
import { type Home, homes } from './stage.js'

let browser: Browser

beforeAll(async () => {
  if (has('chromium')) browser = await startChromium()
})
afterAll(() => browser?.close())
beforeEach(needs('chromium'))

async function listen(server: Server): Promise<string> {
  server.listen(0, '127.0.0.1')
  onEnd(() => {
    server.close()
    server.closeAllConnections()
  })
  await once(server, 'listening')
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

/** Runs in the page, as docs/http.md has it; a request that CORS does not let through has no answer. */
const send = `async ({ upload: { method, url, headers, fields }, body }) => {
  const file = new Blob([body])
  const form = new FormData()
  for (const name in fields ?? {}) form.append(name, fields[name])
  form.append('file', file, 'from a page.txt')
  try {
    const answer = await fetch(url, { method, headers, body: method === 'PUT' ? file : form })
    return { status: answer.status, etag: answer.headers.get('etag') }
  } catch (error) {
    return { error: error.name }
  }
}`

interface Sent {
  readonly status?: number
  readonly etag?: string | null
  readonly error?: string
}

/** A page of one origin, a store whose links lead to another one, and S3 on a third. */
async function scene(allowed: boolean) {
  const page: Page = await openTab(browser)
  const site = await listen(
    createServer((_req, res) => res.setHeader('content-type', 'text/html').end('<title>site</title>')),
  )
  const app = express()
  const world = await hybrid(`${await listen(createServer(app))}/files`)
  if (allowed) {
    app.use(cors({ origin: site, methods: ['PUT', 'POST'], exposedHeaders: ['ETag'] }))
    const CORSRules = [
      {
        AllowedOrigins: [site],
        AllowedMethods: ['PUT', 'POST'],
        AllowedHeaders: ['content-type', 'if-none-match'],
        ExposeHeaders: ['ETag'],
      },
    ]
    await world.bucket.client.send(
      new PutBucketCorsCommand({ Bucket: world.bucket.name, CORSConfiguration: { CORSRules } }),
    )
  }
  app.use('/files', signedLinks(world.store))
  await page.goto(site)
  return {
    store: world.store,
    fromPage: (upload: SignedUpload, body: string): Promise<Sent> =>
      page.evaluate(`(${send})(${JSON.stringify({ upload, body })})`),
  }
}

describe.each(homes)('Chromium uploads to %s', (home: Home) => {
  const key = 'project_7/ä b.txt'
  const contentType = 'text/plain'

  test('by itself what was signed, from a page of another origin', async () => {
    const { store, fromPage } = await scene(true)
    const sign = (more: object) => store.signUpload(key, { driver: home, contentType, size: 6, ...more })
    const put = await fromPage(await sign({ ifNoneMatch: '*' }), 'Grüße'.slice(0, 4))
    const { path, etag } = await store.confirmUpload(`${home}:${key}`, { contentType, size: 6, etag: put.etag ?? '' })
    expect(put).toEqual({ status: home === 's3' ? 200 : 201, etag: `"${etag}"` })
    expect(await (await store.get(path)).text()).toBe('Grüß')
    const form = await fromPage(await sign({ method: 'POST' }), 'second')
    expect(form).toMatchObject({ status: home === 's3' ? 204 : 200 })
    expect(await (await store.get(path)).text()).toBe('second')
  })

  test('nothing else: more, less, or onto what is there', async () => {
    const { store, fromPage } = await scene(true)
    const sign = (more: object) => store.signUpload(key, { driver: home, contentType, size: 5, ...more })
    for (const body of ['1234', '123456']) {
      for (const method of ['PUT', 'POST']) {
        const { status, error } = await fromPage(await sign({ method }), body)
        // Ceph refuses some of them without the fields of CORS, so that the page only learns that it failed.
        const refused = error === 'TypeError' ? home === 's3' : status !== undefined && status >= 400 && status < 500
        expect(refused, `${method} ${body}: ${status ?? error}`).toBe(true)
      }
    }
    expect(await store.exists(`${home}:${key}`)).toBe(false)
    const fresh = await sign({ ifNoneMatch: '*' })
    await fromPage(fresh, 'first')
    expect((await fromPage(fresh, 'again')).status).toBe(412)
    expect(await (await store.get(`${home}:${key}`)).text()).toBe('first')
  })

  test('only from where it is let in', async () => {
    const { store, fromPage } = await scene(false)
    const upload = await store.signUpload(key, { driver: home, contentType })
    expect(await fromPage(upload, 'x')).toEqual({ error: 'TypeError' })
    expect(await store.exists(`${home}:${key}`)).toBe(false)
  })
})

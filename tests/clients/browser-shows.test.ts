import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Browser, Page } from 'playwright-core'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import type { StoredBlob } from '../../src/index.js'
import type { DeliveryServer } from '../http/servers.js'
import { openTab, shareOf, startChromium } from './browser.js'
import { type Gateway, startGateway } from './gateway.js'
import { filmSeconds, makeFilm, makePdf, png } from './media.js'
import { has, needs, type Program } from './programs.js'
import { contentUrl, downloadUrl, type Home, homes, Offers, openStage, type Stage } from './stage.js'

const programs: readonly Program[] = ['chromium']
/** The pages of the application are on the origin of its files. */
const pages = { '/player': '<!doctype html><video muted preload="metadata"></video>' }
const magenta = { pdf: [0.8, 0.1, 0.6], screen: [204, 26, 153] } as const

let browser: Browser
let stage: Stage
let server: DeliveryServer
let gateway: Gateway
const pdf = makePdf(magenta.pdf)
const blobs = {} as Record<Home, { readonly pdf: StoredBlob; readonly png: StoredBlob; readonly text: StoredBlob }>

beforeAll(async () => {
  if (!has(...programs)) return
  ;[browser, stage] = await Promise.all([startChromium(), openStage()])
  for (const home of homes) {
    blobs[home] = {
      pdf: await stage.put(home, '日本語 資料.pdf', pdf),
      png: await stage.put(home, 'picture.png', png),
      text: await stage.put(home, 'Märchen.txt', 'Es war einmal <b>ein Ä</b>'),
    }
  }
  server = await stage.serve('express5')
  gateway = await startGateway(server.url, { pages })
})
afterAll(async () => {
  await browser?.close()
  await gateway?.stop()
  await stage?.close()
})
beforeEach(needs(...programs))
beforeEach(() => {
  gateway.exchanges.length = 0
})

/** Goes to an address that is saved and not shown; what is saved. */
async function saved(page: Page, url: string): Promise<{ readonly name: string; readonly bytes: Buffer }> {
  const [download] = await Promise.all([
    page.waitForEvent('download'),
    // To the navigation a download is a failure.
    page.goto(url).then(
      () => Promise.reject(new Error('It was shown.')),
      () => undefined,
    ),
  ])
  return { name: download.suggestedFilename(), bytes: await readFile(await download.path()) }
}

describe.each(homes)('Chromium and a blob on %s', (home) => {
  test('a PDF opens in the viewer, under the policy that lets it run nothing', async () => {
    const page = await openTab(browser)
    await page.goto(contentUrl(gateway.url, blobs[home].pdf))
    // The viewer hides the fields of the file from the page.
    expect(gateway.exchanges[0]?.answer).toMatchObject({
      'content-type': 'application/pdf',
      'content-security-policy': expect.stringMatching(/(^|; ?)sandbox(;|$)/),
      'x-content-type-options': 'nosniff',
    })
    await expect.poll(() => shareOf(page, magenta.screen), { timeout: 15_000, interval: 200 }).toBeGreaterThan(0.3)
  })

  test('a picture is shown', async () => {
    const page = await openTab(browser)
    await page.goto(contentUrl(gateway.url, blobs[home].png))
    const size = 'Array.from(document.images, (image) => [image.naturalWidth, image.naturalHeight])'
    expect(await page.evaluate(size)).toEqual([[3, 2]])
  })

  test('a text is shown as text', async () => {
    const page = await openTab(browser)
    await page.goto(contentUrl(gateway.url, blobs[home].text))
    expect(await page.locator('body').innerText()).toBe('Es war einmal <b>ein Ä</b>')
  })

  test('a download has the Japanese name of its key', async () => {
    const { name, bytes } = await saved(await openTab(browser), downloadUrl(gateway.url, blobs[home].pdf))
    expect(name).toBe('日本語 資料.pdf')
    expect(bytes.equals(pdf)).toBe(true)
  })
})

test.each([
  'plain.txt',
  'a; b, c=d.txt',
  'Größe “März” 100%.txt',
  "it's; filename=UTF-8''x.txt",
  '%41%e4.txt',
  '🎉 emoji.txt',
])('a download has the name it is offered: %s', async (offered) => {
  const offers = new Offers()
  const { url } = await stage.serve('node', { locate: offers.locate })
  const { name, bytes } = await saved(await openTab(browser), offers.downloadUrl(url, blobs.local.png, offered))
  expect(name).toBe(offered)
  expect(bytes.equals(png)).toBe(true)
})

describe('a video', () => {
  let folder: string
  let bytes: Uint8Array
  beforeAll(async () => {
    if (!has('ffmpeg', ...programs)) return
    folder = await mkdtemp(join(tmpdir(), 'hybrid-store-film-'))
    bytes = await makeFilm(folder)
  })
  afterAll(async () => {
    if (folder) await rm(folder, { recursive: true, force: true })
  })
  beforeEach(needs('ffmpeg'))

  test.each(homes)('on %s is played from where the user goes to', async (home) => {
    const film = await stage.put(home, 'film.mp4', bytes)
    const page = await openTab(browser)
    await page.goto(`${gateway.url}/player`)
    const [duration, currentTime, width] = await page.evaluate<number[]>(
      `(${seek})(${JSON.stringify({
        url: contentUrl(gateway.url, film),
        seconds: filmSeconds * 0.75,
      })})`,
    )
    expect({ duration, currentTime, width }).toEqual({ duration: filmSeconds, currentTime: 15, width: 640 })
    const asked = gateway.exchanges.filter(({ url }) => url.includes('film'))
    // Parts, or the word that a part which the browser has is still right: never the whole.
    for (const { status } of asked) expect([206, 304]).toContain(status)
    // The index at the end, and then what lies at three quarters.
    const starts = asked.map(({ headers }) => Number(/^bytes=(\d+)-/.exec(headers.range ?? '')?.[1]) / film.size)
    expect(starts.some((start) => start > 0.95)).toBe(true)
    expect(starts.some((start) => start > 0.6 && start < 0.8)).toBe(true)
  })
})

/** Runs in the browser: loads the video, goes to a place and waits until its picture is there. */
const seek = `async ({ url, seconds }) => {
  const video = document.querySelector('video')
  const once = (event) => new Promise((resolve, reject) => {
    video.addEventListener(event, resolve, { once: true })
    video.addEventListener('error', () => reject(new Error(video.error.message)), { once: true })
  })
  const loaded = once('loadedmetadata')
  video.src = url
  await loaded
  const sought = once('seeked')
  video.currentTime = seconds
  await sought
  return [video.duration, video.currentTime, video.videoWidth]
}`

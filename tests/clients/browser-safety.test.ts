import type { Browser, Page } from 'playwright-core'
import { afterAll, beforeAll, beforeEach, describe, expect, onTestFinished, test } from 'vitest'
import type { StoredBlob } from '../../src/index.js'
import type { DeliveryServer } from '../http/servers.js'
import { openTab, startChromium } from './browser.js'
import { type Gateway, startGateway } from './gateway.js'
import { disguised, documents, drawing, type HostileFile, scripts, style } from './hostile.js'
import { has, needs } from './programs.js'
import { contentUrl, type Home, homes, openStage, type Stage } from './stage.js'

/** A page of the site, on the origin of its files. It hears what files say to it. */
const site = `<!doctype html><title>site</title><body><script>
  const heard = []
  addEventListener('message', ({ data }) => heard.push(data))
  /** Puts an element into the page, and waits until it has loaded or has failed to. */
  const add = (name, attributes) => new Promise((resolve) => {
    const element = Object.assign(document.createElement(name), { onload: () => resolve('load'), onerror: () => resolve('error') })
    for (const attribute in attributes) element.setAttribute(attribute, attributes[attribute])
    document.body.append(element)
  })
  const work = (url) => new Promise((resolve) => {
    const worker = new Worker(url)
    worker.onerror = () => resolve('error')
  })
</script>`

let browser: Browser
let stage: Stage
let server: DeliveryServer
let page: Page
const blobs = new Map<string, StoredBlob>()
/** Scripts that said so to the server. */
const ran: string[] = []

beforeAll(async () => {
  if (!has('chromium')) return
  ;[browser, stage] = await Promise.all([startChromium(), openStage()])
  for (const home of homes) {
    for (const { name, body, contentType } of [...documents, ...disguised, ...scripts, style]) {
      blobs.set(`${home} ${name}`, await stage.put(home, name, body, { contentType }))
    }
  }
  server = await stage.serve('fastify')
})
afterAll(async () => {
  await browser?.close()
  await stage?.close()
})
beforeEach(needs('chromium'))
beforeEach(async () => {
  ran.length = 0
  page = await openTab(browser)
})

/** The site, which may leave out fields of the delivery's answers, to see what the others do. */
async function openSite(...without: readonly string[]): Promise<Gateway> {
  const gateway = await startGateway(server.url, { pages: { '/site': site }, onRan: (name) => ran.push(name), without })
  onTestFinished(() => gateway.stop())
  return gateway
}

const urlOf = ({ url }: Gateway, home: Home, { name }: HostileFile) => {
  return contentUrl(url, blobs.get(`${home} ${name}`) as StoredBlob)
}

/** What becomes of a file. */
type Fate = 'shown' | 'saved'

/** Goes to a file as to a page. */
async function visit(url: string): Promise<Fate> {
  const saved = page.waitForEvent('download').then(
    () => true,
    () => false,
  )
  try {
    await page.goto(url)
    return 'shown'
  } catch (error) {
    if (await saved) return 'saved'
    throw error
  }
}

async function visitSite({ url }: Gateway): Promise<void> {
  if (page.url() !== `${url}/site`) await page.goto(`${url}/site`)
}

/** Puts a file into the page of the site, as a document inside it. */
async function embed(gateway: Gateway, element: 'iframe' | 'object', url: string): Promise<Fate> {
  await visitSite(gateway)
  const saved = page.waitForEvent('download').then(() => 'saved' as const)
  const settled = page.evaluate(`add('${element}', { ${element === 'iframe' ? 'src' : 'data'}: '${url}' })`)
  const fate = await Promise.race([saved, settled.then(() => 'shown' as const)])
  // The other one of the two never comes: it ends with the tab.
  for (const promise of [saved, settled]) promise.catch(() => {})
  return fate
}

/** All traces of a script that ran since the tab was opened: what the server, the site, and its storage know of it. */
async function traces(gateway: Gateway): Promise<readonly string[]> {
  await visitSite(gateway)
  // What a script has sent before is there before this.
  await page.evaluate(`fetch('/ran/nothing')`)
  const heard = await page.evaluate<string[]>('heard')
  const stored = await page.evaluate<string[]>('Object.values(localStorage)')
  const cookies = await page.context().cookies(gateway.url)
  const told = ran.filter((name) => name !== 'nothing')
  return [...told, ...heard, ...stored, ...cookies.map(({ value }) => value)]
}

describe.each(homes)('a file of a stranger on %s', (home) => {
  test.each(documents)('$name ($contentType) is saved, not shown, and runs nothing', async (file) => {
    const gateway = await openSite()
    const url = urlOf(gateway, home, file)
    expect(await visit(url)).toBe('saved')
    expect(await embed(gateway, 'iframe', url)).toBe('saved')
    expect(await embed(gateway, 'object', url)).toBe('saved')
    expect(await traces(gateway)).toEqual([])
  })

  test.each(disguised)('$name ($contentType) is not taken for the HTML that it is', async (file) => {
    const gateway = await openSite()
    const url = urlOf(gateway, home, file)
    expect(await visit(url)).toBe('shown')
    expect(await embed(gateway, 'iframe', url)).toBe('shown')
    expect(await traces(gateway)).toEqual([])
  })

  test.each(scripts)('$name ($contentType) is no script to a page', async (file) => {
    const gateway = await openSite()
    const url = urlOf(gateway, home, file)
    await visitSite(gateway)
    expect(await page.evaluate(`add('script', { src: '${url}' })`)).toBe('error')
    expect(await page.evaluate(`add('script', { src: '${url}', type: 'module' })`)).toBe('error')
    expect(await page.evaluate(`work('${url}')`)).toBe('error')
    await expect(page.evaluate(`navigator.serviceWorker.register('${url}')`)).rejects.toThrow('SecurityError')
    expect(await traces(gateway)).toEqual([])
  })

  test('a style sheet does not style a page', async () => {
    const gateway = await openSite()
    await visitSite(gateway)
    const href = urlOf(gateway, home, style)
    expect(await page.evaluate(`add('link', { rel: 'stylesheet', href: '${href}' })`)).toBe('error')
    expect(await page.evaluate('getComputedStyle(document.body).color')).toBe('rgb(0, 0, 0)')
  })

  test('a drawing is a picture in a page, and runs nothing', async () => {
    const gateway = await openSite()
    await visitSite(gateway)
    expect(await page.evaluate(`add('img', { src: '${urlOf(gateway, home, drawing)}' })`)).toBe('load')
    expect(await page.evaluate('document.images[0].naturalWidth')).toBe(30)
    expect(await traces(gateway)).toEqual([])
  })
})

describe('each of the fields that keep a file from running', () => {
  const shown = documents.filter(({ contentType }) => /html|svg|\/xml/i.test(contentType ?? ''))

  test.each(shown)('$name ($contentType) does run without any', async (file) => {
    const gateway = await openSite('content-disposition', 'content-security-policy', 'x-content-type-options')
    const url = urlOf(gateway, 's3', file)
    expect(await visit(url)).toBe('shown')
    expect(new Set(await traces(gateway))).toEqual(new Set([file.name]))
    expect(await embed(gateway, 'iframe', url)).toBe('shown')
    expect(await traces(gateway)).toContain(`ran ${file.name}`)
  })

  test.each(shown)('Content-Security-Policy keeps $name ($contentType) from running by itself', async (file) => {
    const gateway = await openSite('content-disposition')
    const url = urlOf(gateway, 's3', file)
    expect(await visit(url)).toBe('shown')
    expect(await embed(gateway, 'iframe', url)).toBe('shown')
    expect(await traces(gateway)).toEqual([])
  })

  test.each(scripts.slice(0, 5))('without nosniff $name ($contentType) is a script', async (file) => {
    const gateway = await openSite('x-content-type-options')
    await visitSite(gateway)
    expect(await page.evaluate(`add('script', { src: '${urlOf(gateway, 's3', file)}' })`)).toBe('load')
    expect(await traces(gateway)).toContain(file.name)
  })
})

import { type Browser, type BrowserContext, chromium, type Page } from 'playwright-core'
import { onTestFinished } from 'vitest'
import { pathOf } from './programs.js'

const args = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
]

/** Debian's Chromium, without a window, with a profile of its own that is gone when it is closed. */
export function startChromium(): Promise<Browser> {
  return chromium.launch({ executablePath: pathOf('chromium'), headless: true, args })
}

/** A tab with cookies and storage of its own, closed when the test has ended. */
export async function openTab(browser: Browser): Promise<Page> {
  const context: BrowserContext = await browser.newContext({ acceptDownloads: true })
  onTestFinished(() => context.close())
  return context.newPage()
}

/** How much of a tab shows a colour (red, green, blue from 0 to 255), from 0 to 1. */
export async function shareOf(page: Page, colour: readonly [number, number, number]): Promise<number> {
  const picture = `data:image/png;base64,${(await page.screenshot()).toString('base64')}`
  // A tab of its own decodes the picture: the other one shows a file, which may run nothing.
  const decoder = await page.context().newPage()
  try {
    return await decoder.evaluate(`(${shareOfColour})(${JSON.stringify({ picture, colour })})`)
  } finally {
    await decoder.close()
  }
}

/** Runs in the browser, whose types are not those of this project. */
const shareOfColour = `async ({ picture, colour }) => {
  const image = await createImageBitmap(await (await fetch(picture)).blob())
  const drawing = new OffscreenCanvas(image.width, image.height).getContext('2d')
  drawing.drawImage(image, 0, 0)
  const { data } = drawing.getImageData(0, 0, image.width, image.height)
  let alike = 0
  for (let at = 0; at < data.length; at += 4) {
    if (colour.every((value, i) => Math.abs(value - data[at + i]) < 8)) alike++
  }
  return alike / (data.length / 4)
}`

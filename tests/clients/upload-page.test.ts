import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Browser, Page } from 'playwright-core'
import { afterAll, beforeAll, beforeEach, describe, expect, onTestFinished, test } from 'vitest'
import type { BlobRoutesOptions } from '../../src/http/index.js'
import { adapters } from '../http/servers.js'
import { keysOf } from '../http/upload/support.js'
import { pattern } from '../store/pattern.js'
import { openTab, startChromium } from './browser.js'
import { has, needs } from './programs.js'
import { scratch, sha256 } from './run.js'
import { homes, openStage, type Stage } from './stage.js'
import { servePage } from './upload-page.js'

const MiB = 1024 * 1024
const small = pattern(0, 1000)

let browser: Browser
let stage: Stage
beforeAll(async () => {
  if (has('chromium')) [browser, stage] = await Promise.all([startChromium(), openStage()])
})
afterAll(async () => {
  await browser?.close()
  await stage?.close()
})
beforeEach(needs('chromium'))

let count = 0

describe.each(adapters)('a page that uploads to the %s adapter', (adapter) => {
  describe.each(homes)('onto %s', (home) => {
    /** The page in a tab, and a folder of keys of its own. */
    async function open(options: Partial<Pick<BlobRoutesOptions, 'limits' | 'atomic' | 'scan'>>) {
      const folder = `${home === 's3' ? 'project_7' : 'uploads'}/page-${count++}/`
      const key = ({ file }: { readonly file: { readonly name: string } }) => `${folder}${file.name}`
      const site = await servePage(await stage.serve(adapter, { key, ...(options as object) }))
      onTestFinished(() => site.stop())
      const page = await openTab(browser)
      await page.goto(site.url)
      return { page, folder, keys: () => keysOf(stage.store, folder) }
    }

    test('moves its bar while the file is on its way', async () => {
      const bytes = pattern(0, 32 * MiB)
      const file = join(await scratch(), 'film.bin')
      await writeFile(file, bytes)
      let goOn = () => {}
      const held = new Promise<void>((resolve) => {
        goOn = resolve
      })
      // The server takes a quarter and no more until the bar was seen in between.
      const scan: BlobRoutesOptions['scan'] = async ({ stream }) => {
        let taken = 0
        for await (const chunk of stream) {
          taken += chunk.length
          if (taken > bytes.length / 4) await held
        }
        return true
      }
      const { page, folder } = await open({ scan })
      await page.setInputFiles('input', file)
      await page.click('button')
      await page.waitForFunction('document.querySelector("progress").value > 0.1')
      const between = await page.evaluate<number>('document.querySelector("progress").value')
      expect(between).toBeLessThan(1)
      expect(await page.textContent('#status')).toBe('')
      goOn()
      expect(await answerIn(page)).toEqual({ status: '201', said: [`${folder}film.bin`] })
      const seen = await page.evaluate<number[]>('seen')
      expect(seen).toEqual([...seen].sort((a, b) => a - b))
      expect([new Set(seen).size > 2, seen.at(-1)]).toEqual([true, 1])
      expect(sha256(await (await stage.store.get(`${home}:${folder}film.bin`)).bytes())).toBe(sha256(bytes))
    })

    test('reads why three files that were dropped on it are refused; none is stored', async () => {
      const { page, keys } = await open({ limits: { fileSize: 4 * MiB } })
      await dropThree(page)
      const said = ['application/problem+json: That is larger than is allowed.']
      expect(await answerIn(page)).toEqual({ status: '413', said })
      expect(await keys()).toEqual([])
    })

    test('reads which of three files was refused, where each stands for itself', async () => {
      const { page, folder, keys } = await open({ limits: { fileSize: 4 * MiB }, atomic: false })
      await dropThree(page)
      const kept = [`${folder}a.bin`, `${folder}c.bin`]
      expect(await answerIn(page)).toEqual({ status: '201', said: [...kept, 'That is larger than is allowed.'] })
      expect(await keys()).toEqual(kept)
    })
  })
})

/** Drags three files from the disk onto the page, of which the second is too large. */
async function dropThree(page: Page): Promise<void> {
  const folder = await scratch()
  const files = ['a.bin', 'large.bin', 'c.bin'].map((name) => join(folder, name))
  for (const file of files) await writeFile(file, file.endsWith('large.bin') ? pattern(0, 24 * MiB) : small)
  const devtools = await page.context().newCDPSession(page)
  for (const type of ['dragEnter', 'dragOver', 'drop'] as const) {
    const data = { items: [], files, dragOperationsMask: 1 }
    await devtools.send('Input.dispatchDragEvent', { type, x: 100, y: 130, data })
  }
}

/** What the page shows once the answer is there. */
async function answerIn(page: Page): Promise<{ readonly status: string | null; readonly said: readonly string[] }> {
  await page.waitForFunction('document.querySelector("#status").textContent !== ""')
  return { status: await page.textContent('#status'), said: await page.locator('#said li').allTextContents() }
}

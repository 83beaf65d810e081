import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import type { StoredBlob } from '../../src/index.js'
import { type Gateway, startGateway } from './gateway.js'
import { filmSeconds, makeFilm } from './media.js'
import { has, needs, type Program } from './programs.js'
import { filesIn, run, scratch } from './run.js'
import { contentUrl, type Home, homes, openStage, type Stage } from './stage.js'

const programs: readonly Program[] = ['ffmpeg', 'ffprobe']

let stage: Stage
let gateway: Gateway
let folder: string
let size: number
const blobs = {} as Record<Home, StoredBlob>

beforeAll(async () => {
  if (!has(...programs)) return
  stage = await openStage()
  folder = await mkdtemp(join(tmpdir(), 'hybrid-store-film-'))
  const film = await makeFilm(folder)
  size = film.length
  for (const home of homes) blobs[home] = await stage.put(home, 'film.mp4', film)
  const server = await stage.serve('web')
  gateway = await startGateway(server.url)
})
afterAll(async () => {
  await gateway?.stop()
  await stage?.close()
  if (folder) await rm(folder, { recursive: true, force: true })
})
beforeEach(needs(...programs))
beforeEach(() => {
  gateway.exchanges.length = 0
})

/** The player went to several places of the file, and the server did not send all of it. */
function expectSeeking(): void {
  const starts = gateway.exchanges.map(({ headers }) => Number(/^bytes=(\d+)-/.exec(headers.range ?? '')?.[1] ?? 0))
  expect(gateway.exchanges.map(({ status }) => status)).toEqual(starts.map(() => 206))
  expect(Math.max(...starts)).toBeGreaterThan(size * 0.9)
  const sent = gateway.exchanges.reduce((sum, { bytes }) => sum + bytes, 0)
  expect(sent).toBeLessThan(size / 2)
}

describe.each(homes)('an MP4 with its index at the end, on %s', (home) => {
  test('ffprobe reads the index and nothing else', async () => {
    const cwd = await scratch()
    const show = ['-v', 'error', '-show_entries', 'format=duration,size', '-of', 'json']
    const { code, stdout } = await run('ffprobe', [...show, contentUrl(gateway.url, blobs[home])], { cwd })
    expect(code).toBe(0)
    const { format } = JSON.parse(stdout)
    expect({ duration: Number(format.duration), size: Number(format.size) }).toEqual({ duration: filmSeconds, size })
    expectSeeking()
  })

  test('ffmpeg takes a picture from the middle, the same as of the file on disk', async () => {
    const cwd = await scratch()
    const pictureOf = (film: string, file: string) =>
      run('ffmpeg', ['-v', 'error', '-ss', '12.5', '-i', film, '-frames:v', '1', file], { cwd })
    expect(await pictureOf(contentUrl(gateway.url, blobs[home]), 'delivered.png')).toMatchObject({ code: 0 })
    expect(await pictureOf(join(folder, 'film.mp4'), 'here.png')).toMatchObject({ code: 0 })
    const pictures = await filesIn(cwd)
    expect(pictures['delivered.png']).toBe(pictures['here.png'])
    expect(gateway.exchanges.length).toBeGreaterThanOrEqual(3)
    expectSeeking()
  })
})

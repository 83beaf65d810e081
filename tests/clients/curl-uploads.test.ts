import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { adapters, type DeliveryServer } from '../http/servers.js'
import { keysOf } from '../http/upload/support.js'
import { pattern } from '../store/pattern.js'
import { curl } from './curl.js'
import { needs } from './programs.js'
import { scratch, sha256 } from './run.js'
import { homes, openStage, type Stage } from './stage.js'

const MiB = 1024 * 1024
const fits = pattern(0, 2 * MiB)
const large = pattern(0, 24 * MiB)

let stage: Stage
beforeAll(async () => {
  stage = await openStage()
})
afterAll(() => stage?.close())
beforeEach(needs('curl'))

describe.each(adapters)('curl uploads to the %s adapter', (adapter) => {
  describe.each(homes)('onto %s', (home) => {
    const folder = `${home === 's3' ? 'project_' : ''}7/${adapter}/`
    /** Where PUT finds the folder: the path of a local key begins with `uploads/`. */
    const path = home === 's3' ? folder : `uploads/${folder}`
    let server: DeliveryServer
    beforeAll(async () => {
      const key = ({ file }: { readonly file: { readonly name: string } }) => `${folder}${file.name}`
      server = await stage.serve(adapter, { key, writable: true, limits: { fileSize: 4 * MiB } })
    })

    /** The arguments that send a file as a form, and as the body of a PUT. */
    const ways = {
      '-F': (file: string) => ['-F', `file=@${file}`, `${server.url}/upload`],
      '-T': (file: string) => ['-T', file, `${server.url}/content/${path}${file}`],
      // Without a length: whether it is too long shows only on the way.
      '-T -': (file: string) => [
        '-T',
        file,
        '-H',
        'Transfer-Encoding: chunked',
        `${server.url}/content/${path}${file}`,
      ],
    }

    test.each(Object.entries(ways))('%s stores the file', async (way, args) => {
      const cwd = await scratch()
      const name = `fits${way.replace(/\W/g, '')}${way.length}.bin`
      await writeFile(join(cwd, name), fits)
      expect(await curl(cwd, '-f', '-o', 'answer', ...args(name))).toMatchObject({ code: 0, status: 201 })
      const reader = await stage.store.get(`${home}:${folder}${name}`)
      expect([reader.info.driver, sha256(await reader.bytes())]).toEqual([home, sha256(fits)])
    })

    test.each(Object.entries(ways))(
      '%s of what is too large: curl has the 413, no lost connection',
      async (_, args) => {
        const cwd = await scratch()
        await writeFile(join(cwd, 'large.bin'), large)
        expect(await curl(cwd, '-o', 'answer', ...args('large.bin'))).toMatchObject({ code: 0, status: 413 })
        expect(JSON.parse(await readFile(join(cwd, 'answer'), 'utf8'))).toMatchObject({
          status: 413,
          code: 'TOO_LARGE',
          detail: expect.stringContaining('larger'),
        })
        expect(await curl(cwd, '--fail', '-o', 'none', ...args('large.bin'))).toMatchObject({ code: 22, status: 413 })
        await stage.store.put(`${folder}there`, 'x')
        const keys = await keysOf(stage.store, folder)
        expect(keys.filter((key) => !key.includes('fits'))).toEqual([`${folder}there`])
      },
    )
  })
})

import { execFileSync } from 'node:child_process'
import { mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { join, relative as relativePath } from 'node:path'
import fc from 'fast-check'
import { memfs } from 'memfs'
import { describe, expect, it } from 'vitest'
import { FsDriver } from '../../../src/drivers/fs/index.js'
import { keyProblem } from '../../../src/keys/index.js'
import { maybeKey } from '../../unit/keys/arbitrary.js'
import { openBelow, tempDirectory, tempDriver } from './support.js'

const pathOf = async (driver: FsDriver, key: string) => driver.localPath?.(key)

describe('localPath', () => {
  it('is the file of the key, whatever the key', async () => {
    const { driver, root } = tempDriver({ durability: 'none' })
    const keys = [
      'plain/report (1).pdf',
      'a?b*c',
      'CON',
      'end.',
      'a%3Fb',
      '%',
      'x'.repeat(700),
      '...',
      '.hybrid-store/a',
    ]
    await fc.assert(
      fc.asyncProperty(
        fc.oneof(
          fc.constantFrom(...keys),
          maybeKey.filter((key) => !keyProblem(key)),
        ),
        async (key) => {
          await driver.put(key, key)
          const file = (await pathOf(driver, key)) ?? ''
          expect(file.startsWith(`${root}/`)).toBe(true)
          expect(readFileSync(file, 'utf8')).toBe(key)
        },
      ),
      { numRuns: 200 },
    )
    expect(await pathOf(driver, 'plain/report (1).pdf')).toBe(join(root, 'plain/report (1).pdf'))
    expect(openBelow(root)).toEqual([])
  })

  it('follows a blob that makes way for a directory, and files of other programs', async () => {
    const { driver, root } = tempDriver()
    await driver.put('a', 'x')
    await driver.put('a/b', 'y')
    expect(await pathOf(driver, 'a')).toBe(join(root, 'a%'))
    expect(await pathOf(driver, 'a/b')).toBe(join(root, 'a/b'))
    writeFileSync(join(root, 'who: me?'), 'z')
    expect(await pathOf(driver, 'who: me?')).toBe(join(root, 'who: me?'))
  })

  it('lies in its mount, and below the root as it was given', async () => {
    const directory = tempDirectory()
    mkdirSync(join(directory, 'real'))
    mkdirSync(join(directory, 'disk'))
    symlinkSync('real', join(directory, 'current'))
    symlinkSync('disk', join(directory, 'mounted'))
    const [root, mounted] = [join(directory, 'current'), join(directory, 'mounted')]
    const { driver } = tempDriver({ root, mounts: { 'uploads/': mounted } })
    await driver.put('a/b', 'x')
    await driver.put('uploads/a/b', 'y')
    expect(driver.localRoot).toBe(root)
    expect(await pathOf(driver, 'a/b')).toBe(join(root, 'a/b'))
    expect(await pathOf(driver, 'uploads/a/b')).toBe(join(mounted, 'a/b'))
  })

  it('of a relative root is absolute', async () => {
    const { driver, root } = tempDriver({ root: join(tempDirectory(), 'x') })
    await driver.put('a', 'x')
    const relative = new FsDriver({ root: relativePath('.', root) })
    expect(relative.localRoot).toBe(root)
    expect(await pathOf(relative, 'a')).toBe(join(root, 'a'))
    await relative.close()
  })

  it('is NOT_FOUND where there is no blob', async () => {
    const { driver, root } = tempDriver()
    await expect(pathOf(driver, 'a')).rejects.toMatchObject({ code: 'NOT_FOUND', operation: 'localPath', driver: 'fs' })
    await driver.put('a/b', 'x')
    await expect(pathOf(driver, 'a')).rejects.toMatchObject({ code: 'NOT_FOUND' })
    rmSync(join(root, 'a/b'))
    await expect(pathOf(driver, 'a/b')).rejects.toMatchObject({ code: 'NOT_FOUND' })
    await expect(pathOf(driver, '../a')).rejects.toMatchObject({ code: 'INVALID_KEY' })
    const signal = AbortSignal.abort()
    await expect(driver.localPath?.('a', { signal })).rejects.toMatchObject({ code: 'ABORTED' })
    await driver.close()
    await expect(pathOf(driver, 'a')).rejects.toMatchObject({ code: 'CONFIGURATION' })
  })

  it('never leads through a symlink that reads do not follow, nor to what is no file', async () => {
    const outside = tempDirectory()
    mkdirSync(join(outside, 'years'))
    for (const name of ['secret', 'years/a']) writeFileSync(join(outside, name), 'x')
    const { driver, root } = tempDriver({ allowRoots: [join(outside, 'years')] })
    await driver.put('seed', 'x')
    symlinkSync(outside, join(root, 'out'))
    symlinkSync(join(outside, 'secret'), join(root, 'link'))
    symlinkSync(join(outside, 'years'), join(root, 'years'))
    execFileSync('mkfifo', [join(root, 'fifo')])
    for (const key of ['out/secret', 'link', 'fifo']) {
      await expect(pathOf(driver, key), key).rejects.toMatchObject({ code: 'ACCESS_DENIED' })
    }
    expect(await pathOf(driver, 'years/a')).toBe(join(root, 'years/a'))
    expect(openBelow(root)).toEqual([])
    expect(openBelow(outside)).toEqual([])
  })

  it('is not there where the files are on no disk', async () => {
    const { fs } = memfs()
    expect(new FsDriver({ root: '/storage', fs: fs as never }).localPath).toBeUndefined()
  })
})

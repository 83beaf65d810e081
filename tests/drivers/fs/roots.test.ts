import { execFileSync, spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it, onTestFinished } from 'vitest'
import { FsDriver, type FsDriverOptions } from '../../../src/drivers/fs/index.js'
import {
  filesBelow,
  hookedFs,
  keysOf,
  leftovers,
  openBelow,
  systemError,
  tempDirectory,
  tempDriver,
  textOf,
} from './support.js'

const isRoot = process.getuid?.() === 0

describe('a root', () => {
  it('that is missing has no blobs, and is made by the first put only', async () => {
    const { driver, root } = tempDriver()
    await expect(driver.get('a')).rejects.toMatchObject({ code: 'NOT_FOUND' })
    await expect(driver.head('a/b')).rejects.toMatchObject({ code: 'NOT_FOUND' })
    await driver.delete('a')
    expect(await keysOf(driver)).toEqual([])
    expect(await driver.sweep()).toEqual({ temps: 0, locks: 0, records: 0 })
    expect(existsSync(root)).toBe(false)
    await driver.put('a', 'x')
    expect(await keysOf(driver)).toEqual(['a'])
  })

  it('that went away is made again', async () => {
    const { driver, root } = tempDriver()
    await driver.put('a/b', 'x')
    rmSync(root, { recursive: true })
    await expect(driver.get('a/b')).rejects.toMatchObject({ code: 'NOT_FOUND' })
    await driver.put('a/b', 'y')
    expect(await textOf(driver, 'a/b')).toBe('y')
  })

  it('that is a file is CONFIGURATION on every call', async () => {
    const root = join(tempDirectory(), 'file')
    writeFileSync(root, 'not a directory')
    const { driver } = tempDriver({ root })
    const calls = {
      put: () => driver.put('a', 'x'),
      deep: () => driver.put('a/b', 'x'),
      get: () => driver.get('a'),
      head: () => driver.head('a/b'),
      list: () => keysOf(driver),
      delete: () => driver.delete('a'),
    }
    for (const [name, call] of Object.entries(calls)) {
      await expect(call(), name).rejects.toMatchObject({ code: 'CONFIGURATION', hint: expect.stringContaining('root') })
    }
    const below = tempDriver({ root: join(root, 'below') }).driver
    await expect(below.put('a', 'x')).rejects.toMatchObject({ code: 'CONFIGURATION' })
  })

  it('that is a symlink to a directory is that directory', async () => {
    const directory = tempDirectory()
    mkdirSync(join(directory, 'real'))
    symlinkSync('real', join(directory, 'link'))
    const { driver } = tempDriver({ root: join(directory, 'link') })
    await driver.put('a/b', 'x')
    expect(await textOf(driver, 'a/b')).toBe('x')
    expect(existsSync(join(directory, 'real/a/b'))).toBe(true)
  })

  it('that is a dangling or looping symlink is CONFIGURATION on a put', async () => {
    const directory = tempDirectory()
    symlinkSync('nowhere', join(directory, 'dangling'))
    symlinkSync('loop', join(directory, 'loop'))
    for (const name of ['dangling', 'loop']) {
      const { driver } = tempDriver({ root: join(directory, name) })
      await expect(driver.put('a', 'x'), name).rejects.toMatchObject({ code: 'CONFIGURATION', outcome: 'unchanged' })
    }
  })

  it('is named by no error message', async () => {
    const directory = tempDirectory()
    symlinkSync('loop', join(directory, 'loop'))
    const error = await tempDriver({ root: join(directory, 'loop') })
      .driver.put('a', 'x')
      .catch((reason) => reason)
    expect(`${error.message} ${error.hint} ${JSON.stringify(error)}`).not.toContain(directory)
  })

  it('or a mount that cannot be meant is refused by the constructor', () => {
    expect(() => new FsDriver({ root: '' })).toThrowError(expect.objectContaining({ code: 'CONFIGURATION' }))
    for (const prefix of ['uploads', '/uploads/', '../', 'a//b/', '']) {
      expect(() => new FsDriver({ root: 'x', mounts: { [prefix]: 'y' } }), prefix).toThrowError(
        expect.objectContaining({ code: 'CONFIGURATION' }),
      )
    }
  })

  it.skipIf(!isRoot)('that may not be written is ACCESS_DENIED', async () => {
    const directory = tempDirectory()
    execFileSync('chmod', ['755', directory])
    mkdirSync(join(directory, 'root'), { mode: 0o755 })
    writeFileSync(join(directory, 'root/a'), 'x')
    const script = `
      import { FsDriver } from ${JSON.stringify(new URL('../../../src/drivers/fs/index.ts', import.meta.url).pathname)}
      // Only now: the project itself may lie where nobody else may read.
      process.setgroups([])
      process.setgid(65534)
      process.setuid(65534)
      const driver = new FsDriver({ root: ${JSON.stringify(join(directory, 'root'))} })
      const code = (error) => console.log(error.code, error.outcome)
      await driver.put('b', 'x').catch(code)
      await driver.put('c/d', 'x').catch(code)
      await driver.delete('a').catch(code)
      console.log(await (await driver.get('a')).text())`
    const run = spawnSync(process.execPath, ['--import', 'tsx', '--input-type=module', '-e', script], {
      encoding: 'utf8',
    })
    expect(`${run.stdout}${run.stderr.includes('Error') ? run.stderr : ''}`).toBe(
      'ACCESS_DENIED unchanged\nACCESS_DENIED unchanged\nACCESS_DENIED unchanged\nx\n',
    )
  })

  it('that is full is NO_SPACE, keeps the old version, leaves no temp, and can be emptied', async (context) => {
    const directory = tempDirectory()
    const mounted = isRoot && spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=256k', 'tmpfs', directory]).status === 0
    if (!mounted) context.skip('needs root and the right to mount a tmpfs')
    onTestFinished(() => {
      spawnSync('umount', ['-l', directory])
    })
    const { driver } = tempDriver({ root: directory })
    await driver.put('key', 'old', { metadata: { version: 'old' } })
    for (const body of [
      Buffer.alloc(512 * 1024),
      (async function* () {
        for (let i = 0; i < 64; i++) yield Buffer.alloc(8192)
      })(),
    ]) {
      await expect(driver.put('key', body)).rejects.toMatchObject({
        code: 'NO_SPACE',
        status: 507,
        outcome: 'unchanged',
      })
    }
    expect(await textOf(driver, 'key')).toBe('old')
    expect((await driver.head('key')).metadata).toEqual({ version: 'old' })
    expect(leftovers(directory)).toEqual([])
    expect(openBelow(directory)).toEqual([])
    writeFileSync(join(directory, 'filler'), Buffer.alloc(256 * 1024 - 32 * 1024))
    await driver.put('big', Buffer.alloc(64 * 1024)).catch(() => {})
    await driver.delete('filler')
    await driver.put('big', Buffer.alloc(64 * 1024))
  })
})

describe('options', () => {
  it('that no type would allow are refused, and never weaken durability in silence', () => {
    for (const wrong of [
      { durability: 'fast' },
      { etag: 'md5' },
      { partSize: 0 },
      { fileMode: -1 },
      { dirMode: '0755' },
      { publicBaseUrl: '/files' },
    ]) {
      const options = { root: 'x', ...wrong } as unknown as FsDriverOptions
      expect(() => new FsDriver(options), JSON.stringify(wrong)).toThrowError(
        expect.objectContaining({ code: 'CONFIGURATION', hint: expect.any(String) }),
      )
    }
  })
})

describe('a disk without symlinks', () => {
  it('locks by files, which exclude in the same way', async () => {
    const fs = hookedFs(({ name }) => {
      if (name === 'symlink') throw systemError('EPERM')
    })
    const { driver, root } = tempDriver({ fs, durability: 'none' })
    const other = tempDriver({ fs, root, durability: 'none' }).driver
    await driver.put('counter', '0')
    const increment = async (store: FsDriver) => {
      for (let done = 0; done < 10; ) {
        const reader = await store.get('counter')
        const next = String(Number(await reader.text()) + 1)
        const won = await store.put('counter', next, { ifMatch: reader.info.etag }).then(
          () => true,
          (error) => {
            if (error.code === 'PRECONDITION_FAILED') return false
            throw error
          },
        )
        if (won) done++
      }
    }
    await Promise.all([increment(driver), increment(other), increment(driver)])
    expect(await textOf(driver, 'counter')).toBe('30')
    expect(leftovers(root)).toEqual([])
  })
})

describe('mounts', () => {
  it('hold the keys with their prefix; the longest prefix wins; a list merges them in order', async () => {
    const directory = tempDirectory()
    const at = (name: string) => join(directory, name)
    const mounts = { 'uploads/': at('up'), 'uploads/old/': at('old') }
    const { driver } = tempDriver({ root: at('root'), mounts })
    const keys = ['a', 'uploads.txt', 'uploads/a', 'uploads/old/x', 'uploads/z', 'uploads0', 'z']
    for (const key of [...keys].reverse()) await driver.put(key, key)
    expect(existsSync(at('up/a'))).toBe(true)
    expect(existsSync(at('old/x'))).toBe(true)
    expect(existsSync(at('root/uploads'))).toBe(false)
    expect(await keysOf(driver)).toEqual(keys)
    expect(await keysOf(driver, { prefix: 'uploads/' })).toEqual(['uploads/a', 'uploads/old/x', 'uploads/z'])
    expect(await keysOf(driver, { delimiter: '/' })).toEqual(['a', 'uploads.txt', 'uploads/', 'uploads0', 'z'])
    expect(await keysOf(driver, { startAfter: 'uploads/a', limit: 2 })).toEqual(['uploads/old/x', 'uploads/z'])
    for (const key of keys) expect(await textOf(driver, key)).toBe(key)
  })

  it('hide what the root holds under their prefix', async () => {
    const directory = tempDirectory()
    mkdirSync(join(directory, 'root/uploads'), { recursive: true })
    writeFileSync(join(directory, 'root/uploads/hidden'), 'x')
    const { driver } = tempDriver({ root: join(directory, 'root'), mounts: { 'uploads/': join(directory, 'up') } })
    await expect(driver.head('uploads/hidden')).rejects.toMatchObject({ code: 'NOT_FOUND' })
    expect(await keysOf(driver)).toEqual([])
  })

  it('on another volume take copies and moves with their attributes', async (context) => {
    if (!existsSync('/dev/shm')) context.skip('needs /dev/shm as another volume')
    const other = join('/dev/shm', `hybrid-store-${process.pid}`)
    onTestFinished(() => rmSync(other, { recursive: true, force: true }))
    const { driver, root } = tempDriver({ mounts: { 'm/': other } })
    await driver.put('a', 'x', { metadata: { who: 'me' } })
    expect(await driver.move('a', 'm/a')).toMatchObject({ key: 'm/a', metadata: { who: 'me' } })
    await expect(driver.head('a')).rejects.toMatchObject({ code: 'NOT_FOUND' })
    expect(await driver.copy('m/a', 'b')).toMatchObject({ metadata: { who: 'me' } })
    expect(filesBelow(other).filter((name) => !name.startsWith('.hybrid-store'))).toEqual(['a'])
    expect(leftovers(root)).toEqual([])
  })
})

describe('permissions', () => {
  it('are exact where they are given, and follow the umask elsewhere', async () => {
    const { driver, root } = tempDriver({ fileMode: 0o666 })
    await driver.put('a/b', 'x')
    expect(statSync(join(root, 'a/b')).mode & 0o777).toBe(0o666)
    const plain = tempDriver({ dirMode: 0o750 })
    await plain.driver.put('a/b', 'x')
    expect(statSync(join(plain.root, 'a/b')).mode & 0o777).toBe(0o666 & ~process.umask())
    expect(statSync(join(plain.root, 'a')).mode & 0o777).toBe(0o750 & ~process.umask())
  })
})

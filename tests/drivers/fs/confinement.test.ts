import { execFileSync } from 'node:child_process'
import { mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { isStorageError } from '../../../src/errors/index.js'
import { keysOf, leftovers, lineOf, openBelow, spawnScript, tempDirectory, tempDriver, textOf } from './support.js'

describe('symlinks', () => {
  it('to directories outside are refused on every verb and never listed', async () => {
    const outside = tempDirectory()
    writeFileSync(join(outside, 'secret'), 'secret')
    const { driver, root } = tempDriver()
    await driver.put('dir/own', 'x')
    symlinkSync(outside, join(root, 'out'))
    symlinkSync(outside, join(root, 'dir/deep'))
    for (const key of ['out/secret', 'dir/deep/secret']) {
      const calls = {
        get: () => driver.get(key),
        head: () => driver.head(key),
        put: () => driver.put(key, 'x'),
        create: () => driver.put(`${key}.new`, 'x', { ifNoneMatch: '*' }),
        below: () => driver.put(`${key}.new/a/b`, 'x'),
        delete: () => driver.delete(key),
        'copy from': () => driver.copy(key, 'copy'),
        'copy to': () => driver.copy('dir/own', key),
        'move from': () => driver.move(key, 'moved'),
        'move to': () => driver.move('dir/own', key),
        list: () => keysOf(driver, { prefix: key.slice(0, -'secret'.length) }).then((keys) => expect(keys).toEqual([])),
      }
      for (const [name, call] of Object.entries(calls)) {
        if (name === 'list') await call()
        else await expect(call(), name).rejects.toMatchObject({ code: 'ACCESS_DENIED' })
      }
    }
    expect(await keysOf(driver)).toEqual(['dir/own'])
    expect(readdirSync(outside)).toEqual(['secret'])
    await driver.sweep()
    expect(openBelow(outside)).toEqual([])
    expect(leftovers(root)).toEqual([])
  })

  it('are followed to directories within allowRoots', async () => {
    const other = tempDirectory()
    mkdirSync(join(other, 'years/2019'), { recursive: true })
    writeFileSync(join(other, 'years/2019/a.txt'), 'old')
    writeFileSync(join(other, 'secret'), 'secret')
    const { driver, root } = tempDriver({ allowRoots: [join(other, 'years')] })
    await driver.put('seed', 'x')
    symlinkSync(join(other, 'years/2019'), join(root, '2019'))
    symlinkSync(other, join(root, 'other'))
    expect(await textOf(driver, '2019/a.txt')).toBe('old')
    expect(await keysOf(driver)).toEqual(['2019/a.txt', 'seed'])
    await driver.put('2019/b.txt', 'new', { metadata: { a: 'b' } })
    expect((await driver.head('2019/b.txt')).metadata).toEqual({ a: 'b' })
    await driver.delete('2019/a.txt')
    expect(readdirSync(join(other, 'years/2019')).filter((name) => !name.startsWith('.'))).toEqual(['b.txt'])
    await expect(driver.head('other/secret')).rejects.toMatchObject({ code: 'ACCESS_DENIED' })
  })

  it('that lead nowhere, and FIFOs, are refused where a directory is to be', async () => {
    const { driver, root } = tempDriver()
    await driver.put('seed', 'x')
    symlinkSync('nowhere', join(root, 'dangling'))
    execFileSync('mkfifo', [join(root, 'fifo')])
    for (const key of ['dangling/a', 'dangling/a/b', 'fifo/a']) {
      await expect(driver.put(key, 'x'), key).rejects.toMatchObject({ code: 'ACCESS_DENIED', outcome: 'unchanged' })
      await expect(driver.head(key), key).rejects.toMatchObject({ code: 'NOT_FOUND' })
    }
    expect(readdirSync(root)).not.toContain('nowhere')
  })

  it('in place of the internal directory are CONFIGURATION', async () => {
    const outside = tempDirectory()
    const root = tempDirectory()
    symlinkSync(outside, join(root, '.hybrid-store'))
    const { driver } = tempDriver({ root })
    await expect(driver.put('a', 'x')).rejects.toMatchObject({ code: 'CONFIGURATION' })
    expect(readdirSync(outside)).toEqual([])
  })

  it('that stay inside the root are refused too: two keys must not be one file', async () => {
    const { driver, root } = tempDriver()
    await driver.put('real/a', 'x')
    symlinkSync('real', join(root, 'alias'))
    await expect(driver.head('alias/a')).rejects.toMatchObject({ code: 'ACCESS_DENIED' })
    expect(await keysOf(driver)).toEqual(['real/a'])
  })
})

describe('a hostile process that swaps a directory for a symlink', () => {
  it.skipIf(process.platform !== 'linux')('never makes a call read, write or remove outside', async () => {
    const outside = tempDirectory()
    const { driver, root } = tempDriver({ durability: 'none' })
    const inside = join(root, 'dir')
    await driver.put('dir/key', 'inside', { metadata: { where: 'inside' } })
    await driver.put('dir/victim', 'inside')
    // What the attacker would like to be read, replaced or removed.
    for (const name of ['key', 'victim', 'moved', 'new']) writeFileSync(join(outside, name), 'outside')
    const before = readdirSync(outside)
    const child = spawnScript('swapper.ts', inside, join(tempDirectory(), 'aside'), outside)
    await lineOf(child, 'swapping')
    const seen = new Map<string, number>()
    const attempt = async (call: () => Promise<unknown>) => {
      try {
        const result = await call()
        if (typeof result === 'string') expect(result).toBe('inside')
        seen.set('done', (seen.get('done') ?? 0) + 1)
      } catch (error) {
        if (!isStorageError(error)) throw error
        seen.set(error.code, (seen.get(error.code) ?? 0) + 1)
      }
    }
    let ended = false
    child.once('close', () => {
      ended = true
    })
    const until = Date.now() + 2500
    while (Date.now() < until) {
      await attempt(() => textOf(driver, 'dir/key'))
      await attempt(() => driver.put('dir/key', 'inside', { metadata: { where: 'inside' } }))
      await attempt(() => driver.put('dir/new', 'inside', { ifNoneMatch: '*' }))
      await attempt(() => driver.delete('dir/new'))
      await attempt(() => driver.move('dir/victim', 'dir/moved'))
      await attempt(() => driver.move('dir/moved', 'dir/victim'))
      await attempt(() => driver.copy('dir/key', 'dir/deep/copy'))
      await attempt(() => driver.delete('dir/deep/copy'))
      await attempt(async () => {
        for await (const entry of driver.list()) {
          if (entry.type === 'blob')
            expect(['dir/key', 'dir/new', 'dir/victim', 'dir/moved', 'dir/deep/copy']).toContain(entry.key)
        }
      })
      expect(readdirSync(outside)).toEqual(before)
    }
    expect(ended, 'the attacker kept going').toBe(false)
    child.kill('SIGKILL')
    for (const name of before) expect(readFileSync(join(outside, name), 'utf8')).toBe('outside')
    expect(openBelow(outside)).toEqual([])
    // The race was real: calls met the symlink, and calls went through.
    expect(seen.get('done')).toBeGreaterThan(0)
    expect([...seen.keys()].some((code) => code === 'ACCESS_DENIED' || code === 'NOT_FOUND')).toBe(true)
  })
})

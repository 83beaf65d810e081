import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { FsDriver as Driver, type FsDriver } from '../../../src/drivers/fs/index.js'
import { hookedFs, type SystemCall, tempDirectory } from './support.js'

/** Runs the change on a driver that exists already, and tells the calls that matter for durability, in order. */
async function callsOf(
  change: (driver: FsDriver) => Promise<unknown>,
  before?: (driver: FsDriver) => Promise<unknown>,
) {
  const root = join(tempDirectory(), 'root')
  const sound = new Driver({ root, durability: 'none' })
  await sound.put('seed', 'seed')
  await before?.(sound)
  const calls: string[] = []
  const handles = new Map<string, string>()
  const label = ({ name, path }: SystemCall): string | undefined => {
    // Handles are told apart by what they were opened for.
    const of = /\.hybrid-store\.stage\./.test(path) ? 'staged' : `directory ${path.slice(root.length) || '/'}`
    switch (name) {
      case 'open':
        handles.set(path, of)
        return undefined
      case 'handle.sync':
        return `sync ${of}`
      case 'handle.write':
      case 'handle.utimes':
        return `${name.slice(7)} ${of}`
      case 'rename':
      case 'link':
      case 'mkdir':
        return name
      case 'unlink':
        return /\.hybrid-store\.(lock|stage)\./.test(path) ? undefined : 'unlink'
      default:
        return undefined
    }
  }
  const fs = hookedFs((call) => {
    const told = label(call)
    if (told !== undefined && told !== calls.at(-1)) calls.push(told)
  })
  const driver = new Driver({ root, fs })
  await driver.head('seed')
  calls.length = 0
  await change(driver)
  await driver.close()
  return calls.filter((call) => !call.endsWith('directory /.hybrid-store'))
}

describe('the order in which a change becomes durable', () => {
  it('of a put: the body with its stamp, then its name', async () => {
    const calls = await callsOf((driver) => driver.put('key', 'body'))
    expect(calls).toEqual(['mkdir', 'write staged', 'utimes staged', 'sync staged', 'rename', 'sync directory /'])
  })

  it('of a put with attributes: the record and its name before the name of the body', async () => {
    const calls = await callsOf((driver) => driver.put('key', 'body', { metadata: { a: 'b' } }))
    expect(calls).toEqual([
      ...['mkdir', 'write staged', 'utimes staged', 'sync staged'],
      ...['write staged', 'sync staged', 'rename', 'sync directory /'],
      ...['rename', 'sync directory /'],
    ])
  })

  it('of a put in new directories: each of them in its parent, before the body', async () => {
    const calls = await callsOf((driver) => driver.put('a/b/key', 'body'))
    expect(calls).toEqual([
      ...['mkdir', 'sync directory /', 'mkdir', 'sync directory /a'],
      ...['write staged', 'utimes staged', 'sync staged', 'rename', 'sync directory /a/b'],
    ])
  })

  it('of a put that creates only: by a link', async () => {
    const calls = await callsOf((driver) => driver.put('key', 'body', { ifNoneMatch: '*' }))
    expect(calls).toEqual(['mkdir', 'write staged', 'utimes staged', 'sync staged', 'link', 'sync directory /'])
  })

  it('of a delete: the directory after the removal', async () => {
    const calls = await callsOf(
      (driver) => driver.delete('dir/key'),
      (driver) => driver.put('dir/key', 'x'),
    )
    expect(calls).toEqual(['unlink', 'sync directory /dir'])
  })

  it('of a move: both directories after the rename', async () => {
    const calls = await callsOf(
      (driver) => driver.move('from/key', 'to/key'),
      async (driver) => {
        await driver.put('from/key', 'x')
        await driver.put('to/other', 'x')
      },
    )
    // The first fsync is for the directory `to`, which somebody else has made just now.
    expect(calls).toEqual([
      ...['mkdir', 'sync directory /', 'rename', 'unlink'],
      ...['sync directory /to', 'sync directory /from'],
    ])
  })

  it('of a put in directories that another process has just made: they too, before the body', async () => {
    const calls = await callsOf(
      async (driver) => {
        await driver.put('new/deep/key', 'x')
        await driver.put('new/deep/key', 'x')
      },
      (other) => other.put('new/deep/other', 'x'),
    )
    const body = ['write staged', 'utimes staged', 'sync staged', 'rename', 'sync directory /new/deep']
    expect(calls).toEqual(['mkdir', 'sync directory /new', 'sync directory /', ...body, ...body])
  })

  it('of a root that is not there yet: every ancestor in its parent', async () => {
    const top = tempDirectory()
    const synced: string[] = []
    const fs = hookedFs(({ name, path }) => {
      if (name === 'handle.sync' && !path.includes('stage')) synced.push(path.slice(top.length))
    })
    await new Driver({ root: join(top, 'one/two'), fs }).put('key', 'x')
    expect(synced).toEqual(['', '/one', '/one/two', '/one/two'])
  })

  it('does not matter with durability none: no fsync at all', async () => {
    let syncs = 0
    const fs = hookedFs(({ name }) => {
      if (name === 'handle.sync') syncs++
    })
    const driver = new Driver({ root: join(tempDirectory(), 'root'), durability: 'none', fs })
    await driver.put('a/b', 'x', { metadata: { a: 'b' } })
    await driver.copy('a/b', 'c')
    await driver.move('c', 'd/e')
    await driver.delete('a/b')
    expect(syncs).toBe(0)
  })

  it('lets nobody answer before a directory that another put has just made is durable', async () => {
    const root = join(tempDirectory(), 'root')
    await new Driver({ root, durability: 'none' }).put('seed', 'x')
    let release: () => void = () => {}
    const held = new Promise<void>((resolve) => {
      release = resolve
    })
    const { promises } = hookedFs(() => {}) as { promises: typeof import('node:fs').promises }
    let holding = false
    let made: () => void = () => {}
    const isMade = new Promise<void>((resolve) => {
      made = resolve
    })
    const slow = {
      promises: new Proxy(promises, {
        get(target, name) {
          if (name !== 'open') return Reflect.get(target, name)
          return async (path: string, flags: number, mode: number) => {
            const handle = await target.open(path, flags, mode)
            return new Proxy(handle, {
              get(inner, method) {
                if (method !== 'sync' || path !== root || holding) return Reflect.get(inner, method)
                return async () => {
                  holding = true
                  made()
                  await held
                  await inner.sync()
                }
              },
            })
          }
        },
      }),
    }
    const driver = new Driver({ root, fs: slow })
    const first = driver.put('new/a', 'x')
    await isMade
    let answered = false
    const second = driver.put('new/b', 'y').then(() => {
      answered = true
    })
    for (let turn = 0; turn < 50; turn++) await new Promise((resolve) => setTimeout(resolve, 2))
    expect(answered).toBe(false)
    release()
    await Promise.all([first, second])
    expect(answered).toBe(true)
  })
})

import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { FsDriver } from '../../../src/drivers/fs/index.js'
import { isStorageError } from '../../../src/errors/index.js'
import { hookedFs, keysOf, leftovers, openBelow, systemError, tempDirectory, tempDriver, textOf } from './support.js'

const attributes = { metadata: { version: 'old' } }
const fresh = { metadata: { version: 'new' } }

/** A change, and what readers may find before and after it: text and the metadata's version, or undefined. */
interface Change {
  readonly name: string
  run(driver: FsDriver): Promise<unknown>
  readonly old: Readonly<Record<string, string | undefined>>
  readonly changed: Readonly<Record<string, string | undefined>>
}

const changes: readonly Change[] = [
  { name: 'put', run: (d) => d.put('a/b', 'two', fresh), old: { 'a/b': 'one old' }, changed: { 'a/b': 'two new' } },
  {
    name: 'put of a key in new directories',
    run: (d) => d.put('new/deep/key', 'two', fresh),
    old: { 'new/deep/key': undefined },
    changed: { 'new/deep/key': 'two new' },
  },
  {
    name: 'put that creates only',
    run: (d) => d.put('new', 'two', { ...fresh, ifNoneMatch: '*' }),
    old: { new: undefined },
    changed: { new: 'two new' },
  },
  {
    name: 'put below a key',
    run: (d) => d.put('a/b/c', 'two', fresh),
    old: { 'a/b': 'one old', 'a/b/c': undefined },
    changed: { 'a/b': 'one old', 'a/b/c': 'two new' },
  },
  { name: 'delete', run: (d) => d.delete('a/b'), old: { 'a/b': 'one old' }, changed: { 'a/b': undefined } },
  {
    name: 'copy',
    run: (d) => d.copy('a/b', 'x/y'),
    old: { 'a/b': 'one old', 'x/y': 'three old' },
    changed: { 'a/b': 'one old', 'x/y': 'one old' },
  },
]

const move: Change = {
  name: 'move',
  run: (d) => d.move('a/b', 'x/y'),
  old: { 'a/b': 'one old', 'x/y': 'three old' },
  changed: { 'a/b': undefined, 'x/y': 'one old' },
}

async function stateOf(driver: FsDriver, key: string): Promise<string | undefined> {
  try {
    const reader = await driver.get(key)
    return `${await reader.text()} ${reader.info.metadata.version}`
  } catch (error) {
    if (isStorageError(error, 'NOT_FOUND')) return undefined
    throw error
  }
}

/** Runs the change with its nth system call failing; answers whether there was an nth call. */
async function failNth(change: Change, n: number, code: string): Promise<boolean> {
  const root = join(tempDirectory(), 'root')
  const sound = tempDriver({ root, durability: 'none' }).driver
  await sound.put('a/b', 'one', attributes)
  await sound.put('x/y', 'three', attributes)
  let calls = 0
  let armed = false
  let failed = ''
  const fs = hookedFs(({ name }) => {
    if (!armed || ++calls !== n) return
    failed = name
    throw systemError(code)
  })
  const driver = tempDriver({ root, fs }).driver
  await driver.head('a/b')
  armed = true
  const outcome: unknown = await change.run(driver).then(
    () => undefined,
    (error) => error,
  )
  armed = false
  if (!failed) return false
  const where = `call ${n} (${failed}) of ${change.name} with ${code}`
  if (outcome !== undefined) {
    expect(isStorageError(outcome), `${where} is a StorageError: ${outcome}`).toBe(true)
    expect(String(outcome), where).not.toContain(root)
  }
  const state: Record<string, string | undefined> = {}
  for (const key of Object.keys(change.old)) state[key] = await stateOf(sound, key)
  const allowed = outcome === undefined ? [change.changed] : [change.old]
  if ((outcome as { outcome?: string } | undefined)?.outcome === 'unknown') allowed.push(change.changed)
  expect(allowed, `${where}, answered by ${outcome}`).toContainEqual(state)
  // A file that cannot be unlinked stays, for the sweep.
  if (failed !== 'unlink') expect(leftovers(root), where).toEqual([])
  expect(openBelow(root), where).toEqual([])
  await keysOf(sound)
  return true
}

describe('a system call that fails', () => {
  for (const change of changes) {
    for (const code of change.name === 'put' ? ['EIO', 'ENOSPC', 'EACCES', 'EMFILE'] : ['EIO']) {
      it(`with ${code} leaves old or new, whole, and no temp: each call of ${change.name} in turn`, async () => {
        let n = 1
        while (await failNth(change, n, code)) n++
        expect(n).toBeGreaterThan(8)
      })
    }
  }

  it('with EIO during a move loses nothing: each call in turn', async () => {
    let n = 1
    // Between the two keys a move has one more state, in which both have the blob.
    while (await failNth(move, n, 'EIO')) n++
    expect(n).toBeGreaterThan(8)
  })

  it('is never tried again where it is an fsync', async () => {
    let syncs = 0
    const fs = hookedFs(({ name }) => {
      if (name !== 'handle.sync') return
      syncs++
      throw systemError('EIO')
    })
    const root = join(tempDirectory(), 'root')
    await tempDriver({ root, durability: 'none' }).driver.put('a', 'old')
    await expect(tempDriver({ root, fs }).driver.put('a', 'new')).rejects.toMatchObject({
      code: 'UNAVAILABLE',
      outcome: 'unchanged',
    })
    expect(syncs).toBe(1)
    expect(await textOf(new FsDriver({ root }), 'a')).toBe('old')
  })

  it('refuses the body where it is its close: a disk may say only then that it has no room', async () => {
    const root = join(tempDirectory(), 'root')
    await tempDriver({ root, durability: 'none' }).driver.put('a', 'old')
    const fs = hookedFs(({ name, path }) => {
      if (name === 'close' && path.includes('.stage.')) throw systemError('EDQUOT')
    })
    const refused = tempDriver({ root, fs }).driver.put('a', 'new')
    await expect(refused).rejects.toMatchObject({ code: 'NO_SPACE', outcome: 'unchanged' })
    expect(await textOf(new FsDriver({ root }), 'a')).toBe('old')
    expect(leftovers(root)).toEqual([])
  })

  it('leaves the outcome open where only the durability of the new version is in doubt', async () => {
    const root = join(tempDirectory(), 'root')
    await tempDriver({ root, durability: 'none' }).driver.put('a', 'old')
    let renamed = false
    const fs = hookedFs(({ name }) => {
      if (name === 'rename') renamed = true
      if (name === 'handle.sync' && renamed) throw systemError('EIO')
    })
    await expect(tempDriver({ root, fs }).driver.put('a', 'new')).rejects.toMatchObject({ outcome: 'unknown' })
  })
})

describe('a write that the disk takes in parts', () => {
  it('goes on where it stopped', async () => {
    const root = join(tempDirectory(), 'root')
    const { promises } = hookedFs(() => {}) as { promises: typeof import('node:fs').promises }
    const fs = {
      promises: new Proxy(promises, {
        get(target, name) {
          if (name !== 'open') return Reflect.get(target, name)
          return async (path: string, flags: number, mode: number) => {
            const handle = await target.open(path, flags, mode)
            return new Proxy(handle, {
              get(inner, method) {
                if (method !== 'write') return Reflect.get(inner, method)
                return (bytes: Uint8Array, offset: number, length: number) =>
                  inner.write(bytes, offset, Math.min(length, 7), null)
              },
            })
          }
        },
      }),
    }
    const { driver } = tempDriver({ root, fs })
    await driver.put('a', 'the quick brown fox jumps over the lazy dog')
    expect(await textOf(driver, 'a')).toBe('the quick brown fox jumps over the lazy dog')
  })
})

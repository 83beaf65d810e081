import fs from 'node:fs'
import { join } from 'node:path'
import { beforeEach, expect, it, onTestFinished } from 'vitest'
import { livenessOf, makeOwner } from '../../src/disk/index.js'
import { choices, randomFrom } from './choices.js'
import { RecordingDisk } from './recording-disk.js'
import { DiskModel } from './replayer.js'
import { restore } from './restored-disk.js'
import { ownDirectory } from './workloads.js'

/** The instrument itself: what a crash may leave of calls that everybody knows. */

let top: string
let disk: RecordingDisk
let files: typeof fs.promises
let restored = 0

beforeEach(() => {
  const directory = ownDirectory()
  onTestFinished(() => fs.rmSync(directory, { recursive: true, force: true }))
  top = join(directory, 'live')
  fs.mkdirSync(top)
  disk = new RecordingDisk(top)
  files = disk.promises as typeof fs.promises
})

async function write(name: string, text: string, sync: boolean): Promise<void> {
  const handle = await files.open(join(top, name), 'wx')
  const bytes = Buffer.from(text)
  await handle.write(bytes, 0, bytes.byteLength, null)
  if (sync) await handle.sync()
  await handle.close()
}

async function syncDirectory(name = ''): Promise<void> {
  const handle = await files.open(join(top, name), 'r')
  await handle.sync()
  await handle.close()
}

/** Every state that is found after a crash now, as its files with their bytes in one line each. */
function crashes(): string[] {
  const model = new DiskModel()
  for (const step of disk.steps) model.apply(step)
  const found = new Set<string>()
  for (const choice of choices(model, randomFrom(1), 300)) {
    const directory = `${top}-${++restored}`
    fs.mkdirSync(directory)
    restore(model.crash(choice), directory)
    const entries = fs.readdirSync(directory, { recursive: true, withFileTypes: true })
    const lines = entries
      .filter((entry) => entry.isFile())
      .map(({ parentPath, name }) => join(parentPath, name))
      .map((path) => `${path.slice(directory.length + 1)}=${fs.readFileSync(path, 'utf8').replace(/\0+/g, '0')}`)
    found.add(lines.sort().join(' ') || 'nothing')
  }
  return [...found].sort()
}

it('a file that was not synced is there or not, whole, empty, zeroed or too short', async () => {
  await write('a', 'xy', false)
  expect(crashes()).toEqual(['a=', 'a=0', 'a=x', 'a=xy', 'nothing'])
})

it('a file that was synced in a directory that was not is there whole or not at all', async () => {
  await write('a', 'xy', true)
  expect(crashes()).toEqual(['a=xy', 'nothing'])
})

it('a file in a directory whose own entry is not durable is gone with it', async () => {
  await files.mkdir(join(top, 'd'))
  await write('d/a', 'xy', true)
  await syncDirectory('d')
  expect(crashes()).toEqual(['d/a=xy', 'nothing'])
})

it('what was synced, and the directory after it, is there in any case', async () => {
  await write('a', 'xy', true)
  await syncDirectory()
  expect(crashes()).toEqual(['a=xy'])
})

it('bytes are torn by sectors', async () => {
  await write('a', 'x'.repeat(512) + 'y'.repeat(512), false)
  await syncDirectory()
  expect(crashes()).toContain(`a=${'x'.repeat(512)}0`)
  expect(crashes()).toContain(`a=0${'y'.repeat(512)}`)
})

it('what is written over a synced file leaves the old bytes or the new ones', async () => {
  await write('a', 'old', true)
  await syncDirectory()
  const handle = await files.open(join(top, 'a'), 'r+')
  await handle.write(Buffer.from('new'), 0, 3, 0)
  await handle.close()
  expect(crashes()).toEqual(expect.arrayContaining(['a=new', 'a=old']))
})

it('a rename is undone or done, and never half', async () => {
  await write('a', 'old', true)
  await syncDirectory()
  await write('b', 'new', true)
  await files.rename(join(top, 'b'), join(top, 'a'))
  expect(crashes()).toEqual(['a=new', 'a=old', 'a=old b=new'])
  await syncDirectory()
  expect(crashes()).toEqual(['a=new'])
})

it('a rename into another directory may keep the old name, and loses the file only with the new directory', async () => {
  await files.mkdir(join(top, 'd'))
  await write('a', 'x', true)
  await syncDirectory()
  await files.rename(join(top, 'a'), join(top, 'd/b'))
  expect(crashes()).toEqual(['a=x', 'a=x d/b=x', 'd/b=x'])
  await syncDirectory('d')
  expect(crashes()).toEqual(['a=x d/b=x', 'd/b=x'])
  await syncDirectory()
  expect(crashes()).toEqual(['d/b=x'])
})

it('removals come back in any mixture until the directory is synced', async () => {
  await write('a', 'x', true)
  await write('b', 'y', true)
  await syncDirectory()
  await files.unlink(join(top, 'a'))
  await files.unlink(join(top, 'b'))
  expect(crashes()).toEqual(['a=x', 'a=x b=y', 'b=y', 'nothing'])
  await syncDirectory()
  expect(crashes()).toEqual(['nothing'])
})

it('an fsync makes durable what was there when it began', async () => {
  const handle = await files.open(top, 'r')
  await write('a', 'x', true)
  const syncing = handle.sync()
  await write('b', 'y', false)
  await syncing
  await handle.close()
  expect(crashes()).toEqual(expect.arrayContaining(['a=x', 'a=x b=y']))
  expect(crashes().every((state) => state.startsWith('a=x'))).toBe(true)
})

it('gives files their number and time back, and lets their writer be dead', async () => {
  await write('a', `by ${makeOwner()}`, true)
  await files.symlink(makeOwner(), join(top, 'lock'))
  await syncDirectory()
  const before = fs.lstatSync(join(top, 'a'), { bigint: true })
  const model = new DiskModel()
  for (const step of disk.steps) model.apply(step)
  const [choice] = choices(model, randomFrom(1), 0)
  if (choice === undefined) throw new Error('There is always a choice.')
  const directory = `${top}-again`
  fs.mkdirSync(directory)
  const after = restore(model.crash(choice), directory)
  const { ino, size, mtimeNs } = after.lstat(join(directory, 'a'), { bigint: true }) as fs.BigIntStats
  expect({ ino, size, mtimeNs }).toEqual({ ino: before.ino, size: before.size, mtimeNs: before.mtimeNs })
  expect(livenessOf(fs.readFileSync(join(directory, 'a'), 'utf8').slice(3))).toBe('dead')
  expect(livenessOf(fs.readlinkSync(join(directory, 'lock')))).toBe('dead')
})

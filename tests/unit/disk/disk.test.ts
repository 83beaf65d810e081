import {
  mkdirSync,
  mkdtempSync,
  readFileSync,
  realpathSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { beforeEach, describe, expect, it, onTestFinished } from 'vitest'
import {
  type Disk,
  diskError,
  diskFrom,
  makeDirectories,
  syncDirectory,
  syncHandle,
  writeFully,
} from '../../../src/disk/index.js'
import { StorageError } from '../../../src/errors/index.js'

let root: string
beforeEach(() => {
  root = realpathSync(mkdtempSync(join(tmpdir(), 'hybrid-store-disk-')))
  onTestFinished(() => rmSync(root, { recursive: true, force: true }))
})

/** The real disk, with the paths of the directories that were synced. */
function recording(): { disk: Disk; synced: string[] } {
  const disk = diskFrom()
  const synced: string[] = []
  const open: Disk['open'] = async (path, flags, mode) => {
    const handle = await disk.open(path, flags, mode)
    const sync = handle.sync.bind(handle)
    return Object.assign(handle, {
      sync: async () => {
        synced.push(path)
        await sync()
      },
    })
  }
  return { disk: { ...disk, open }, synced }
}

describe('makeDirectories', () => {
  it('makes what is missing, and every new entry durable in its parent', async () => {
    const { disk, synced } = recording()
    await makeDirectories(disk, join(root, 'a/b/c'), 'fsync')
    expect(statSync(join(root, 'a/b/c')).isDirectory()).toBe(true)
    expect(synced).toEqual([root, join(root, 'a'), join(root, 'a/b')])
  })

  it('is content with what is there, symlinks to directories included', async () => {
    mkdirSync(join(root, 'a'))
    symlinkSync('a', join(root, 'link'))
    await makeDirectories(diskFrom(), join(root, 'link'), 'fsync')
    await makeDirectories(diskFrom(), join(root, 'link/b'), 'none')
    expect(statSync(join(root, 'a/b')).isDirectory()).toBe(true)
  })

  it('fails where a file is in the way', async () => {
    writeFileSync(join(root, 'file'), '')
    await expect(makeDirectories(diskFrom(), join(root, 'file'), 'none')).rejects.toMatchObject({ code: 'EEXIST' })
    await expect(makeDirectories(diskFrom(), join(root, 'file/a'), 'none')).rejects.toMatchObject({ code: 'ENOTDIR' })
  })

  it('lets several make the same directories at once', async () => {
    await Promise.all(Array.from({ length: 8 }, () => makeDirectories(diskFrom(), join(root, 'x/y/z'), 'fsync')))
    expect(statSync(join(root, 'x/y/z')).isDirectory()).toBe(true)
  })
})

describe('syncDirectory', () => {
  it('does nothing with durability none', async () => {
    const { disk, synced } = recording()
    await syncDirectory(disk, root, 'none')
    expect(synced).toEqual([])
    await syncDirectory(disk, root, 'fsync')
    expect(synced).toEqual([root])
  })

  it('takes EINVAL for a disk that has no such thing, and nothing else', async () => {
    const failing = (code: string): Disk => {
      const { disk } = recording()
      const sync = () => Promise.reject(Object.assign(new Error(code), { code }))
      return { ...disk, open: async (...args) => Object.assign(await disk.open(...args), { sync }) }
    }
    await syncDirectory(failing('EINVAL'), root, 'fsync')
    await expect(syncDirectory(failing('EIO'), root, 'fsync')).rejects.toMatchObject({ code: 'EIO' })
  })
})

describe('writeFully', () => {
  it('goes on after a short write, and is NO_SPACE where the disk takes nothing', async () => {
    const handle = await diskFrom().open(join(root, 'file'), 'w')
    const short = {
      ...handle,
      write: (bytes: Uint8Array, offset: number, length: number) =>
        handle.write(bytes, offset, Math.min(length, 3), null),
    }
    await writeFully(short as never, Buffer.from('0123456789'))
    await handle.close()
    expect(readFileSync(join(root, 'file'), 'utf8')).toBe('0123456789')
    const full = { write: async () => ({ bytesWritten: 0 }) }
    await expect(writeFully(full as never, Buffer.from('x'))).rejects.toMatchObject({ code: 'NO_SPACE' })
  })
})

describe('syncHandle', () => {
  it('leaves threads for others, and its slots free after a failure', async () => {
    let running = 0
    let most = 0
    const slow = {
      async sync() {
        most = Math.max(most, ++running)
        await new Promise((resolve) => setTimeout(resolve, 5))
        running--
        throw new Error('failed')
      },
    }
    const all = await Promise.allSettled(Array.from({ length: 10 }, () => syncHandle(slow)))
    expect(all.every(({ status }) => status === 'rejected')).toBe(true)
    expect(most).toBe(Math.max(1, (Number(process.env.UV_THREADPOOL_SIZE) || 4) - 2))
  })
})

describe('diskError', () => {
  const failure = (code: string) => Object.assign(new Error(`${code}: open '/secret/path'`), { code })

  it('gives every system error a code, keeps the cause, and shows no path', () => {
    const cases = {
      ENOENT: 'NOT_FOUND',
      ENOSPC: 'NO_SPACE',
      EACCES: 'ACCESS_DENIED',
      EIO: 'UNAVAILABLE',
      EXOTIC: 'INTERNAL',
    }
    for (const [system, code] of Object.entries(cases)) {
      const cause = failure(system)
      const error = diskError(cause, 'The put', { key: 'a' })
      expect(error).toMatchObject({ code, key: 'a', cause })
      expect(`${error.message} ${error.hint}`).not.toContain('/secret')
    }
  })

  it('leaves a StorageError as it is', () => {
    const error = new StorageError('CORRUPT', 'x')
    expect(diskError(error, 'The get')).toBe(error)
  })
})

describe('a handle that is closed', () => {
  it('reaches no file any more, not even one that has its number now', async () => {
    const disk = diskFrom()
    writeFileSync(join(root, 'other'), 'other')
    const handle = await disk.open(join(root, 'file'), 'w+')
    const { fd } = handle
    await handle.close()
    const other = await disk.open(join(root, 'other'), 'r+')
    expect(other.fd).toBe(fd)
    await handle.close()
    for (const act of [
      () => handle.write(Buffer.from('x'), 0, 1, 0),
      () => handle.read(Buffer.alloc(1), 0, 1, 0),
      () => handle.truncate(0),
      () => handle.sync(),
      () => handle.utimes(1, 1),
    ]) {
      await expect(act()).rejects.toThrow()
    }
    expect(readFileSync(join(root, 'other'), 'utf8')).toBe('other')
    const read = await other.read(Buffer.alloc(9), 0, 9, 0)
    expect(read.bytesRead).toBe(5)
    await other.close()
  })
})

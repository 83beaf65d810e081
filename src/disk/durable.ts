import { dirname } from 'node:path'
import { StorageError } from '../errors/index.js'
import { systemCode } from './errors.js'
import type { Disk, DiskHandle } from './port.js'
import { syncHandle } from './sync.js'

/** `fsync`: a change survives power loss once it is resolved. `none`: it survives the process, not the machine. */
export type Durability = 'fsync' | 'none'

/** Writes all of `bytes` at the handle's position; a short write goes on where it stopped. */
export async function writeFully(handle: DiskHandle, bytes: Uint8Array): Promise<void> {
  let offset = 0
  while (offset < bytes.byteLength) {
    const { bytesWritten } = await handle.write(bytes, offset, bytes.byteLength - offset, null)
    if (bytesWritten === 0) throw new StorageError('NO_SPACE', 'The disk took no more bytes.')
    offset += bytesWritten
  }
}

/** Makes the entries of a directory durable. Where a directory cannot be opened or synced (Windows), it does nothing. */
export async function syncDirectory(disk: Disk, path: string, durability: Durability): Promise<void> {
  if (durability === 'fsync') await syncHandle({ sync: () => fsyncDirectory(disk, path) })
}

/** The same at once: the caller sees to it that not too many are under way. */
export async function fsyncDirectory(disk: Disk, path: string): Promise<void> {
  let handle: DiskHandle
  try {
    handle = await disk.open(path, 'r')
  } catch (error) {
    if (process.platform === 'win32' && ['EISDIR', 'EPERM', 'EACCES'].includes(systemCode(error) ?? '')) return
    throw error
  }
  try {
    await handle.sync()
  } catch (error) {
    // Some file systems have no fsync for directories and say EINVAL; it is not a failure of the disk.
    if (systemCode(error) !== 'EINVAL' && process.platform !== 'win32') throw error
  } finally {
    await disk.closeUnwritten(handle)
  }
}

/**
 * Makes `path` and the ancestors it lacks, and makes each new entry durable in its parent.
 * A directory that somebody else makes at the same time is synced too: their fsync may still be to come.
 */
export async function makeDirectories(disk: Disk, path: string, durability: Durability, mode?: number): Promise<void> {
  try {
    await disk.mkdir(path, mode)
  } catch (error) {
    const code = systemCode(error)
    if (code === 'EEXIST') {
      if ((await disk.stat(path)).isDirectory()) return
      throw error
    }
    const parent = dirname(path)
    if (code !== 'ENOENT' || parent === path) throw error
    await makeDirectories(disk, parent, durability, mode)
    try {
      await disk.mkdir(path, mode)
    } catch (again) {
      if (systemCode(again) !== 'EEXIST') throw again
    }
  }
  await syncDirectory(disk, dirname(path), durability)
}

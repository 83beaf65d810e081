import { dirname } from 'node:path'
import { type Disk, systemCode } from '../disk/index.js'
import type { OutboxVolume } from './types.js'

/** Numbers of file systems that are gone with the machine or the container (Linux, `statfs(2)`). */
const EPHEMERAL: ReadonlyMap<number, string> = new Map([
  [0x01021994, 'tmpfs'],
  [0x858458f6, 'ramfs'],
  [0x794c7630, 'overlayfs'],
  [0x61756673, 'aufs'],
])

/** The volume that holds a directory, or would once it is made. */
export async function volumeOf(disk: Disk, directory: string): Promise<OutboxVolume> {
  for (let path = directory; ; path = dirname(path)) {
    try {
      const { free, type } = await disk.statfs(path)
      return { free, ephemeral: EPHEMERAL.get(type) }
    } catch (error) {
      if (systemCode(error) !== 'ENOENT' || path === dirname(path)) throw error
    }
  }
}

import type { BigIntStats, Dirent, promises as nodePromises } from 'node:fs'
import { nodeDisk } from './node-disk.js'

/** An open file, or a directory opened for fsync. Node's FileHandle is one. Closed, it reaches no file any more. */
export interface DiskHandle {
  readonly fd: number
  read(buffer: Uint8Array, offset: number, length: number, position: number | null): Promise<{ bytesRead: number }>
  write(buffer: Uint8Array, offset: number, length: number, position: number | null): Promise<{ bytesWritten: number }>
  stat(options: { bigint: true }): Promise<BigIntStats>
  sync(): Promise<void>
  chmod(mode: number): Promise<void>
  utimes(atime: number | Date, mtime: number | Date): Promise<void>
  truncate(length: number): Promise<void>
  close(): Promise<void>
}

/** Which file it is, and how long it is now. */
export interface FileIdentity {
  readonly ino: number
  /** Bytes. */
  readonly size: number
}

/**
 * Every system call of the library goes through this port, so that a test can record the calls, make the nth one fail,
 * or put memfs underneath. One method is one call; nothing here is recursive or retried.
 */
export interface Disk {
  open(path: string, flags: number | string, mode?: number): Promise<DiskHandle>
  mkdir(path: string, mode?: number): Promise<void>
  readdir(path: string): Promise<Dirent[]>
  rename(from: string, to: string): Promise<void>
  link(existing: string, path: string): Promise<void>
  symlink(target: string, path: string): Promise<void>
  unlink(path: string): Promise<void>
  rmdir(path: string): Promise<void>
  lstat(path: string): Promise<BigIntStats>
  stat(path: string): Promise<BigIntStats>
  readlink(path: string): Promise<string>
  realpath(path: string): Promise<string>
  /** Where an open file lies now, by its link in /proc (Linux only). It asks the kernel alone, never the disk. */
  handlePath(handle: DiskHandle): string | Promise<string>
  /** What a file is that was opened just now: its inode is in memory, so this too does not touch the disk. */
  handleStat(handle: DiskHandle): BigIntStats | Promise<BigIntStats>
  /**
   * Whether a file is still the one that was seen before; undefined where there is none. It is asked for in front of
   * every read of the store, so Node's own file system answers at once, from the kernel's memory.
   */
  identify(path: string): FileIdentity | undefined | Promise<FileIdentity | undefined>
  /** Closes what nothing was written through, such as a directory: the kernel forgets a number, and asks no disk. */
  closeUnwritten(handle: DiskHandle): void | Promise<void>
  /** Free and total bytes, and the file system's type number, of the volume that holds `path`. */
  statfs(path: string): Promise<{ readonly type: number; readonly free: number; readonly total: number }>
}

/** What is needed of a module that looks like `node:fs`; memfs does. */
export interface FsLike {
  readonly promises: unknown
}

/** The port on `node:fs`, or on a module that looks like it. */
export function diskFrom(fs?: FsLike | undefined): Disk {
  return fs === undefined ? nodeDisk : promisesDisk(fs)
}

function promisesDisk(fs: FsLike): Disk {
  const p = fs.promises as typeof nodePromises
  return {
    open: (path, flags, mode) => p.open(path, flags, mode),
    mkdir: async (path, mode) => {
      await p.mkdir(path, { mode })
    },
    readdir: (path) => p.readdir(path, { withFileTypes: true }),
    rename: (from, to) => p.rename(from, to),
    link: (existing, path) => p.link(existing, path),
    symlink: (target, path) => p.symlink(target, path),
    unlink: (path) => p.unlink(path),
    rmdir: (path) => p.rmdir(path),
    lstat: (path) => p.lstat(path, { bigint: true }),
    stat: (path) => p.stat(path, { bigint: true }),
    readlink: async (path) => String(await p.readlink(path)),
    realpath: async (path) => String(await p.realpath(path)),
    handlePath: ({ fd }) => p.readlink(`/proc/self/fd/${fd}`).then(String),
    handleStat: (handle) => handle.stat({ bigint: true }),
    identify: async (path) => {
      try {
        const { ino, size } = await p.stat(path)
        return { ino, size }
      } catch (error) {
        if (['ENOENT', 'ENOTDIR'].includes((error as NodeJS.ErrnoException).code ?? '')) return undefined
        throw error
      }
    },
    closeUnwritten: (handle) => handle.close(),
    statfs: async (path) => {
      const { type, bavail, bsize, blocks } = await p.statfs(path)
      return { type, free: bavail * bsize, total: blocks * bsize }
    },
  }
}

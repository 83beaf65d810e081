import fs, { type BigIntStats, type Dirent, type Stats } from 'node:fs'
import type { FsLike } from '../../src/disk/index.js'

/** An open file of a {@link DirectFs}, as its methods are told of it. */
export interface OpenFile {
  readonly fd: number
  /** As it was opened. */
  readonly path: string
}

/**
 * Node's file system, to be given to FsDriver: every call is one synchronous call underneath, so that nothing happens
 * between a call and its entry in a log, and thousands of runs do not wait for the thread pool. Fsync asks no disk: what
 * it means is for the model of the test to say. Subclasses record, fail, or show another identity of files.
 */
export class DirectFs implements FsLike {
  readonly promises: unknown

  constructor() {
    this.promises = promisesOf(this)
  }

  /** In front of every call, but behind a close: one that fails has closed all the same. May throw instead of it. */
  before(_call: string, _path: string): void {}

  open(path: string, flags: number | string, mode?: number): OpenFile {
    return { fd: fs.openSync(path, flags, mode), path }
  }

  close(file: OpenFile): void {
    fs.closeSync(file.fd)
  }

  read(file: OpenFile, buffer: Uint8Array, offset: number, length: number, position: number | null): number {
    return fs.readSync(file.fd, buffer, offset, length, position)
  }

  write(file: OpenFile, bytes: Uint8Array, position: number | null): number {
    return fs.writeSync(file.fd, bytes, 0, bytes.byteLength, position)
  }

  /** Lets other calls in while it lasts, as a real one does. */
  async sync(_file: OpenFile): Promise<void> {
    await new Promise<void>((resolve) => setImmediate(resolve))
  }

  fstat(file: OpenFile): BigIntStats {
    return fs.fstatSync(file.fd, { bigint: true })
  }

  fchmod(file: OpenFile, mode: number): void {
    fs.fchmodSync(file.fd, mode)
  }

  futimes(file: OpenFile, atime: number | Date, mtime: number | Date): void {
    fs.futimesSync(file.fd, atime, mtime)
  }

  ftruncate(file: OpenFile, length: number): void {
    fs.ftruncateSync(file.fd, length)
  }

  mkdir(path: string, mode: number | undefined): void {
    fs.mkdirSync(path, { mode })
  }

  rmdir(path: string): void {
    fs.rmdirSync(path)
  }

  rename(from: string, to: string): void {
    fs.renameSync(from, to)
  }

  link(existing: string, path: string): void {
    fs.linkSync(existing, path)
  }

  symlink(target: string, path: string): void {
    fs.symlinkSync(target, path)
  }

  unlink(path: string): void {
    fs.unlinkSync(path)
  }

  readdir(path: string): Dirent[] {
    return fs.readdirSync(path, { withFileTypes: true })
  }

  lstat(path: string, options: { bigint: boolean } | undefined): Stats | BigIntStats {
    return fs.lstatSync(path, options) as Stats | BigIntStats
  }

  stat(path: string, options: { bigint: boolean } | undefined): Stats | BigIntStats {
    return fs.statSync(path, options) as Stats | BigIntStats
  }

  readlink(path: string): string {
    return fs.readlinkSync(path)
  }

  realpath(path: string): string {
    return fs.realpathSync.native(path)
  }

  statfs(path: string): fs.StatsFs {
    return fs.statfsSync(path)
  }
}

/** The directory that holds what is named by a path, and the name. */
export function splitPath(path: string): { readonly directory: string; readonly name: string } {
  const at = path.lastIndexOf('/')
  return { directory: path.slice(0, at) || '/', name: path.slice(at + 1) }
}

function promisesOf(direct: DirectFs): unknown {
  const calls = {
    open: (path: string, flags: number | string, mode?: number) => handleOf(direct, direct.open(path, flags, mode)),
    mkdir: (path: string, options?: { mode?: number }) => direct.mkdir(path, options?.mode),
    rmdir: (path: string) => direct.rmdir(path),
    rename: (from: string, to: string) => direct.rename(from, to),
    link: (existing: string, path: string) => direct.link(existing, path),
    symlink: (target: string, path: string) => direct.symlink(target, path),
    unlink: (path: string) => direct.unlink(path),
    readdir: (path: string) => direct.readdir(path),
    lstat: (path: string, options?: { bigint: boolean }) => direct.lstat(path, options),
    stat: (path: string, options?: { bigint: boolean }) => direct.stat(path, options),
    readlink: (path: string) => direct.readlink(path),
    realpath: (path: string) => direct.realpath(path),
    statfs: (path: string) => direct.statfs(path),
  }
  return asynchronous(calls, (name, args) => direct.before(name, String(args[name === 'symlink' ? 1 : 0])))
}

function handleOf(direct: DirectFs, file: OpenFile): unknown {
  let closed = false
  const calls = {
    read: (buffer: Uint8Array, offset: number, length: number, position: number | null) => ({
      bytesRead: direct.read(file, buffer, offset, length, position),
    }),
    write: (buffer: Uint8Array, offset: number, length: number, position: number | null) => ({
      bytesWritten: direct.write(file, buffer.subarray(offset, offset + length), position),
    }),
    stat: () => direct.fstat(file),
    sync: () => direct.sync(file),
    chmod: (mode: number) => direct.fchmod(file, mode),
    utimes: (atime: number | Date, mtime: number | Date) => direct.futimes(file, atime, mtime),
    truncate: (length: number) => direct.ftruncate(file, length),
    close: () => {
      if (closed) return
      closed = true
      direct.close(file)
      direct.before('close', file.path)
    },
  }
  const before = (name: string) => {
    if (name !== 'close') direct.before(name, file.path)
  }
  return Object.assign(asynchronous(calls, before), { fd: file.fd })
}

/** Each call as a promise. One that is not here would go by unseen, so it is refused. */
function asynchronous<T extends Record<string, (...args: never[]) => unknown>>(
  calls: T,
  before: (name: string, args: readonly unknown[]) => void,
): object {
  const promised: Record<string, unknown> = {}
  for (const [name, call] of Object.entries(calls)) {
    promised[name] = async (...args: unknown[]) => {
      before(name, args)
      return (call as (...args: unknown[]) => unknown)(...args)
    }
  }
  return new Proxy(promised, {
    get(target, name) {
      // A promise that resolves with it asks whether it is one itself.
      if (typeof name === 'symbol' || name === 'then' || name in target) return Reflect.get(target, name)
      throw new Error(`The call ${name} is not modelled.`)
    },
  })
}

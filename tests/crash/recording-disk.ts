import fs, { type BigIntStats, type Stats } from 'node:fs'
import { DirectFs, type OpenFile, splitPath } from './direct-fs.js'
import { Identities } from './identities.js'

/** A file, directory or symlink for as long as it is there, whatever its names. The top directory is 0. */
export type Id = number

/** An entry of a directory. */
export interface Place {
  readonly directory: Id
  readonly name: string
}

/** One thing that happened, with everything that is needed to make it happen again. */
export type Step =
  | { readonly kind: 'create'; readonly id: Id; readonly at: Place; readonly ino: bigint; readonly facts: FileFacts }
  | { readonly kind: 'mkdir'; readonly id: Id; readonly at: Place; readonly mode: number }
  | { readonly kind: 'symlink'; readonly id: Id; readonly at: Place; readonly target: string }
  | { readonly kind: 'link'; readonly id: Id; readonly at: Place }
  | { readonly kind: 'rename'; readonly id: Id; readonly from: Place; readonly to: Place }
  | { readonly kind: 'unlink' | 'rmdir'; readonly at: Place }
  | {
      readonly kind: 'write'
      readonly id: Id
      readonly offset: number
      readonly bytes: Uint8Array
      readonly facts: FileFacts
    }
  | { readonly kind: 'truncate'; readonly id: Id; readonly length: number; readonly facts: FileFacts }
  | { readonly kind: 'attributes'; readonly id: Id; readonly facts: FileFacts }
  /** An fsync begins: only what was there by now will be durable when it has ended. */
  | { readonly kind: 'sync'; readonly id: Id; readonly sync: number }
  | { readonly kind: 'synced'; readonly id: Id; readonly sync: number }
  /** What happened elsewhere, in the order in which it happened: `what` is for who wrote it. */
  | { readonly kind: 'mark'; readonly what: Mark }

export type Mark =
  | { readonly kind: 'begin' | 'acknowledged'; readonly operation: number }
  | { readonly kind: 'refused'; readonly operation: number; readonly error: unknown }
  /** So many changes have reached S3. */
  | { readonly kind: 'remote'; readonly changes: number }

/** What an fsync makes durable beside the bytes. */
export interface FileFacts {
  readonly mode: number
  readonly mtimeNs: bigint
}

/** Runs on a real directory and writes down every call that changes it, in order. */
export class RecordingDisk extends DirectFs {
  readonly steps: Step[] = []
  readonly #ids = new Map<bigint, Id>()
  readonly #opened = new WeakMap<OpenFile, Id>()
  /** Where the next write without a position goes. */
  readonly #positions = new WeakMap<OpenFile, number | 'end'>()
  readonly #identities: Identities
  #last: Id = 0
  #syncs = 0

  /**
   * `top` exists and is durable, and nothing outside it is changed. What it holds is taken for durable too, and comes
   * first among the steps, under the identities that it had before.
   */
  constructor(top: string, identities = new Identities()) {
    super()
    this.#identities = identities
    this.#ids.set(fs.statSync(top, { bigint: true }).ino, 0)
    this.#adopt(top)
  }

  mark(what: Mark): void {
    this.steps.push({ kind: 'mark', what })
  }

  override open(path: string, flags: number | string, mode?: number): OpenFile {
    const before = tryLstat(path)
    const file = super.open(path, flags, mode)
    const stat = fs.fstatSync(file.fd, { bigint: true })
    if (before === undefined) {
      const id = this.#named(stat.ino)
      this.steps.push({ kind: 'create', id, at: this.#place(path), ino: stat.ino, facts: factsOf(stat) })
    } else if (before.size > 0n && stat.size === 0n) {
      this.steps.push({ kind: 'truncate', id: this.#idOf(stat.ino), length: 0, facts: factsOf(stat) })
    }
    this.#opened.set(file, this.#idOf(stat.ino))
    const appends = typeof flags === 'string' ? flags.startsWith('a') : (flags & fs.constants.O_APPEND) !== 0
    this.#positions.set(file, appends ? 'end' : 0)
    return file
  }

  override write(file: OpenFile, bytes: Uint8Array, position: number | null): number {
    const size = Number(fs.fstatSync(file.fd, { bigint: true }).size)
    const here = this.#positions.get(file) ?? 0
    const offset = here === 'end' ? size : (position ?? here)
    const written = super.write(file, bytes, position)
    if (position === null && here !== 'end') this.#positions.set(file, here + written)
    const copy = Uint8Array.from(bytes.subarray(0, written))
    this.steps.push({ kind: 'write', id: this.#of(file), offset, bytes: copy, facts: this.#facts(file) })
    return written
  }

  override async sync(file: OpenFile): Promise<void> {
    const id = this.#of(file)
    const sync = ++this.#syncs
    this.steps.push({ kind: 'sync', id, sync })
    await super.sync(file)
    this.steps.push({ kind: 'synced', id, sync })
  }

  override fchmod(file: OpenFile, mode: number): void {
    super.fchmod(file, mode)
    this.#attributes(file)
  }

  override futimes(file: OpenFile, atime: number | Date, mtime: number | Date): void {
    super.futimes(file, atime, mtime)
    this.#attributes(file)
  }

  override ftruncate(file: OpenFile, length: number): void {
    super.ftruncate(file, length)
    this.steps.push({ kind: 'truncate', id: this.#of(file), length, facts: this.#facts(file) })
  }

  override fstat(file: OpenFile): BigIntStats {
    return this.#identities.show(super.fstat(file))
  }

  override lstat(path: string, options: { bigint: boolean } | undefined): Stats | BigIntStats {
    return this.#identities.show(super.lstat(path, options))
  }

  override stat(path: string, options: { bigint: boolean } | undefined): Stats | BigIntStats {
    return this.#identities.show(super.stat(path, options))
  }

  override mkdir(path: string, mode: number | undefined): void {
    super.mkdir(path, mode)
    const stat = fs.lstatSync(path, { bigint: true })
    this.steps.push({ kind: 'mkdir', id: this.#named(stat.ino), at: this.#place(path), mode: factsOf(stat).mode })
  }

  override symlink(target: string, path: string): void {
    super.symlink(target, path)
    const id = this.#named(fs.lstatSync(path, { bigint: true }).ino)
    this.steps.push({ kind: 'symlink', id, at: this.#place(path), target })
  }

  override link(existing: string, path: string): void {
    super.link(existing, path)
    const id = this.#idOf(fs.lstatSync(path, { bigint: true }).ino)
    this.steps.push({ kind: 'link', id, at: this.#place(path) })
  }

  override rename(from: string, to: string): void {
    const moved = tryLstat(from)
    const replaced = tryLstat(to)
    super.rename(from, to)
    // Two names of one file: POSIX does nothing then.
    if (moved === undefined || moved.ino === replaced?.ino) return
    this.steps.push({ kind: 'rename', id: this.#idOf(moved.ino), from: this.#place(from), to: this.#place(to) })
  }

  override unlink(path: string): void {
    super.unlink(path)
    this.steps.push({ kind: 'unlink', at: this.#place(path) })
  }

  override rmdir(path: string): void {
    super.rmdir(path)
    this.steps.push({ kind: 'rmdir', at: this.#place(path) })
  }

  #attributes(file: OpenFile): void {
    this.steps.push({ kind: 'attributes', id: this.#of(file), facts: this.#facts(file) })
  }

  #facts(file: OpenFile): FileFacts {
    return factsOf(this.fstat(file))
  }

  #adopt(directory: string): void {
    for (const { name } of fs.readdirSync(directory, { withFileTypes: true })) {
      const path = `${directory}/${name}`
      const { ino } = fs.lstatSync(path, { bigint: true })
      const stat = this.lstat(path, { bigint: true }) as BigIntStats
      const at = this.#place(path)
      const twin = stat.isFile() ? this.#ids.get(ino) : undefined
      const id = twin ?? this.#named(ino)
      if (twin !== undefined) this.steps.push({ kind: 'link', id, at })
      else if (stat.isSymbolicLink()) this.steps.push({ kind: 'symlink', id, at, target: fs.readlinkSync(path) })
      else if (stat.isDirectory()) this.steps.push({ kind: 'mkdir', id, at, mode: factsOf(stat).mode })
      else {
        const facts = factsOf(stat)
        this.steps.push({ kind: 'create', id, at, ino: stat.ino, facts })
        this.steps.push({ kind: 'write', id, offset: 0, bytes: fs.readFileSync(path), facts })
      }
      if (stat.isDirectory()) this.#adopt(path)
    }
  }

  #of(file: OpenFile): Id {
    const id = this.#opened.get(file)
    if (id === undefined) throw new Error(`${file.path} was opened by somebody else.`)
    return id
  }

  /** The directory may be named by the link of its handle, as the driver does it on Linux. */
  #place(path: string): Place {
    const { directory, name } = splitPath(path)
    return { directory: this.#idOf(fs.statSync(directory, { bigint: true }).ino), name }
  }

  /** A new thing: the file system may have given its number to another one before. */
  #named(ino: bigint): Id {
    this.#ids.set(ino, ++this.#last)
    return this.#last
  }

  #idOf(ino: bigint): Id {
    const id = this.#ids.get(ino)
    if (id === undefined) throw new Error('Something was changed that this disk has not seen being made.')
    return id
  }
}

function tryLstat(path: string): BigIntStats | undefined {
  return fs.lstatSync(path, { bigint: true, throwIfNoEntry: false })
}

function factsOf({ mode, mtimeNs }: BigIntStats): FileFacts {
  return { mode: Number(mode) & 0o7777, mtimeNs }
}

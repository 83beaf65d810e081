import { type Disk, type DiskHandle, type FileIdentity, writeFully } from '../disk/index.js'

/** One line of the log: a record came or went. */
export interface RecordChange {
  readonly type: 'added' | 'removed'
  /** The name of the record's file. */
  readonly name: string
}

/** What happened since the log was looked at last; `unknown` where everything must be looked at again. */
export type Changes = readonly RecordChange[] | 'unknown'

const none: readonly RecordChange[] = []

/**
 * Tells the processes that share an outbox of each other's commits. Every commit and removal appends a line, after it
 * has happened. A reader looks at the file's length, which takes a microsecond; unchanged means that it knows all there
 * is. It is only news: the records themselves are what counts, and where the log was lost they are read again.
 */
export class ChangeLog {
  readonly #disk: Disk
  readonly #path: string
  #handle: DiskHandle | undefined
  /** Of the open handle. */
  #ino: number | undefined
  /** What was read so far: the file, and bytes of it. */
  #read: FileIdentity | undefined
  #writing: Promise<unknown> = Promise.resolve()

  constructor(disk: Disk, path: string) {
    this.#disk = disk
    this.#path = path
  }

  /** Begins here: what is to be read anyway need not be told. */
  async start(): Promise<void> {
    const now = await this.#disk.identify(this.#path)
    this.#read = now && { ino: now.ino, size: now.size }
  }

  /** Bytes of the log. */
  get size(): number {
    return this.#read?.size ?? 0
  }

  /** Undefined where nothing happened; answered at once wherever the disk answers at once. */
  look(): undefined | Promise<Changes> {
    const now = this.#disk.identify(this.#path)
    if (now instanceof Promise) return now.then((identity) => (this.#isRead(identity) ? none : this.#readOn(identity)))
    return this.#isRead(now) ? undefined : this.#readOn(now)
  }

  /** Tells the others. Lines are appended whole, whoever writes at the same time. */
  append(changes: readonly RecordChange[]): Promise<void> {
    const lines = changes.map(({ type, name }) => `${type === 'added' ? '+' : '-'}${name}\n`).join('')
    const written = this.#writing.then(() => this.#append(Buffer.from(lines)))
    this.#writing = written.catch(() => {})
    return written
  }

  /** Begins anew with an empty log. Only where no other process has it open. */
  async clear(): Promise<void> {
    await this.close()
    await this.#disk.unlink(this.#path)
    this.#read = undefined
  }

  async close(): Promise<void> {
    await this.#writing
    const handle = this.#handle
    this.#handle = undefined
    await handle?.close()
  }

  async #append(lines: Buffer): Promise<void> {
    const before = await this.#disk.identify(this.#path)
    if (this.#handle === undefined || before?.ino !== this.#ino) await this.#open()
    await writeFully(this.#handle as DiskHandle, lines)
    const after = await this.#disk.identify(this.#path)
    // Nobody else wrote meanwhile: there is no need to read what was just written.
    const { ino, size } = this.#read ?? { ino: this.#ino as number, size: 0 }
    if (after?.ino === ino && after.size === size + lines.byteLength) this.#read = { ino, size: after.size }
  }

  async #open(): Promise<void> {
    await this.#handle?.close()
    this.#handle = undefined
    this.#handle = await this.#disk.open(this.#path, 'a+', 0o600)
    this.#ino = (await this.#disk.identify(this.#path))?.ino
  }

  #isRead(now: FileIdentity | undefined): boolean {
    return now?.ino === this.#read?.ino && now?.size === this.#read?.size
  }

  async #readOn(now: FileIdentity | undefined): Promise<Changes> {
    const { ino, size: from } = this.#read ?? { ino: undefined, size: 0 }
    if (now === undefined || now.ino !== ino || now.size < from) {
      this.#read = now && { ino: now.ino, size: now.size }
      return 'unknown'
    }
    const handle = await this.#disk.open(this.#path, 'r')
    try {
      const buffer = Buffer.alloc(now.size - from)
      let filled = 0
      while (filled < buffer.byteLength) {
        const { bytesRead } = await handle.read(buffer, filled, buffer.byteLength - filled, from + filled)
        if (bytesRead === 0) break
        filled += bytesRead
      }
      // A line that is not whole yet is read the next time.
      const end = buffer.subarray(0, filled).lastIndexOf(0x0a) + 1
      if (this.#read?.ino === ino && this.#read?.size === from) this.#read = { ino: now.ino, size: from + end }
      return linesOf(buffer.toString('latin1', 0, end))
    } finally {
      await handle.close()
    }
  }
}

function linesOf(text: string): Changes {
  const changes: RecordChange[] = []
  for (const line of text.split('\n')) {
    if (line === '') continue
    if (line[0] !== '+' && line[0] !== '-') return 'unknown'
    changes.push({ type: line[0] === '+' ? 'added' : 'removed', name: line.slice(1) })
  }
  return changes
}

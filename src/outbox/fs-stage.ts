import { createHash } from 'node:crypto'
import { join } from 'node:path'
import { type DiskHandle, syncHandle, writeFully } from '../disk/index.js'
import { StorageError } from '../errors/index.js'
import { type OutboxFolder, outboxError, unlinkIfThere } from './folder.js'
import { INLINE_BYTES } from './record.js'
import type { CommitOptions, OutboxPut, OutboxStage, PutRecord } from './types.js'

/** Chunks are gathered up to this many bytes, so that a body of tiny chunks is not a system call each. */
const GATHER_BYTES = 64 * 1024

const READ_BYTES = 256 * 1024

/** What a stage hands over: a whole, durable body beside the records, or the bytes to put into one. */
export interface StagedBody {
  readonly token: string
  readonly size: number
  readonly sha256: string
  readonly md5: string
  readonly inline: Uint8Array | undefined
}

/** What the outbox does for its stages. */
export interface StageHost {
  publish(entry: OutboxPut, body: StagedBody, options: CommitOptions): Promise<PutRecord>
  /** The stage was committed or discarded. */
  over(): void
}

/** Writes a body to `bodies/<token>`, or keeps it in memory as long as it is small enough to live in its record. */
export class FsStage implements OutboxStage {
  readonly token: string
  readonly #folder: OutboxFolder
  readonly #path: string
  readonly #host: StageHost
  readonly #hashLate: boolean
  readonly #sha256 = createHash('sha256')
  readonly #md5 = createHash('md5')
  #gathered: Uint8Array[] = []
  #gatheredBytes = 0
  #size = 0
  #handle: DiskHandle | undefined
  #state: 'open' | 'committing' | 'over' = 'open'

  constructor(folder: OutboxFolder, token: string, hashLate: boolean, host: StageHost) {
    this.#folder = folder
    this.#hashLate = hashLate
    this.token = token
    this.#path = join(folder.bodies, token)
    this.#host = host
  }

  get size(): number {
    return this.#size
  }

  async write(chunk: Uint8Array): Promise<void> {
    this.#assertOpen()
    if (!this.#hashLate) this.#hash(chunk)
    this.#gatheredBytes += chunk.byteLength
    this.#size += chunk.byteLength
    if (this.#size <= INLINE_BYTES || this.#gatheredBytes < GATHER_BYTES) {
      this.#gathered.push(Uint8Array.from(chunk))
      return
    }
    try {
      this.#gathered.push(chunk)
      await this.#flush()
    } catch (error) {
      throw outboxError(error, 'Writing to the outbox', { operation: 'put' })
    }
  }

  async commit(entry: OutboxPut, options: CommitOptions = {}): Promise<PutRecord> {
    this.#assertOpen()
    this.#state = 'committing'
    try {
      const inline = this.#size <= INLINE_BYTES ? Buffer.concat(this.#gathered) : undefined
      if (inline === undefined) await this.#finishBody()
      else if (this.#hashLate) this.#hash(inline)
      const digest = { sha256: this.#sha256.digest('hex'), md5: this.#md5.digest('hex') }
      const body = { token: this.token, size: this.#size, ...digest, inline }
      const record = await this.#host.publish(entry, body, options)
      this.#state = 'over'
      this.#host.over()
      return record
    } catch (error) {
      await this.discard()
      const facts = { operation: 'put', key: entry.key, outcome: 'unchanged' } as const
      throw outboxError(error, 'Writing to the outbox', facts)
    }
  }

  async discard(): Promise<void> {
    if (this.#state === 'over') return
    this.#state = 'over'
    this.#host.over()
    this.#gathered = []
    const handle = this.#handle
    if (handle === undefined) return
    this.#handle = undefined
    try {
      await handle.close()
      await unlinkIfThere(this.#folder.disk, this.#path)
    } catch {
      // The file is unreferenced; it goes with the sweep after this process has ended.
    }
  }

  async #flush(): Promise<void> {
    if (this.#handle === undefined) {
      await this.#folder.make()
      this.#handle = await this.#folder.disk.open(this.#path, 'wx+', 0o600)
    }
    const [first] = this.#gathered
    if (first === undefined) return
    const bytes = this.#gathered.length === 1 ? first : Buffer.concat(this.#gathered)
    this.#gathered = []
    this.#gatheredBytes = 0
    await writeFully(this.#handle, bytes)
  }

  async #finishBody(): Promise<void> {
    const { durability, bodies } = this.#folder
    await this.#flush()
    const handle = this.#handle as DiskHandle
    if (this.#hashLate) await this.#hashFile(handle)
    // A failed fsync is final: the kernel may have dropped the pages and would report success the second time.
    if (durability === 'fsync') await syncHandle(handle)
    await handle.close()
    await this.#folder.sync(bodies)
  }

  #hash(bytes: Uint8Array): void {
    this.#sha256.update(bytes)
    this.#md5.update(bytes)
  }

  /** From the kernel's memory, which has just been given it. */
  async #hashFile(handle: DiskHandle): Promise<void> {
    const buffer = Buffer.allocUnsafe(READ_BYTES)
    for (let at = 0; at < this.#size; ) {
      const { bytesRead } = await handle.read(buffer, 0, buffer.byteLength, at)
      if (bytesRead === 0) throw new StorageError('CORRUPT', 'A body of the outbox has become shorter.')
      this.#hash(buffer.subarray(0, bytesRead))
      at += bytesRead
    }
  }

  #assertOpen(): void {
    if (this.#state === 'open') return
    throw new StorageError('INTERNAL', 'A stage of the outbox was used after its end.', { operation: 'put' })
  }
}

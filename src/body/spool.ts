import type { SpoolBudget } from './spool-budget.js'

/** Where a spool goes when memory is full. */
export interface SpoolSink {
  /** Takes bytes that do not change any more. */
  write(chunk: Uint8Array): Promise<void>
  /** Gives up what was written. Never rejects. */
  discard(): Promise<void>
}

/** Why a spool gave up: a budget is spent, the volume has too little room left, or writing failed. */
export type SpoolLoss = 'budget' | 'free-space' | 'failed'

export interface SpoolOptions<S extends SpoolSink> {
  /** Bytes that this spool may hold in memory before it goes to the sink. */
  readonly memory: number
  /** Bytes that must stay free on the sink's volume. */
  readonly minFree: number
  readonly budget: SpoolBudget
  readonly openSink: () => Promise<S>
  /** Bytes free on the sink's volume; undefined where that means nothing. */
  readonly freeSpace: () => Promise<number | undefined>
  /** Called once if the spool gives up, with what it holds released. */
  readonly onLost: (loss: SpoolLoss, error?: unknown) => void
}

const BLOCK_BYTES = 256 * 1024
/** How many bytes may go to the sink between two looks at the free space. */
const LOOK_EVERY_BYTES = 64 * 1024 * 1024

/**
 * Keeps a copy of a body while it goes elsewhere: in memory at first, in a sink from then on. It never gets in the way
 * of the upload: when a budget is spent or the sink fails it gives up, says so, and takes nothing more.
 */
export class Spool<S extends SpoolSink> {
  readonly #options: SpoolOptions<S>
  #blocks: Uint8Array[] = []
  #block: Buffer | undefined
  #spare: Buffer | undefined
  #filled = 0
  #memory = 0
  #disk = 0
  #lookAt = 0
  #sink: S | undefined
  #state: 'whole' | 'lost' | 'over' = 'whole'

  constructor(options: SpoolOptions<S>) {
    this.#options = options
  }

  /** Whether everything added so far is still here. */
  get whole(): boolean {
    return this.#state === 'whole'
  }

  /** Takes a copy of the chunk. Never rejects. */
  async add(chunk: Uint8Array): Promise<void> {
    if (this.#state !== 'whole') return
    try {
      for (let at = 0; at < chunk.byteLength && this.#state === 'whole'; ) at += await this.#fill(chunk, at)
    } catch (error) {
      await this.#lose('failed', error)
    }
  }

  /**
   * Puts everything added so far into the sink and hands that over; the spool is empty then. The caller writes on to
   * the sink, and discards it where nothing comes of it. Rejects as the sink does.
   */
  async handOver(): Promise<S> {
    const sink = this.#sink ?? (await this.#options.openSink())
    this.#sink = undefined
    try {
      this.#closeBlock()
      for (const block of this.#blocks) await sink.write(block)
      return sink
    } catch (error) {
      await sink.discard()
      throw error
    } finally {
      await this.release()
    }
  }

  /** Lets go of everything. */
  async release(): Promise<void> {
    if (this.#state === 'whole') this.#state = 'over'
    const sink = this.#sink
    this.#sink = undefined
    this.#dropMemory()
    this.#options.budget.giveDisk(this.#disk)
    this.#disk = 0
    await sink?.discard()
  }

  /** Copies as much of the chunk as the current block takes; small chunks share one, and the caller's buffer is free. */
  async #fill(chunk: Uint8Array, at: number): Promise<number> {
    if (this.#block === undefined && !(await this.#newBlock(chunk.byteLength - at))) return chunk.byteLength
    const block = this.#block as Buffer
    const part = chunk.subarray(at, at + block.byteLength - this.#filled)
    block.set(part, this.#filled)
    this.#filled += part.byteLength
    if (this.#filled === block.byteLength) {
      this.#closeBlock()
      if (this.#sink) {
        await this.#flush(this.#sink)
        // The sink has taken it: the memory is filled anew.
        if (this.#state === 'whole' && block.byteLength === BLOCK_BYTES) this.#spare = block
      }
    }
    return part.byteLength
  }

  /** A block in memory while there is room for it, else one that is on its way to the sink. */
  async #newBlock(wanted: number): Promise<boolean> {
    const { memory, budget } = this.#options
    const size = Math.min(BLOCK_BYTES, Math.max(wanted, 4096))
    if (this.#sink === undefined && (this.#memory + size > memory || !budget.takeMemory(size))) {
      this.#sink = await this.#options.openSink()
      await this.#flush(this.#sink)
    } else if (this.#sink === undefined) {
      this.#memory += size
    }
    if (this.#state !== 'whole') return false
    this.#block = this.#spare?.byteLength === size ? this.#spare : Buffer.allocUnsafe(size)
    this.#spare = undefined
    this.#filled = 0
    return true
  }

  #closeBlock(): void {
    if (this.#block === undefined) return
    this.#blocks.push(this.#block.subarray(0, this.#filled))
    this.#block = undefined
  }

  async #flush(sink: S): Promise<void> {
    const { budget, minFree, freeSpace } = this.#options
    for (const block of this.#blocks) {
      if (!budget.takeDisk(block.byteLength)) return this.#lose('budget')
      this.#disk += block.byteLength
      if (this.#disk > this.#lookAt) {
        const free = await freeSpace()
        if (free !== undefined && free < minFree) return this.#lose('free-space')
        this.#lookAt = this.#disk + LOOK_EVERY_BYTES
      }
      await sink.write(block)
    }
    this.#dropMemory()
  }

  async #lose(loss: SpoolLoss, error?: unknown): Promise<void> {
    this.#state = 'lost'
    await this.release()
    this.#options.onLost(loss, error)
  }

  #dropMemory(): void {
    this.#blocks = []
    this.#block = undefined
    this.#spare = undefined
    this.#options.budget.giveMemory(this.#memory)
    this.#memory = 0
  }
}

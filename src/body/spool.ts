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
 *
 * On its way to the sink the copy lies in two blocks, one that is written and one that is filled, again and again: memory
 * that is new for each chunk costs page faults, and one collection of the heap after the other.
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
  /** What is just written to the sink; never rejects. */
  #sending: Promise<void> = Promise.resolve()
  #state: 'whole' | 'lost' | 'over' = 'whole'

  constructor(options: SpoolOptions<S>) {
    this.#options = options
  }

  /** Whether everything added so far is still here, once what is under way has ended. */
  async isWhole(): Promise<boolean> {
    await this.#sending
    return this.#state === 'whole'
  }

  /** Takes a copy of the chunk, whose memory is the caller's again once this settles. Never rejects. */
  async add(chunk: Uint8Array): Promise<void> {
    try {
      for (let at = 0; at < chunk.byteLength && this.#state === 'whole'; ) {
        if (this.#block === undefined && !this.#newBlock(chunk.byteLength - at)) await this.#startSending()
        else at = this.#fill(chunk, at)
        if (this.#sink && this.#filled === BLOCK_BYTES) await this.#send(this.#sink)
      }
    } catch (error) {
      await this.#lose('failed', error)
    }
  }

  /**
   * Puts everything added so far into the sink and hands that over; the spool is empty then. The caller writes on to
   * the sink, and discards it where nothing comes of it. Rejects as the sink does.
   */
  async handOver(): Promise<S> {
    await this.#sending
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
    await this.#sending
    if (this.#state === 'whole') this.#state = 'over'
    await this.#letGo()
  }

  /** Copies as much of the chunk as the current block takes, and answers up to where; small chunks share one. */
  #fill(chunk: Uint8Array, at: number): number {
    const block = this.#block as Buffer
    const part = chunk.subarray(at, at + block.byteLength - this.#filled)
    block.set(part, this.#filled)
    this.#filled += part.byteLength
    if (this.#sink === undefined && this.#filled === block.byteLength) this.#closeBlock()
    return at + part.byteLength
  }

  /** A block in memory while there is room for it, or one that is on its way to the sink. */
  #newBlock(wanted: number): boolean {
    const { memory, budget } = this.#options
    const size = this.#sink ? BLOCK_BYTES : Math.min(BLOCK_BYTES, Math.max(wanted, 4096))
    if (this.#sink === undefined) {
      if (this.#memory + size > memory || !budget.takeMemory(size)) return false
      this.#memory += size
    }
    this.#block = this.#spare ?? Buffer.allocUnsafe(size)
    this.#spare = undefined
    return true
  }

  /** From now on to the sink, what is in memory first. */
  async #startSending(): Promise<void> {
    this.#sink = await this.#options.openSink()
    this.#sending = this.#write(this.#sink, this.#blocks)
  }

  /** Sends the block that is full, once the one before it has arrived, and takes the memory of that one for the next. */
  async #send(sink: S): Promise<void> {
    const block = this.#block as Buffer
    await this.#sending
    if (this.#state !== 'whole') return
    this.#block = undefined
    this.#filled = 0
    this.#sending = this.#write(sink, [block]).then(() => {
      if (this.#state === 'whole') this.#spare = block
    })
  }

  /** Never rejects: with what goes wrong the spool is lost. */
  async #write(sink: S, blocks: readonly Uint8Array[]): Promise<void> {
    const { budget, minFree, freeSpace } = this.#options
    try {
      for (const block of blocks) {
        if (!budget.takeDisk(block.byteLength)) return await this.#lose('budget')
        this.#disk += block.byteLength
        if (this.#disk > this.#lookAt) {
          const free = await freeSpace()
          if (free !== undefined && free < minFree) return await this.#lose('free-space')
          this.#lookAt = this.#disk + LOOK_EVERY_BYTES
        }
        await sink.write(block)
      }
      this.#blocks = []
      this.#giveMemory()
    } catch (error) {
      await this.#lose('failed', error)
    }
  }

  #closeBlock(): void {
    if (this.#block === undefined) return
    this.#blocks.push(this.#block.subarray(0, this.#filled))
    this.#block = undefined
    this.#filled = 0
  }

  async #lose(loss: SpoolLoss, error?: unknown): Promise<void> {
    this.#state = 'lost'
    await this.#letGo()
    this.#options.onLost(loss, error)
  }

  async #letGo(): Promise<void> {
    const sink = this.#sink
    this.#sink = undefined
    this.#blocks = []
    this.#block = undefined
    this.#spare = undefined
    this.#giveMemory()
    this.#options.budget.giveDisk(this.#disk)
    this.#disk = 0
    await sink?.discard()
  }

  #giveMemory(): void {
    this.#options.budget.giveMemory(this.#memory)
    this.#memory = 0
  }
}

/** What all the spools of a store may hold together. */
export interface SpoolLimits {
  /** Bytes of memory. */
  readonly totalMemory: number
  /** Bytes of disk. */
  readonly totalDisk: number
}

/** Counts what the spools of a store hold. */
export class SpoolBudget {
  readonly #limits: SpoolLimits
  #memory = 0
  #disk = 0

  constructor(limits: SpoolLimits) {
    this.#limits = limits
  }

  /** Whether so many bytes more may be held in memory; they count from now on. */
  takeMemory(bytes: number): boolean {
    if (this.#memory + bytes > this.#limits.totalMemory) return false
    this.#memory += bytes
    return true
  }

  giveMemory(bytes: number): void {
    this.#memory -= bytes
  }

  /** Whether so many bytes more may be held on disk; they count from now on. */
  takeDisk(bytes: number): boolean {
    if (this.#disk + bytes > this.#limits.totalDisk) return false
    this.#disk += bytes
    return true
  }

  giveDisk(bytes: number): void {
    this.#disk -= bytes
  }
}

/** One change of one key. A put, or the arrival of a move, has the number of what it writes; a removal has null. */
interface Change {
  readonly seq: number | null
  readonly begin: number
  /** Infinity while it may still take effect. */
  end: number
  /** Whether it was said to have happened: from then on nothing older may be seen. */
  acknowledged: boolean
  /** How it was done, for whoever reads what went wrong. */
  note: string
}

export interface Observation {
  readonly key: string
  readonly seq: number | null
  readonly begin: number
  readonly end: number
}

/** How a number came to be; kept for good, so that a body found anywhere can be judged. */
export interface Fate {
  /** The key of the put, which the body names. */
  readonly key: string
  acknowledged: boolean
  refused: boolean
}

/**
 * What may be seen of each key: the change last acknowledged, and every one that was under way at any time since, whether
 * it was acknowledged or not. Changes that overlap may come in either order; one that began after another was
 * acknowledged comes after it.
 */
export class Oracle {
  readonly #changes = new Map<string, Change[]>()
  readonly #open = new Map<string, Change[]>()
  readonly #fates = new Map<number, Fate>()
  acknowledged = 0
  refused = 0

  get keys(): string[] {
    return [...this.#changes.keys()].sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)))
  }

  fate(seq: number): Fate | undefined {
    return this.#fates.get(seq)
  }

  /** `id` names the operation; one that changes several keys begins once for each. */
  begin(id: string, key: string, seq: number | null, t: number, note = ''): void {
    const change: Change = { seq, begin: t, end: Number.POSITIVE_INFINITY, acknowledged: false, note }
    this.#of(key).push(change)
    this.#open.set(id, [...(this.#open.get(id) ?? []), change])
    if (seq !== null && !this.#fates.has(seq)) this.#fates.set(seq, { key, acknowledged: false, refused: false })
  }

  acknowledge(id: string, t: number, note = ''): void {
    this.acknowledged++
    for (const change of this.#take(id)) {
      change.end = t
      change.acknowledged = true
      change.note += note
      const fate = change.seq === null ? undefined : this.#fates.get(change.seq)
      if (fate) fate.acknowledged = true
    }
  }

  /** It was rejected. Only one that says so has certainly changed nothing; any other may still take effect. */
  refuse(id: string, unchanged: boolean): void {
    this.refused++
    if (!unchanged) return
    for (const change of this.#take(id)) {
      for (const changes of this.#changes.values()) {
        const at = changes.indexOf(change)
        if (at >= 0) changes.splice(at, 1)
      }
      const fate = change.seq === null ? undefined : this.#fates.get(change.seq)
      if (fate) fate.refused = true
    }
  }

  /** Whoever was at it is dead, and all it had sent has arrived: what has not taken effect by now never will. */
  settle(t: number): void {
    for (const changes of this.#open.values()) for (const change of changes) change.end = t
    this.#open.clear()
  }

  /** What someone may see who looks from `begin` to `end`. */
  allowed(key: string, begin: number, end = begin): (number | null)[] {
    const changes = this.#of(key).filter((change) => change.begin <= end)
    const done = changes.filter((change) => change.acknowledged && change.end < begin)
    const from = done.reduce((latest, { begin }) => Math.max(latest, begin), Number.NEGATIVE_INFINITY)
    return [...new Set(changes.filter((change) => change.end >= from).map(({ seq }) => seq))]
  }

  /** Whether anything was begun since the key was last fixed. */
  isUnsure(key: string): boolean {
    return this.#of(key).length !== 1
  }

  /** Undefined where all is well, else what is wrong. */
  problem({ key, seq, begin, end }: Observation): string | undefined {
    const allowed = this.allowed(key, begin, end)
    if (allowed.includes(seq)) return undefined
    const may = allowed.map((one) => this.describe(one)).join(', ')
    return `${key} is ${this.describe(seq)}; it may be ${may}; looked at ${begin.toFixed(1)}..${end.toFixed(1)} [${this.#history(key, begin, end)}]`
  }

  /** Nobody is at it, and all who look agree on `seq`: from now on it is that. */
  fix(key: string, seq: number | null, t: number): void {
    this.#changes.set(key, [{ seq, begin: t, end: t, acknowledged: true, note: 'seen' }])
  }

  describe(seq: number | null): string {
    if (seq === null) return 'absent'
    const fate = this.#fates.get(seq)
    if (fate === undefined) return `#${seq} (never written)`
    return `#${seq}${fate.acknowledged ? '' : fate.refused ? ' (refused)' : ' (never acknowledged)'}`
  }

  /** The changes about that time, for whoever has to find out what went wrong. */
  #history(key: string, from: number, to: number): string {
    const time = (t: number) => (Number.isFinite(t) ? t.toFixed(1) : '?')
    const one = ({ seq, begin, end, acknowledged, note }: Change) => {
      return `${seq === null ? 'absent' : `#${seq}`}${acknowledged ? '' : '?'} ${note} ${time(begin)}..${time(end)}`
    }
    const near = this.#of(key).filter(({ begin, end }) => end > from - 1500 && begin < to + 200)
    return (near.length > 0 ? near.slice(-20) : this.#of(key).slice(-8)).map(one).join(', ')
  }

  #of(key: string): Change[] {
    let changes = this.#changes.get(key)
    if (changes === undefined) {
      const ever = Number.NEGATIVE_INFINITY
      changes = [{ seq: null, begin: ever, end: ever, acknowledged: true, note: '' }]
      this.#changes.set(key, changes)
    }
    return changes
  }

  #take(id: string): readonly Change[] {
    const changes = this.#open.get(id) ?? []
    this.#open.delete(id)
    return changes
  }
}

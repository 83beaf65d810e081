import { emptyWorld, type Id, type Outcome, type World } from './world.js'

/** What the store answered. `unchanged`: an error that says that nothing has changed. */
export interface Answer {
  readonly text: string
  readonly unchanged?: boolean | undefined
}

/** So many possible pasts mean that the model has stopped to say anything. */
const TOO_MANY = 3000

/**
 * All the worlds that agree with what was seen so far. Where the contract leaves the outcome open there are several,
 * and what is seen later tells which of them it was. None left means that the contract was broken.
 */
export class Worlds {
  #worlds: readonly World[]
  readonly #story: string[] = []
  /** The content last put under each key, by anybody. */
  readonly lastPut = new Map<string, Id>()

  constructor(hosts: number, worlds: readonly World[] = [emptyWorld(hosts)]) {
    this.#worlds = worlds
  }

  get all(): readonly World[] {
    return this.#worlds
  }

  /** Goes on with those worlds in which `event` may be answered like this. */
  advance(event: string, answer: Answer, step: (world: World) => readonly Outcome[]): void {
    const allowed = new Set<string>()
    const next = new Map<string, World>()
    for (const world of this.#worlds) {
      for (const outcome of step(world)) {
        allowed.add(outcome.answer)
        if (outcome.answer !== answer.text || (outcome.unknown && answer.unchanged)) continue
        next.set(stable(outcome.world), outcome.world)
      }
    }
    const told = answer.unchanged ? `${answer.text} (unchanged)` : answer.text
    this.#story.push(`${event} -> ${told}`)
    if (next.size === 0) throw new Error(this.#refused(event, told, allowed))
    if (next.size > TOO_MANY) throw new Error(`${next.size} worlds after:\n${this.#story.join('\n')}`)
    this.#worlds = [...next.values()]
  }

  /** The same for what only looks: the worlds stay as they are. */
  observe(event: string, seen: string, expected: (world: World) => readonly string[]): void {
    this.advance(event, { text: seen }, (world) => expected(world).map((answer) => ({ answer, world })))
  }

  #refused(event: string, told: string, allowed: ReadonlySet<string>): string {
    const worlds = this.#worlds.slice(0, 4).map((world) => JSON.stringify(world))
    return [
      `${event}: answered ${JSON.stringify(told)}, where the contract allows ${[...allowed].map((one) => JSON.stringify(one)).join(' or ') || 'nothing'}`,
      `in ${this.#worlds.length === 1 ? 'the one world' : `each of ${this.#worlds.length} worlds`} that agree with what was seen before:`,
      ...worlds,
      'what happened:',
      ...this.#story,
    ].join('\n')
  }
}

/** The same text for the same world, in whatever order its keys came to be. */
function stable(world: World): string {
  return JSON.stringify(world, (_, value) => {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) return value
    return Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)))
  })
}

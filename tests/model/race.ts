import fc from 'fast-check'
import { afterAll, test } from 'vitest'
import { type Act, prepare } from './acts.js'
import { Command } from './commands.js'
import { repeated, usually } from './repeat.js'
import { planTrouble, sceneOf } from './scene.js'
import { type Mix, type Spec, specs } from './specs.js'
import { Stepper } from './stepper.js'
import { type Setting, System } from './system.js'
import { finish, look } from './watching.js'
import type { Outcome, Scene, World } from './world.js'
import { type Answer, Worlds } from './worlds.js'

const counted = { races: 0, orders: 0 }

afterAll(() => console.log(`model: ${counted.races} races, explained by the ${counted.orders} orders tried`))

export interface RaceTest {
  readonly runs: number
  readonly mix: Mix
  readonly racers: readonly Spec['op'][]
  readonly setting: Omit<Setting, 'fs' | 'gate'>
}

/**
 * After some commands two or three run at the same time, on one key. What they answer, and what there is afterwards,
 * must be what some order of them gives.
 */
export function raceTest(name: string, { runs, mix, racers, setting }: RaceTest): void {
  test(name, { timeout: repeated.timeout }, async () => {
    const any = specs(mix)
    const before = fc.array(any, { maxLength: 5 })
    const racing = fc.array(
      any.filter((spec) => racers.includes(spec.op)),
      { minLength: 2, maxLength: 3 },
    )
    await fc.assert(
      fc.asyncProperty(before, racing, fc.scheduler(), async (first, together, scheduler) => {
        const stepper = new Stepper()
        const system = await System.make({ ...setting, fs: stepper.fs, gate: stepper.gate })
        const worlds = new Worlds(system.roots.length)
        try {
          for (const spec of first) await new Command(spec).run(worlds, system)
          await race(worlds, system, stepper, scheduler, together)
          for (const spec of together) await look(worlds, system, spec)
          await finish(worlds, system)
          counted.races++
        } finally {
          await system.dispose()
        }
      }),
      { numRuns: Math.ceil(runs * repeated.times), ...repeated.replay, ...usually(2026) },
    )
  })
}

async function race(
  worlds: Worlds,
  system: System,
  stepper: Stepper,
  scheduler: fc.Scheduler,
  specsOfRace: readonly Spec[],
): Promise<void> {
  system.tick('command')
  const acts: Act[] = []
  for (const spec of specsOfRace) acts.push(await prepare(worlds, system, spec))
  const scenes = await scenesOf(system, specsOfRace)
  for (const spec of specsOfRace) planTrouble(system, spec)
  const answers = await stepper.race(
    scheduler,
    acts.map((act) => () => act.run()),
  )
  for (const network of system.networks) network.calm()
  system.tick('look')
  const told = specsOfRace.map((spec, index) => `${JSON.stringify(spec)} -> ${answers[index]?.text}`)
  worlds.advance(`${system.now} at once:\n  ${told.join('\n  ')}\n`, { text: 'in some order' }, (world) =>
    explanations(world, acts, scenes, answers),
  )
}

/** Trouble of one is trouble of all of its process, and so is an outage that begins or ends meanwhile. */
async function scenesOf(system: System, together: readonly Spec[]): Promise<Scene[]> {
  const scenes = await Promise.all(together.map((spec) => sceneOf(system, spec)))
  return scenes.map((scene, index) => {
    const troubled = together.some((spec, other) => {
      if (spec.by !== together[index]?.by) return false
      return spec.op === 'outage' || spec.op === 'recover' || !['up', 'down'].includes(scenes[other]?.link ?? 'up')
    })
    // What another one of the race wrote in the same second can be seen in time or not.
    return { ...scene, ever: system.now, racing: true, link: troubled ? 'lossy' : scene.link }
  })
}

/** All worlds in which the acts may end, one after the other in any order, with these answers. */
function explanations(
  world: World,
  acts: readonly Act[],
  scenes: readonly Scene[],
  answers: readonly Answer[],
): Outcome[] {
  const ends: Outcome[] = []
  for (const order of permutations(acts.map((_, index) => index))) {
    counted.orders++
    let ways: World[][] = [[world]]
    for (const index of order) {
      const { text: said, unchanged } = answers[index] as Answer
      const text = said.startsWith('moved') || said === 'twice' ? 'reconciled' : said
      ways = ways.flatMap((way) => {
        const scene = { ...(scenes[index] as Scene), way }
        const outcomes = (acts[index] as Act).step(way.at(-1) as World, scene)
        return outcomes
          .filter(({ answer, unknown }) => answer === text && !(unknown && unchanged))
          .map((outcome) => [...way, outcome.world])
      })
    }
    for (const way of ways) ends.push({ answer: 'in some order', world: way.at(-1) as World })
  }
  return ends
}

function permutations(items: readonly number[]): number[][] {
  if (items.length < 2) return [[...items]]
  return items.flatMap((item) => permutations(items.filter((other) => other !== item)).map((rest) => [item, ...rest]))
}

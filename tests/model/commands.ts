import type fc from 'fast-check'
import { prepare } from './acts.js'
import { planTrouble, sceneOf } from './scene.js'
import type { Spec } from './specs.js'
import type { System } from './system.js'
import { look } from './watching.js'
import type { Worlds } from './worlds.js'

/** What was run, for the line at the end. */
export const counted = { sequences: 0, commands: 0, worlds: 0 }

/** One command: done to the system, then to the model with what the system answered; then everything is looked at. */
export class Command implements fc.AsyncCommand<Worlds, System> {
  constructor(readonly spec: Spec) {}

  check(): boolean {
    return true
  }

  async run(worlds: Worlds, system: System): Promise<void> {
    const { spec } = this
    counted.commands++
    system.tick('command')
    const scene = await sceneOf(system, spec)
    const act = await prepare(worlds, system, spec)
    planTrouble(system, spec)
    const answer = await act.run()
    worlds.advance(`${system.now} ${this} [${scene.link}]`, answer, (world) => act.step(world, scene))
    system.networkOf(spec.by).calm()
    system.tick('look')
    await look(worlds, system, spec)
    counted.worlds = Math.max(counted.worlds, worlds.all.length)
  }

  toString(): string {
    return JSON.stringify(this.spec)
  }
}

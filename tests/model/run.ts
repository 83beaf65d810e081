import fc from 'fast-check'
import { afterAll, test } from 'vitest'
import { Command, counted } from './commands.js'
import { repeated, replayed, usually } from './repeat.js'
import { type Mix, specs } from './specs.js'
import { type Setting, System } from './system.js'
import { finish } from './watching.js'
import { Worlds } from './worlds.js'

const STACK = 3

export interface ModelTest {
  readonly runs: number
  readonly mix: Mix
  readonly settings: fc.Arbitrary<Setting>
}

afterAll(() => {
  const { sequences, commands, worlds } = counted
  console.log(`model: ${sequences} sequences, ${commands} commands, at most ${worlds} worlds at once`)
})

/** Random sequences against the model. Only what went wrong is told, with the seed and the path that bring it back. */
export function modelTest(name: string, { runs, mix, settings }: ModelTest): void {
  test(name, { timeout: repeated.timeout }, async () => {
    // Errors are part of nearly every command here, and their stacks cost more than all the rest of them.
    Error.stackTraceLimit = STACK
    const commands = fc.commands([specs(mix).map((spec) => new Command(spec))], {
      ...replayed,
      maxCommands: 25,
      size: '+1',
    })
    await fc.assert(
      fc.asyncProperty(settings, commands, async (setting, sequence) => {
        const system = await System.make(setting)
        const hosts = system.roots.length
        const worlds = new Worlds(hosts)
        try {
          await fc.asyncModelRun(() => ({ model: worlds, real: system }), sequence)
          await finish(worlds, system)
          counted.sequences++
        } finally {
          await system.dispose()
        }
      }),
      { numRuns: Math.ceil(runs * repeated.times), ...repeated.replay, ...usually(1124) },
    )
  })
}

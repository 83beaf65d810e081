import { afterAll, beforeAll, describe, test } from 'vitest'
import { type Fault, faults } from './faults.js'
import { type Case, runCase } from './matrix.js'
import { applies, type Strikes } from './oracle.js'
import { OutcomeTable } from './outcomes.js'
import { openRange, type Range, real } from './support.js'
import { verbs } from './verbs.js'

const cases = makeCases()
const table = new OutcomeTable(
  'What callers see of each fault',
  Object.values(faults).flatMap(({ name }) => [name, `${name}, once`]),
  verbs.map(({ name }) => name),
)
let range: Range

function makeCases(): Case[] {
  const made: Case[] = []
  for (const fault of Object.values(faults) as Fault[]) {
    for (const [column, verb] of verbs.entries()) {
      for (const strikes of ['always', 'once'] as Strikes[]) {
        if (!applies(fault, verb, strikes)) continue
        // What strikes once is mostly not seen at all: there one kind of key is enough for each cell.
        const states = strikes === 'always' ? [false, true] : [made.length % 2 === column % 2]
        for (const existing of states) {
          const name = `${fault.name}, ${strikes}: ${verb.name} of ${existing ? 'an existing' : 'a new'} key`
          made.push({ name, folder: `case-${made.length}`, fault, verb, existing, strikes })
        }
      }
    }
  }
  return made
}

beforeAll(async () => {
  if (!real) return
  range = await openRange()
  await range.seed(cases.map(({ folder, verb, existing }) => ({ folder, state: verb.before(existing) })))
})
afterAll(async () => {
  await range?.close()
  process.stdout.write(table.toString())
})

describe.runIf(real).concurrent('S3 fails and comes back', () => {
  for (const one of cases) {
    test(one.name, { timeout: 90_000 }, async () => {
      const outcome = await runCase(one, range)
      const struck = one.strikes === 'once' ? `${one.fault.name}, once` : one.fault.name
      table.note(struck, one.verb.name, outcome)
    })
  }
})

import { afterAll, beforeAll, describe, test } from 'vitest'
import { type ConditionalVerb, onRecord, onS3 } from './conditional-verbs.js'
import { type Fault, faults } from './faults.js'
import { type Case, runCase } from './matrix.js'
import { applies, type Expectation, type Strikes } from './oracle.js'
import { OutcomeTable } from './outcomes.js'
import { openRange, type Range, real } from './support.js'

const OUT_OF_REACH = ['UNAVAILABLE', 'TIMEOUT'] as const

/** What S3 must judge never falls back, and what was done is never reported as a condition that did not hold. */
function onS3Expected(
  { says, repeated, hangs, carriedOut }: Fault,
  verb: ConditionalVerb,
  strikes: Strikes,
): Expectation {
  const { unmet } = verb
  const answered: Expectation = unmet ? { may: ['rejected'], codes: [unmet] } : { may: ['ok'], codes: [] }
  const orNot = ({ may, codes }: Expectation): Expectation => ({
    may: [...may, 'rejected'],
    codes: [...codes, ...OUT_OF_REACH],
  })
  if (says === 'nothing') return answered
  // A refusal comes with a body, an empty answer cannot be damaged.
  if (says === 'damage') return unmet || verb.sort === 'remove' ? orNot(answered) : answered
  if (says === 'condition') {
    // Asked again after a conflict, S3 says how it is now.
    const codes = [unmet ?? (verb.name.startsWith('create') ? 'ALREADY_EXISTS' : 'PRECONDITION_FAILED')] as const
    return strikes === 'once' && !unmet ? { may: ['ok', 'rejected'], codes } : { may: ['rejected'], codes }
  }
  if (strikes === 'once' && repeated) return hangs ? orNot(answered) : answered
  if (says === 'refusal') return { may: ['rejected'], codes: ['ACCESS_DENIED', 'UNAVAILABLE'] }
  // From a file the driver itself sends again what arrived damaged.
  return carriedOut || strikes === 'once' ? orNot(answered) : { may: ['rejected'], codes: OUT_OF_REACH }
}

/** What a record decides is decided here, whatever S3 does. */
function onRecordExpected({ unmet }: ConditionalVerb): Expectation {
  return unmet ? { may: ['rejected'], codes: [unmet] } : { may: ['kept', 'ok'], codes: [] }
}

const records = ['refused', 'hang', 'resetAfter', 'lostResponse', 'late', 'internal', 'slowDown', 'denied'] as const
const cases = [
  ...Object.values(faults as Record<string, Fault>).flatMap((fault) =>
    onS3.flatMap((verb) => [
      ...casesOf(fault, verb, 'always', onS3Expected(fault, verb, 'always')),
      ...casesOf(fault, verb, 'once', onS3Expected(fault, verb, 'once')),
    ]),
  ),
  ...records.flatMap((name) =>
    onRecord.flatMap((verb) => casesOf(faults[name], verb, 'always', onRecordExpected(verb))),
  ),
]
const table = new OutcomeTable(
  'Changes on a condition',
  Object.values(faults).flatMap(({ name }) => [name, `${name}, once`]),
  [...onS3, ...onRecord].map(({ name }) => name),
)
let range: Range

function casesOf(fault: Fault, verb: ConditionalVerb, strikes: Strikes, expected: Expectation): Case[] {
  if (!applies(fault, verb, strikes)) return []
  const { existing, unsupported } = verb
  const more = unsupported
    ? { may: [...expected.may, 'rejected' as const], codes: [...expected.codes, 'NOT_SUPPORTED' as const] }
    : expected
  const name = `${fault.name}, ${strikes}: ${verb.name}`
  return [{ name, folder: name.replace(/\W+/g, '-'), fault, verb, existing, strikes, expected: more }]
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

describe.runIf(real).concurrent('S3 fails under a change on a condition', () => {
  for (const one of cases) {
    test(one.name, { timeout: 90_000 }, async () => {
      const outcome = await runCase(one, range)
      table.note(one.strikes === 'once' ? `${one.fault.name}, once` : one.fault.name, one.verb.name, outcome)
    })
  }
})

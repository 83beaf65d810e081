import { afterAll, beforeAll, describe, test } from 'vitest'
import type { RecordedRequest } from '../servers/fault-proxy.js'
import { type Fault, type FaultName, faults } from './faults.js'
import { type Case, runCase } from './matrix.js'
import type { Strikes } from './oracle.js'
import { OutcomeTable } from './outcomes.js'
import { openRange, type Range, real } from './support.js'
import { fetchLarge, getLarge, putLarge, reconcileLarge, type Verb } from './verbs.js'

/** The request of a multipart upload with which the fault begins. */
const moments = {
  create: ({ method, url }: RecordedRequest) => method === 'POST' && /[?&]uploads\b/.test(url),
  'part 1': ({ method, url }: RecordedRequest) => method === 'PUT' && /[?&]partNumber=1\b/.test(url),
  'part 3': ({ method, url }: RecordedRequest) => method === 'PUT' && /[?&]partNumber=3\b/.test(url),
  complete: ({ method, url }: RecordedRequest) => method === 'POST' && /[?&]uploadId=/.test(url),
}
type Moment = keyof typeof moments

const always: readonly (readonly [Moment, readonly FaultName[]])[] = [
  ['create', ['refused', 'hang', 'hangBody', 'resetAfter', 'lostResponse', 'internalAfter', 'slowDown', 'denied']],
  [
    'part 1',
    ['refused', 'unresolved', 'reset', 'resetMidway', 'internal', 'denied', 'flippedRequest', 'hang', 'stall'],
  ],
  ['part 3', ['refused', 'reset', 'resetAfter', 'internal', 'slowDown', 'unavailable', 'flippedRequest']],
  [
    'complete',
    [
      ...([
        'refused',
        'hang',
        'hangBody',
        'reset',
        'resetAfter',
        'lostResponse',
        'noAnswer',
        'late',
        'internal',
      ] as const),
      ...(['internalAfter', 'slowDown', 'unavailable', 'okError', 'okErrorAfter', 'truncated', 'denied'] as const),
      ...(['conflict', 'precondition'] as const),
    ],
  ],
]
const once: typeof always = [
  ['part 3', ['reset', 'resetAfter', 'internal']],
  ['complete', ['lostResponse', 'noAnswer', 'internalAfter', 'okError', 'okErrorAfter']],
]
const existing: typeof always = [
  ['part 3', ['refused']],
  ['complete', ['lostResponse', 'late', 'internalAfter', 'okErrorAfter']],
]

const HALF = 20 * 1024 ** 2
/** In the middle of what is one request, or may be. */
const halfway: readonly (readonly [Verb, Fault])[] = [
  [getLarge, { ...faults.truncated, how: { kind: 'truncate', after: HALF } }],
  [getLarge, { ...faults.hangBody, how: { kind: 'hang-body', after: HALF } }],
  [fetchLarge, { ...faults.truncated, how: { kind: 'truncate', after: HALF } }],
  [reconcileLarge, { ...faults.resetMidway, how: { kind: 'reset', after: HALF } }],
  [reconcileLarge, { ...faults.flippedRequest, how: { kind: 'flip-request', at: 4 * 1024 ** 2 } }],
  [reconcileLarge, faults.lostResponse],
  [reconcileLarge, faults.late],
]

const cases = [
  ...casesOf(always, 'always', false),
  ...casesOf(once, 'once', false),
  ...casesOf(existing, 'always', true),
]
const table = new OutcomeTable(
  'A stream of 40 MiB, and the request at which the fault begins',
  Object.values(faults).flatMap(({ name }) => [name, `${name}, once`]),
  [...Object.keys(moments), ...new Set(halfway.map(([verb]) => verb.name))],
)
let range: Range

interface LargeCase extends Case {
  readonly moment: Moment
}

function casesOf(rows: typeof always, strikes: Strikes, existing: boolean): LargeCase[] {
  return rows.flatMap(([moment, names]) =>
    names.map((faultName) => {
      const fault: Fault = faults[faultName]
      return {
        name: `${fault.name}, ${strikes}, from ${moment} on: ${existing ? 'an existing' : 'a new'} key`,
        folder: `${moment.replace(' ', '-')}-${faultName}-${strikes}-${existing ? 'existing' : 'new'}`,
        fault,
        verb: putLarge,
        existing,
        strikes,
        moment,
        from: moments[moment],
        // Bytes that were handed over may still be on a slow line: they lengthen the time until it counts as dead.
        hangsAfter: fault.hangs ? 60_000 : 40_000,
        orphans: moment === 'create',
      }
    }),
  )
}

const halfwayCases: Case[] = halfway.map(([verb, fault]) => {
  const name = `${fault.name}: ${verb.name}`
  const existing = verb !== reconcileLarge
  return {
    name,
    folder: name.replace(/\W+/g, '-'),
    fault,
    verb,
    existing,
    strikes: 'always',
    hangsAfter: 60_000,
    orphans: true,
  }
})

beforeAll(async () => {
  if (!real) return
  range = await openRange()
  await range.seed(
    [...cases, ...halfwayCases].map((one) => ({ folder: one.folder, state: one.verb.before(one.existing) })),
  )
})
afterAll(async () => {
  await range?.close()
  process.stdout.write(table.toString())
})

describe.runIf(real).concurrent('S3 fails in the middle of a stream', () => {
  for (const one of cases) {
    test(one.name, { timeout: 120_000 }, async () => {
      // One part under way at a time, where it takes long to see that none moves.
      const s3 = one.fault.hangs ? { partSize: 5 * 1024 ** 2, queueSize: 1 } : {}
      const outcome = await runCase(one, range, { s3 })
      table.note(one.strikes === 'once' ? `${one.fault.name}, once` : one.fault.name, one.moment, outcome)
    })
  }
})

describe.runIf(real).concurrent('S3 fails in the middle of 40 MiB', () => {
  for (const one of halfwayCases) {
    test(one.name, { timeout: 120_000 }, async () => {
      const outcome = await runCase(one, range)
      table.note(one.fault.name, one.verb.name, outcome)
    })
  }
})

import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { compareStores } from './both-stores.js'
import { bytesOf, content, on, type State } from './contents.js'
import { type Fault, faults } from './faults.js'
import { type Case, reconcileAll, runCase } from './matrix.js'
import { applies } from './oracle.js'
import { OutcomeTable, settle } from './outcomes.js'
import { openRange, openWorld, type Range, real } from './support.js'
import { attributes, verbs } from './verbs.js'

const OLD = content('old', 1, 700)
const NEW = content('new', 0, 900)
const BLOBS = 8

const tried = [
  ...(['refused', 'unresolved', 'hang', 'reset', 'resetAfter', 'lostResponse', 'late', 'internal'] as const),
  ...(['slowDown', 'truncated', 'denied', 'flippedRequest'] as const),
]

/** The verbs once more, with a breaker that opens at the first outage and soon tries again. */
const cases: Case[] = tried.flatMap((faultName, row) =>
  verbs.flatMap((verb, column) => {
    const fault: Fault = faults[faultName]
    if (!applies(fault, verb, 'always')) return []
    const existing = (row + column) % 2 === 0
    const name = `${fault.name}: ${verb.name} of ${existing ? 'an existing' : 'a new'} key`
    return [{ name, folder: `case-${row}-${column}`, fault, verb, existing, strikes: 'always' }]
  }),
)
const outages = ['refused', 'unresolved', 'hang', 'reset', 'internal', 'unavailable'] as const
const noOutages = ['slowDown', 'conflict', 'precondition'] as const

const table = new OutcomeTable(
  'With the breaker on',
  Object.values(faults).map(({ name }) => name),
  verbs.map(({ name }) => name),
)
const keys = Array.from({ length: BLOBS }, (_, i) => `key-${i}`)
const all = (value: typeof OLD): State => Object.fromEntries(keys.map((key) => [key, on('s3', value)]))
let range: Range

beforeAll(async () => {
  if (!real) return
  range = await openRange()
  await range.seed([
    ...cases.map(({ folder, verb, existing }) => ({ folder, state: verb.before(existing) })),
    ...[...outages, ...noOutages].map((folder) => ({ folder, state: all(OLD) })),
  ])
})
afterAll(async () => {
  await range?.close()
  process.stdout.write(table.toString())
})

describe.runIf(real).concurrent('with the breaker on', () => {
  for (const one of cases) {
    test(one.name, { timeout: 90_000 }, async () => {
      const outcome = await runCase(one, range, {
        fallback: { circuit: { probeAfter: 50, probeAtMost: 100 } },
      })
      table.note(one.fault.name, one.verb.name, outcome)
    })
  }
})

describe.runIf(real).concurrent('a dead S3', () => {
  test.each(outages)('costs one attempt, not one for each call: %s', { timeout: 60_000 }, async (name) => {
    const fault: Fault = faults[name]
    const circuit = { probeAfter: 60_000, probeAtMost: 60_000 }
    const named = name === 'unresolved'
    const world = await openWorld({
      range,
      folder: name,
      hangs: fault.hangs,
      named,
      fallback: { circuit },
    })
    try {
      const { store, proxy } = world
      const states: string[] = []
      store.on('circuit', ({ driver, state }) => states.push(`${driver} ${state}`))
      await store.exists('s3:key-0')
      const struck = await world.strike(fault)
      await store.put('key-0', bytesOf(NEW), attributes(NEW))
      expect((await store.status()).drivers.s3?.circuit).toBe('open')
      const asked = proxy.requests.length
      for (const key of keys.slice(1)) {
        const { error } = await settle(() => store.put(key, bytesOf(NEW), attributes(NEW)), 10_000)
        expect(error).toBeUndefined()
      }
      const { error } = await settle(() => store.get('s3:elsewhere'), 10_000)
      expect(error).toMatchObject({ code: 'UNAVAILABLE' })
      expect(proxy.requests.length).toBe(asked)
      expect(await store.pending()).toHaveLength(BLOBS)

      // Asked to, it looks at once whether S3 is back.
      await struck.heal()
      await reconcileAll(store)
      expect((await store.status()).drivers.s3?.circuit).toBe('closed')
      expect([states[0], states.at(-1)]).toEqual(['s3 open', 's3 closed'])
      await compareStores(world, all(NEW))
    } finally {
      await world.close()
    }
  })

  test.each(noOutages)('is not what these say: %s', { timeout: 60_000 }, async (name) => {
    const world = await openWorld({
      range,
      folder: name,
      fallback: { circuit: { probeAfter: 60_000, probeAtMost: 60_000 } },
    })
    try {
      const { store } = world
      const struck = await world.strike(faults[name])
      await settle(() => store.put('key-0', bytesOf(NEW), attributes(NEW)), 30_000)
      await settle(() => store.delete('s3:key-1'), 30_000)
      expect((await store.status()).drivers.s3?.circuit).toBe('closed')
      await struck.heal()
      await reconcileAll(store)
      expect(await store.exists('s3:key-2')).toBe(true)
    } finally {
      await world.close()
    }
  })
})

// So many changes wait: what it takes to open the outbox, and what a read of anything else pays for it.
import { join } from 'node:path'
import { HybridStore } from 'hybrid-store'
import { FsDriver } from 'hybrid-store/fs'
import { MemoryDriver } from 'hybrid-store/memory'
import { cost, inTurns, median, timed } from './timing.mjs'

const OPEN_GOAL = 1_000_000
const READ_GOAL = 5

/** A memory driver that hosts no outbox. */
class PlainDriver extends MemoryDriver {
  createOutbox = undefined
}

/** `full` is a root with `count` records. */
export async function measure({ root, full, count }) {
  const empty = join(root, 'empty')
  await makeEmpty(empty)
  return [...(await opening(full, count)), ...(await reading({ none: join(root, 'none'), empty, full }))]
}

async function opening(full, count) {
  const rows = []
  const opened = []
  const listed = []
  for (let time = 0; time < (process.env.ONCE ? 1 : 3); time++) {
    const outbox = new FsDriver({ root: full }).createOutbox()
    let [cpu, begun] = [process.cpuUsage(), performance.now()]
    await outbox.open()
    opened.push(cost(cpu, begun, 1))
    ;[cpu, begun] = [process.cpuUsage(), performance.now()]
    const found = await outbox.list()
    listed.push(cost(cpu, begun, 1))
    if (found.length !== count) throw new Error(`${found.length} records are listed, not ${count}`)
    await outbox.close()
  }
  const [cold, ...warm] = opened
  const met = cold.cpu <= OPEN_GOAL && median(warm.map(({ cpu }) => cpu)) <= OPEN_GOAL
  const all = (samples) => samples.map(({ cpu, wall }) => `${ms(cpu)} (${ms(wall)} wall)`).join(', ')
  rows.push({ name: `open with ${count} records`, figures: `cpu ${all(opened)}`, goal: '<= 1 s of CPU', met })
  rows.push({ name: 'then the first list of all of them', figures: `cpu ${all(listed)}` })
  return rows
}

async function reading(roots) {
  const outboxes = Object.fromEntries(
    Object.entries(roots).map(([name, root]) => [name, new FsDriver({ root }).createOutbox()]),
  )
  for (const outbox of Object.values(outboxes)) await outbox.open()
  const s3 = new PlainDriver()
  await s3.put('there.bin', 'x')
  const storeWith = (drivers, fallback = {}) => {
    return new HybridStore({
      drivers: { s3, ...drivers },
      policy: () => 's3',
      fallback,
      reconcile: false,
      logger: false,
    })
  }
  const stores = { without: storeWith({ local: new PlainDriver() }) }
  for (const [name, root] of Object.entries(roots)) {
    stores[name] = storeWith({ local: new FsDriver({ root }) }, { s3: 'local', circuit: false })
  }
  stores.circuit = storeWith({ local: new FsDriver({ root: roots.empty }) }, { s3: 'local' })
  const finds = {}
  const gets = {}
  let sequence = 0
  for (const [name, outbox] of Object.entries(outboxes)) finds[name] = () => outbox.find(`other/${sequence++}.bin`)
  for (const [name, store] of Object.entries(stores)) gets[name] = async () => (await store.get('there.bin')).bytes()
  const sample = (calls) => {
    return Object.fromEntries(Object.entries(calls).map(([name, call]) => [name, () => timed(call, 2000, 1)]))
  }
  await inTurns(sample(finds), 3)
  await inTurns(sample(gets), 3)
  const [found, got] = [await inTurns(sample(finds), 15), await inTurns(sample(gets), 15)]
  const cpu = (samples) => median(samples.map((one) => one.cpu))
  const rows = Object.keys(roots).map((name) => {
    const figure = cpu(found[name])
    return row(`find of a key that does not wait, ${what[name]}`, figure, figure)
  })
  const without = cpu(got.without)
  rows.push({ name: 'get of 1 byte, without an outbox', figures: `cpu ${without.toFixed(1)} us` })
  for (const name of Object.keys(roots)) {
    rows.push(row(`get of 1 byte, ${what[name]}`, cpu(got[name]), cpu(got[name]) - without))
  }
  const circuit = cpu(got.circuit) - cpu(got.empty)
  rows.push({ name: 'the same through a circuit', figures: `cpu ${circuit.toFixed(1)} us more` })
  for (const one of [...Object.values(outboxes), ...Object.values(stores)]) await one.close()
  return rows
}

const what = { none: 'no outbox folder yet', empty: 'an empty outbox', full: 'a full one' }

function row(name, figure, more) {
  const figures = `cpu ${figure.toFixed(1)} us, for the outbox ${more.toFixed(1)} us`
  return { name, figures, goal: `<= ${READ_GOAL} us`, met: more <= READ_GOAL }
}

async function makeEmpty(root) {
  const s3 = new MemoryDriver()
  const fallback = { s3: 'local', ack: 'fallback' }
  const drivers = { s3, local: new FsDriver({ root, durability: 'none' }) }
  const store = new HybridStore({ drivers, policy: () => 's3', fallback, reconcile: false, logger: false })
  await store.put('a', 'x')
  await store.reconcile()
  await store.close()
}

const ms = (microseconds) => `${(microseconds / 1000).toFixed(0)} ms`

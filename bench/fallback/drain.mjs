// S3 is back: what waits is handed over, beside conditional puts of the same bytes straight through the driver.
import { randomBytes } from 'node:crypto'
import { join } from 'node:path'
import { HybridStore } from 'hybrid-store'
import { FsDriver } from 'hybrid-store/fs'
import { MemoryDriver } from 'hybrid-store/memory'
import { S3Driver } from 'hybrid-store/s3'
import { cost, inTurns, medians, micro, ratios, requests, spread, timed } from './timing.mjs'

const PARALLEL = 16
const GOAL = 0.9
const ROUNDS = 10
/** What is there already is handed over without a word: each pass has bytes of its own. */
let small = randomBytes(10 * 1024)

export async function measure({ s3, root, records = 10_000 }) {
  const rows = []
  for (const durability of ['fsync', 'none']) {
    const bucket = s3 && {
      name: 's3',
      make: () => new S3Driver({ ...s3, prefix: `${durability}-${process.pid}` }),
      overwrites: records / 10,
    }
    const memory = { name: 'memory', make: () => new MemoryDriver(), overwrites: records }
    for (const storage of [bucket, memory]) {
      if (storage) rows.push(...(await drained(storage, join(root, storage.name, durability), durability, records)))
    }
  }
  return rows
}

async function drained({ name, make, overwrites }, root, durability, newKeys) {
  const driver = make()
  const local = new FsDriver({ root, durability })
  const options = { policy: () => 's3', fallback: { s3: 'local' }, reconcile: false, logger: false }
  const s3 = make()
  const store = new HybridStore({ ...options, drivers: { s3, local } })
  await driver.put('warm-up', small, { ifNoneMatch: '*' }).catch(() => {})
  const rows = []
  let direct = 0
  for (const { what, records, etag } of [
    { what: 'new keys', records: newKeys },
    { what: 'overwrites', records: overwrites, etag: true },
  ]) {
    small = randomBytes(small.length)
    await fill(root, s3, records)
    const limit = records / ROUNDS
    // The first pass over the code, and the endpoint's features.
    await store.reconcile({ limit: 50 })
    const seen = { requests: 0, moved: 0 }
    const ours = async () => {
      const [sent, cpu, begun] = [requests(), process.cpuUsage(), performance.now()]
      const { moved, failed } = await store.reconcile({ limit: limit - 5 })
      if (failed.length > 0) throw failed[0].error
      seen.requests += requests() - sent
      seen.moved += moved
      return cost(cpu, begun, moved)
    }
    const put = async () => {
      const key = `direct/${direct++ % records}.bin`
      if (!etag) return driver.put(key, small, { ifNoneMatch: '*' })
      const { etag: ifMatch } = await driver.head(key)
      return driver.put(key, small, { ifMatch })
    }
    const theirs = () => timed(put, limit, PARALLEL)
    if (!etag) direct = 0
    const samples = await inTurns({ ours, theirs }, ROUNDS)
    const { cpu, wall } = ratios(samples.theirs, samples.ours)
    const each = (seen.requests / seen.moved).toFixed(3)
    const figures = `rate ${spread(wall)}  cpu ${spread(cpu)}  requests a record ${each}`
    const detail = `${micro(medians(samples.ours))} against ${micro(medians(samples.theirs))}, ${seen.moved} records`
    const judged = !etag && name === 's3' && { goal: `rate >= ${GOAL}`, met: wall.ratio >= GOAL }
    rows.push({ name: `${name}, ${durability}: ${what}`, figures, detail, ...judged })
    while ((await store.reconcile()).remaining > 0);
  }
  await store.close()
  await driver.close?.()
  return rows
}

/** Lets so many changes wait, quickly: nothing here is to survive. The driver is only borrowed. */
async function fill(root, s3, count) {
  const local = new FsDriver({ root, durability: 'none' })
  const fallback = { s3: 'local', ack: 'fallback' }
  const store = new HybridStore({
    drivers: { s3: borrowed(s3), local },
    policy: () => 's3',
    fallback,
    reconcile: false,
    logger: false,
  })
  let next = 0
  await timed(() => store.put(`waits/${next++}.bin`, small), count, 32)
  await store.close()
}

function borrowed(driver) {
  return new Proxy(driver, {
    get(target, name) {
      const value = Reflect.get(target, name, target)
      if (name === 'close') return undefined
      return typeof value === 'function' ? value.bind(target) : value
    },
  })
}

// S3 is down and the store knows it: a put that goes into the outbox beside a put to the local driver.
import { randomBytes } from 'node:crypto'
import { join } from 'node:path'
import { HybridStore } from 'hybrid-store'
import { FsDriver } from 'hybrid-store/fs'
import { MemoryDriver } from 'hybrid-store/memory'
import { FaultyDriver } from 'hybrid-store/testing'
import { inTurns, rowOf, timed } from './timing.mjs'

const GOAL = 1.25
const HOUR = 3_600_000

export async function measure({ root }) {
  const small = randomBytes(10 * 1024)
  const rows = []
  for (const durability of ['fsync', 'none']) {
    const driver = new FsDriver({ root: join(root, durability, 'driver'), durability })
    const s3 = new FaultyDriver(new MemoryDriver())
    const store = new HybridStore({
      drivers: { s3, local: new FsDriver({ root: join(root, durability, 'store'), durability }) },
      policy: () => 's3',
      fallback: { s3: 'local', circuit: { probeAfter: HOUR, probeAtMost: HOUR } },
      reconcile: false,
      logger: false,
    })
    // It was heard before, as in a process that runs when the outage begins.
    await store.put('first.bin', small)
    s3.outage()
    await store.put('second.bin', small)
    const { drivers } = await store.status()
    if (drivers.s3.circuit !== 'open') throw new Error(`the circuit is ${drivers.s3.circuit}`)
    const warmUp = durability === 'fsync' ? 300 : 1500
    let sequence = 0
    for (const { name, width, key } of [
      { name: 'put 10 KiB, new key', width: 1, key: () => `n${sequence++}.bin` },
      { name: 'put 10 KiB, new key, 16 at a time', width: 16, key: () => `n${sequence++}.bin` },
      { name: 'put 10 KiB, over one that waits', width: 1, key: () => `s${sequence++ % 50}.bin` },
    ]) {
      const side = (target) => (times) => timed(() => target.put(key(), small), times, width)
      const [ours, theirs] = [side(store), side(driver)]
      await ours(warmUp)
      await theirs(warmUp)
      const count = durability === 'fsync' ? 48 : 96
      const samples = await inTurns({ ours: () => ours(count), theirs: () => theirs(count) }, 11)
      rows.push(rowOf(`${durability.padEnd(5)}  ${name}`, samples.ours, samples.theirs, GOAL))
    }
    await store.close()
    await driver.close()
  }
  return rows
}

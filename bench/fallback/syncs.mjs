// What each change asks of the disk: fsyncs, and system calls altogether, counted in front of the file system.
import { randomBytes } from 'node:crypto'
import { promises as node } from 'node:fs'
import { join } from 'node:path'
import { HybridStore } from 'hybrid-store'
import { FsDriver } from 'hybrid-store/fs'
import { MemoryDriver } from 'hybrid-store/memory'
import { FaultyDriver } from 'hybrid-store/testing'

const KiB = 1024

export async function measure({ root }) {
  const calls = []
  const fs = countedFs((name) => calls.push(name))
  const s3 = new FaultyDriver(new MemoryDriver())
  const store = new HybridStore({
    drivers: { s3, local: new FsDriver({ root: join(root, 'store'), fs }) },
    policy: () => 's3',
    fallback: { s3: 'local', circuit: false, grace: 0 },
    reconcile: false,
    logger: false,
  })
  const driver = new FsDriver({ root: join(root, 'driver'), fs })
  const [small, large] = [randomBytes(10 * KiB), randomBytes(100 * KiB)]
  const rows = []
  const count = async (name, work) => {
    calls.length = 0
    await work()
    const syncs = calls.filter((call) => call === 'sync').length
    rows.push({ name, figures: `fsyncs ${syncs}  calls ${calls.length}`, detail: process.env.CALLS && calls.join(' ') })
  }
  const down = async (name, work) => {
    s3.outage()
    await count(name, work)
    s3.recover()
  }
  const drained = (name) => count(name, () => store.reconcile())
  await count('S3 up: the first put', () => store.put('a.bin', small))
  await count('S3 up: a put', () => store.put('b.bin', small))
  await down('S3 down: the first put, 10 KiB', () => store.put('c.bin', small))
  await drained('S3 back: a small body handed over')
  await down('S3 down: put 10 KiB', () => store.put('d.bin', small))
  await down('S3 down: put 10 KiB over one that waits', () => store.put('d.bin', small))
  await store.reconcile()
  await down('S3 down: put 100 KiB', () => store.put('e.bin', large))
  await drained('S3 back: a large body handed over')
  await down('S3 down: delete', () => store.delete('e.bin'))
  await drained('S3 back: a delete carried out')
  await driver.put('a.bin', small)
  await count('beside it: FsDriver.put, 10 KiB', () => driver.put('b.bin', small))
  await count('beside it: FsDriver.put, 10 KiB, over another', () => driver.put('b.bin', small))
  await store.close()
  await driver.close()
  return rows
}

/** Node's file system, and every call on it or on a file that it opened is told. */
function countedFs(told) {
  const counted = (target, wrap) =>
    new Proxy(target, {
      get(_, name) {
        const value = Reflect.get(target, name, target)
        if (typeof value !== 'function') return value
        return async (...args) => {
          told(name)
          return wrap(name, await value.apply(target, args))
        }
      },
    })
  const plain = (_, result) => result
  return { promises: counted(node, (name, result) => (name === 'open' ? counted(result, plain) : result)) }
}

// S3 is up: a put through a store that could fall back beside the same put straight through the driver.
import { randomBytes } from 'node:crypto'
import { open, unlink } from 'node:fs/promises'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { HybridStore } from 'hybrid-store'
import { FsDriver } from 'hybrid-store/fs'
import { S3Driver } from 'hybrid-store/s3'
import { cost, inTurns, rowOf, timed } from './timing.mjs'

const KiB = 1024
const MiB = 1024 * KiB
const GOAL = 1.1
const CHUNK = 64 * KiB
const WRITE = 256 * KiB

export async function measure({ s3, root }) {
  const driver = new S3Driver(s3)
  const store = new HybridStore({
    drivers: { s3: new S3Driver(s3), local: new FsDriver({ root: join(root, 'local') }) },
    policy: () => 's3',
    fallback: { s3: 'local' },
    reconcile: false,
    logger: false,
  })
  const small = randomBytes(10 * KiB)
  const blob = new Blob([small])
  const large = randomBytes(64 * MiB)
  const cases = [
    { name: 'put 10 KiB, bytes', body: () => small },
    { name: 'put 10 KiB, Blob', body: () => blob },
    { name: 'put 10 KiB, function', body: () => () => Readable.from([small], { objectMode: false }) },
    { name: 'put 1 MiB, one-shot stream', body: () => streamOf(large.subarray(0, MiB)), count: 16, warmUp: 100 },
  ]
  const rows = []
  let sequence = 0
  for (const { name, body, count = 40, warmUp = 400 } of cases) {
    const side = (target) => (times) => timed(() => target.put(`k${sequence++ % 50}.bin`, body()), times, 4)
    const [ours, theirs] = [side(store), side(driver)]
    await ours(warmUp)
    await theirs(warmUp)
    const samples = await inTurns({ ours: () => ours(count), theirs: () => theirs(count) }, 15)
    rows.push(rowOf(name, samples.ours, samples.theirs, GOAL))
  }
  const ours = async () => {
    const [cpu, begun] = [process.cpuUsage(), performance.now()]
    await store.put('large.bin', streamOf(large))
    return cost(cpu, begun, 1)
  }
  const theirs = async () => {
    const [cpu, begun] = [process.cpuUsage(), performance.now()]
    await driver.put('large.bin', streamOf(large))
    await write(join(root, 'copy'), large)
    return cost(cpu, begun, 1)
  }
  await ours()
  await theirs()
  const samples = await inTurns({ ours, theirs }, 7)
  rows.push(rowOf('put 64 MiB, one-shot stream, beside put and write', samples.ours, samples.theirs, GOAL))
  await store.close()
  await driver.close()
  return rows
}

function streamOf(bytes) {
  let sent = 0
  return new Readable({
    highWaterMark: CHUNK,
    read() {
      this.push(sent < bytes.length ? bytes.subarray(sent, sent + CHUNK) : null)
      sent += CHUNK
    },
  })
}

async function write(path, bytes) {
  const file = await open(path, 'w')
  for (let at = 0; at < bytes.length; at += WRITE) await file.write(bytes.subarray(at, at + WRITE))
  await file.close()
  await unlink(path)
}

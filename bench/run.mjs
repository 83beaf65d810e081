// npm run bench [memory|speed|fallback|delivery|delivery-s3|upload|peers]: what a large blob costs in memory, what the fs driver costs
// beside plain Node calls, what it costs to have a fallback, how fast files are delivered over HTTP, what large uploads cost,
// and how we compare with the peers.
// Each measurement runs in a process of its own.
import { spawn } from 'node:child_process'
import { mkdir, mkdtemp, rm, statfs } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { createBucket } from '../tests/servers/bucket.ts'
import { missingForCeph, startS3 } from '../tests/servers/s3.ts'
import { delivery, deliveryFromS3 } from './delivery.mjs'
import { fillOutbox } from './fallback/fill.mjs'
import { peers } from './peers.mjs'
import { upload } from './upload.mjs'

const MiB = 1 << 20
const GiB = 1 << 30
const wanted = process.argv.slice(2)
const runs = (name) => wanted.length === 0 || wanted.includes(name)
/** Of the fallback; each can be asked for alone too. */
const parts = ['healthy', 'outage', 'drain', 'pending', 'syncs']

/** Runs a script of this folder and gives back what it printed as JSON. */
function measure(script, input, flags = []) {
  const path = fileURLToPath(new URL(script, import.meta.url))
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, ['--no-warnings', ...flags, path, JSON.stringify(input)], {
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    const output = []
    child.stdout.on('data', (chunk) => output.push(chunk))
    child.once('error', reject)
    child.once('close', (code) => {
      if (code === 0) resolve(JSON.parse(Buffer.concat(output).toString()))
      else reject(new Error(`${script} ended with ${code}`))
    })
  })
}

async function memory(target, allowance) {
  for (const verb of ['put', 'get']) {
    const { idle, peak, seconds } = await measure('memory.mjs', { ...target, verb, bytes: 2 * GiB }, ['--expose-gc'])
    const over = peak - idle
    const goal = 64 * MiB + allowance
    console.log(
      `  ${target.driver.padEnd(3)} ${verb}  idle ${mib(idle)}  peak ${mib(peak)}  above idle ${mib(over)}` +
        `  goal ${mib(goal)}  ${over <= goal ? 'met' : 'MISSED'}  (${Math.round(2048 / seconds)} MiB/s)`,
    )
  }
}

const mib = (bytes) => `${(bytes / MiB).toFixed(0).padStart(4)} MiB`

/** Calls back with the options of an S3 driver, and the server and bucket that they lead to; with none, said aloud, where there is no real S3. */
async function withS3(work) {
  const missing = missingForCeph()
  if (missing !== undefined && !process.env.S3_TEST_ENDPOINT) {
    console.log(`  s3   not measured: ${missing}. Run: npm run setup:tests`)
    return work(undefined)
  }
  const server = await startS3()
  try {
    const bucket = await createBucket(server, 'bench')
    try {
      const { endpoint, region, credentials } = server
      const options = { bucket: bucket.name, endpoint, region, credentials, forcePathStyle: true }
      await work(options, { server, bucket })
    } finally {
      await bucket.remove()
    }
  } finally {
    await server.stop()
  }
}

async function memoryOnS3(options) {
  const [partSize, queueSize] = [8 * MiB, 4]
  if (options) await memory({ driver: 's3', options: { ...options, partSize, queueSize } }, partSize * queueSize)
}

async function speed(root) {
  for (const durability of ['fsync', 'none']) {
    for (const { name, wall, cpu, rawMicroseconds, driverMicroseconds } of await measure('fs-speed.mjs', {
      root: join(root, durability),
      durability,
    })) {
      const verdict = wall >= 0.8 && cpu >= 0.8 ? 'met' : 'MISSED'
      console.log(
        `  ${durability.padEnd(5)}  ${name.padEnd(24)}  wall ${wall.toFixed(2)}  cpu ${cpu.toFixed(2)}  goal 0.80  ` +
          `${verdict.padEnd(6)}  (raw ${micro(rawMicroseconds)}, driver ${micro(driverMicroseconds)})`,
      )
    }
  }
}

async function fallback(root, s3) {
  const full = join(root, 'full')
  for (const { part, title, input } of [
    { part: 'healthy', title: 'S3 is up: a put through the store beside one through the driver', input: { s3 } },
    { part: 'outage', title: 'S3 is down: a put into the outbox beside one to the fs driver' },
    {
      part: 'drain',
      title: 'S3 is back: records handed over, beside conditional puts, as many at once',
      input: { s3 },
    },
    { part: 'pending', title: 'Much waits: opening, and reading something else', input: { full, count: 100_000 } },
    { part: 'syncs', title: 'What each change asks of the disk' },
  ]) {
    if ((part === 'healthy' && s3 === undefined) || !(runs('fallback') || runs(part))) continue
    if (part === 'pending') fillOutbox(full, input.count)
    console.log(`\n  ${title}`)
    const own = join(root, part)
    await mkdir(own)
    for (const { name, figures, goal, met, detail } of await measure('fallback.mjs', { part, root: own, ...input })) {
      const verdict = goal === undefined ? '' : `  goal ${goal}  ${met ? 'met' : 'MISSED'}`
      console.log(`    ${name.padEnd(50)}  ${figures}${verdict}${detail ? `  (${detail})` : ''}`)
    }
    await rm(own, { recursive: true })
  }
}

const micro = ({ wall, cpu }) => `${wall.toFixed(0)} us wall ${cpu.toFixed(0)} us cpu`

const root = await mkdtemp(join(tmpdir(), 'hybrid-store-bench-'))
try {
  const { type } = await statfs(root)
  console.log(`Node ${process.version}; local files in ${root} (file system type 0x${type.toString(16)})`)
  if (runs('memory')) {
    console.log(
      '\nPeak memory (RSS) while 2 GiB stream through; goal: 64 MiB above idle, for S3 plus partSize x queueSize',
    )
    await mkdir(join(root, 'memory'))
    await memory({ driver: 'fs', options: { root: join(root, 'memory') } }, 0)
    await rm(join(root, 'memory'), { recursive: true })
    await withS3(memoryOnS3)
  }
  if (runs('speed')) {
    console.log(
      '\nThe fs driver beside plain Node calls of the same durability; 1.00 is as fast, 0.50 takes twice as long',
    )
    await speed(root)
  }
  if (runs('fallback') || parts.some(runs)) {
    console.log('\nWhat a fallback costs: ratios of medians, in brackets the middle half of what the rounds said each')
    await mkdir(join(root, 'fallback'))
    await withS3((s3) => fallback(join(root, 'fallback'), s3))
  }
  if (runs('delivery')) {
    console.log(
      '\nDelivery over HTTP: ours by theirs, medians of requests/s and of the CPU time of the server; asked by wrk',
    )
    await mkdir(join(root, 'delivery'))
    await delivery(join(root, 'delivery'))
  }
  if (runs('delivery') || runs('delivery-s3')) {
    console.log('\nThe same from S3')
    await withS3((s3) => s3 && deliveryFromS3(root, s3))
  }
  if (runs('upload')) {
    console.log(
      '\nUploads over HTTP to S3, beside a server that gives its request to the S3 driver; medians of rounds, in turns',
    )
    await mkdir(join(root, 'upload'))
    await withS3((s3, behind) => upload(join(root, 'upload'), s3, behind))
  }
  if (runs('peers')) {
    console.log('\nBeside the peers: CPU time for each call, also by that of the first row')
    await mkdir(join(root, 'peers'))
    await peers(join(root, 'peers'), process.env.PEERS_ONLY)
  }
} finally {
  await rm(root, { recursive: true, force: true })
}

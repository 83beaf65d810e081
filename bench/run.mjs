// npm run bench [memory|speed]: what a large blob costs in memory, and what the fs driver costs beside plain Node calls.
// Each measurement runs in a process of its own.
import { spawn } from 'node:child_process'
import { mkdir, mkdtemp, rm, statfs } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { createBucket } from '../tests/servers/bucket.ts'
import { missingForCeph, startS3 } from '../tests/servers/s3.ts'

const MiB = 1 << 20
const GiB = 1 << 30
const wanted = process.argv.slice(2)
const runs = (name) => wanted.length === 0 || wanted.includes(name)

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

async function memoryOnS3() {
  const missing = missingForCeph()
  if (missing !== undefined && !process.env.S3_TEST_ENDPOINT) {
    console.log(`  s3   not measured: ${missing}. Run: npm run setup:tests`)
    return
  }
  const server = await startS3()
  try {
    const bucket = await createBucket(server, 'bench')
    try {
      const { endpoint, region, credentials } = server
      const options = { bucket: bucket.name, endpoint, region, credentials, forcePathStyle: true }
      const [partSize, queueSize] = [8 * MiB, 4]
      await memory({ driver: 's3', options: { ...options, partSize, queueSize } }, partSize * queueSize)
    } finally {
      await bucket.remove()
    }
  } finally {
    await server.stop()
  }
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
    await memoryOnS3()
  }
  if (runs('speed')) {
    console.log(
      '\nThe fs driver beside plain Node calls of the same durability; 1.00 is as fast, 0.50 takes twice as long',
    )
    await speed(root)
  }
} finally {
  await rm(root, { recursive: true, force: true })
}

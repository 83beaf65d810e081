// Large uploads: what taking one in costs beside the S3 driver's own put, and what becomes of one when S3 or the client is
// killed in its middle, or S3 is slow. Servers and clients are processes of their own; UPLOAD_MIB sets the size.
import { mkdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { median } from './fallback/timing.mjs'
import { startClient, startServer } from './upload/processes.mjs'
import { clientKilled, s3Killed, s3Slow } from './upload/situations.mjs'

const MiB = 1 << 20
const BYTES = Number(process.env.UPLOAD_MIB ?? 1024) * MiB
const ROUNDS = 5
const GOAL = 0.9
const [partSize, queueSize] = [8 * MiB, 4]
/** Above what is resident at rest: the same that the driver may take by itself. */
const ALLOWANCE = 64 * MiB + partSize * queueSize

const THEIRS = 'S3Driver.put'
const SUBJECTS = ['Express', 'Fastify', 'Express, with a fallback', 'Fastify, with a fallback']

/** Prints rows. `s3`: options of an S3 driver, or undefined; `behind`: the server and the bucket that they lead to. */
export async function upload(folder, s3, behind) {
  if (s3 === undefined) return
  const options = { ...s3, partSize, queueSize }
  await cost(folder, options)
  for (const subject of SUBJECTS.slice(2)) {
    for (const situation of [clientKilled, s3Slow, s3Killed]) {
      const root = join(folder, 'situation')
      await mkdir(root)
      const { name, seconds, checks } = await situation({ subject, root, s3: options, ...behind }, BYTES, ALLOWANCE)
      const met = checks.every(({ ok }) => ok)
      console.log(`  ${name}, ${subject.split(',')[0]} (${seconds.toFixed(1)} s)  ${met ? 'met' : 'MISSED'}`)
      for (const { what, ok } of checks) console.log(`    ${ok ? 'yes' : 'NO '}  ${what}`)
      await rm(root, { recursive: true })
    }
  }
}

/** Every server takes the same stream, in turns; each begins a round in turn. */
async function cost(folder, s3) {
  const names = [THEIRS, ...SUBJECTS]
  const servers = []
  for (const [index, subject] of names.entries()) {
    const root = join(folder, String(index))
    await mkdir(root)
    servers.push(await startServer(subject, { s3, root }))
  }
  const samples = new Map(servers.map((server) => [server, []]))
  const idle = new Map()
  try {
    for (const server of servers) {
      await take(server, MiB)
      idle.set(server, await server.ask('idle'))
    }
    for (let round = 0; round < ROUNDS; round++) {
      const at = round % servers.length
      for (const server of [...servers.slice(at), ...servers.slice(0, at)]) {
        samples.get(server).push(await take(server, BYTES))
      }
    }
    const [theirs] = servers
    for (const server of servers) {
      printCost(server, samples.get(server), server === theirs ? undefined : samples.get(theirs))
      printMemory(idle.get(server), await server.ask('peak'))
    }
  } finally {
    for (const server of servers) await server.stop()
  }
}

/** MiB/s as the client sees it, and seconds of the server's CPU for a GiB. */
async function take(server, bytes) {
  const before = await server.ask('cpu')
  const { status, body, seconds } = await startClient(server, bytes).done()
  if (status !== 201) throw new Error(`${server.subject} answered ${status}: ${body}`)
  const cpu = (await server.ask('cpu')) - before
  await server.ask('remove', { path: JSON.parse(body).path })
  return { rate: bytes / MiB / seconds, cpu: (cpu * 1024 * MiB) / bytes }
}

function printCost({ subject }, ours, theirs) {
  const middle = (side, kind) => median(side.map((sample) => sample[kind]))
  const figures = `${middle(ours, 'rate').toFixed(0)} MiB/s, ${middle(ours, 'cpu').toFixed(2)} s of CPU a GiB`
  if (theirs === undefined) return console.log(`  ${subject.padEnd(26)}  ${figures}`)
  const spread = (kind) => {
    const each = ours.map((sample, round) => sample[kind] / theirs[round][kind]).sort((a, b) => a - b)
    const ends = [each[each.length >> 2], each[(each.length * 3) >> 2]].map((one) => one.toFixed(2))
    return `${(middle(ours, kind) / middle(theirs, kind)).toFixed(2)} (${ends.join(' to ')})`
  }
  const met = middle(ours, 'rate') / middle(theirs, 'rate') >= GOAL
  console.log(
    `  ${subject.padEnd(26)}  MiB/s ${spread('rate')}  goal ${GOAL.toFixed(2)}  ${met ? 'met   ' : 'MISSED'}` +
      `  cpu ${spread('cpu')}  (${figures})`,
  )
}

function printMemory(idle, peak) {
  const mib = (bytes) => `${(bytes / MiB).toFixed(0)} MiB`
  const met = peak - idle <= ALLOWANCE
  const figures = `idle ${mib(idle)}  peak ${mib(peak)}  above idle ${mib(peak - idle)}`
  console.log(`  ${''.padEnd(26)}  ${figures}  goal ${mib(ALLOWANCE)}  ${met ? 'met' : 'MISSED'}`)
}

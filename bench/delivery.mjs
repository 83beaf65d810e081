// Delivery of files, beside what people use for it: each server in a process of its own, asked by wrk, in turns.
import { execFile, spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { mkdir, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { FsDriver } from 'hybrid-store/fs'
import { startFaultProxy } from '../tests/servers/fault-proxy.ts'

const run = promisify(execFile)
const SIZES = { '1 KiB': 1024, '100 KiB': 100 * 1024, '10 MiB': 10 * 1024 * 1024 }
const SECONDS = 3
const CONNECTIONS = 16
/** Requests before anything is measured: code that V8 has not compiled yet is several times slower. */
const WARM = 10_000

/** Goals: requests per second, ours by theirs. */
const PAIRS = [
  { ours: 'hybrid-store, Express', theirs: 'express.static', goals: [1.3, 1.3, 1.5] },
  { ours: 'hybrid-store, Fastify', theirs: '@fastify/static', goals: [1.3, 1.3, 1.5] },
  { ours: 'hybrid-store, Node', theirs: 'createReadStream', goals: [] },
  { ours: 'hybrid-store, Node', theirs: 'nginx', goals: [] },
]
const S3_PAIRS = [{ ours: 'hybrid-store, S3', theirs: 'GetObject, piped', goals: [1, 1, 1] }]

/** Prints a row for each pair and size, of files on the local disk. */
export async function delivery(folder, rounds = 5) {
  const root = join(folder, 'files')
  await mkdir(root)
  const driver = new FsDriver({ root })
  for (const [name, size] of Object.entries(SIZES)) await driver.put(fileOf(name), randomBytes(size))
  for (const pair of PAIRS) await compare(pair, { root }, rounds)
}

/** The same of objects in S3, and how many requests to S3 each delivery takes. `s3`: options of an S3 driver. */
export async function deliveryFromS3(root, s3, rounds = 5) {
  await upload(s3)
  for (const pair of S3_PAIRS) await compare(pair, { root, s3 }, rounds)
  const proxy = await startFaultProxy(s3.endpoint)
  const server = await start(S3_PAIRS[0].ours, { root, s3: { ...s3, endpoint: proxy.endpoint } })
  try {
    const deliveries = 100
    for (let at = 0; at < deliveries; at++) await get(server, Object.keys(SIZES)[at % 2])
    console.log(`  requests to S3 for each delivery: ${(proxy.requests.length / deliveries).toFixed(2)}  goal 1.00`)
  } finally {
    await server.stop()
    await proxy.stop()
  }
}

async function get(server, name) {
  const response = await fetch(`http://127.0.0.1:${server.port}/${fileOf(name)}`)
  if (!response.ok || (await response.arrayBuffer()).byteLength !== SIZES[name])
    throw new Error(`${name}: ${response.status}`)
}

async function compare({ ours, theirs, goals }, input, rounds) {
  const servers = await Promise.all([ours, theirs].map((subject) => start(subject, input)))
  try {
    for (const server of servers) await warm(server)
    for (const [at, name] of Object.keys(SIZES).entries()) {
      const samples = [[], []]
      for (const server of servers) await ask(server, name, 1)
      for (let round = 0; round < rounds; round++) {
        for (const which of round % 2 ? [1, 0] : [0, 1]) samples[which].push(await ask(servers[which], name, SECONDS))
      }
      print({ ours, theirs, name, goal: goals[at], samples })
    }
  } finally {
    await Promise.all(servers.map((server) => server.stop()))
  }
}

async function warm(server) {
  const [name] = Object.keys(SIZES)
  for (let requests = 0; requests < WARM; ) requests += (await ask(server, name, 1)).requests
}

function print({ ours, theirs, name, goal, samples: [a, b] }) {
  const ratio = (kind) => median(a.map((sample) => sample[kind])) / median(b.map((sample) => sample[kind]))
  const rate = ratio('rate')
  const cpu = Number.isNaN(b[0].cpu) ? '' : `  cpu/request ${ratio('cpu').toFixed(2)}`
  const reached = Number.isFinite(rate) ? (rate >= goal ? 'met' : 'MISSED') : 'not measured'
  const verdict = goal === undefined ? '' : `  goal ${goal.toFixed(1)}  ${reached}`
  const figures = [a, b].map((side) => `${median(side.map((sample) => sample.rate)).toFixed(0)}/s`)
  console.log(
    `  ${ours.padEnd(22)} by ${theirs.padEnd(18)}  ${name.padStart(7)}  requests/s ${rate.toFixed(2)}${cpu}${verdict}  (${figures.join(', ')})`,
  )
}

/** Requests per second, and the server's CPU microseconds for each. Any answer but a 200 is an error. */
async function ask(server, name, seconds) {
  const before = await server.cpu()
  const url = `http://127.0.0.1:${server.port}/${fileOf(name)}`
  const { stdout } = await run('wrk', ['-t1', `-c${CONNECTIONS}`, `-d${seconds}s`, '--timeout', '30s', url])
  if (/Non-2xx|Socket errors/.test(stdout)) throw new Error(`${server.subject}: ${stdout}`)
  const requests = Number(/(\d+) requests in/.exec(stdout)[1])
  const rate = Number(/Requests\/sec:\s+([\d.]+)/.exec(stdout)[1])
  return { requests, rate, cpu: ((await server.cpu()) - before) / requests }
}

async function start(subject, input) {
  if (subject === 'nginx') return startNginx(input.root)
  const path = fileURLToPath(new URL('./delivery/server.mjs', import.meta.url))
  const child = spawn(process.execPath, ['--no-warnings', path, JSON.stringify({ subject, ...input })], {
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]()
  const read = async () => Number((await lines.next()).value)
  return {
    subject,
    port: await read(),
    cpu: () => {
      child.stdin.write('\n')
      return read()
    },
    stop: async () => {
      child.stdin.end()
      await once(child, 'close')
    },
  }
}

/** The ceiling: one worker that sends with sendfile. */
async function startNginx(root) {
  const port = await freePort()
  const config = join(root, '..', 'nginx.conf')
  await writeFile(
    config,
    `daemon off; worker_processes 1; pid ${join(root, '..', 'nginx.pid')}; error_log stderr crit; user root;
events {} http { access_log off; sendfile on; keepalive_requests 1000000;
server { listen 127.0.0.1:${port}; root ${root}; } }`,
  )
  const child = spawn('nginx', ['-c', config], { stdio: ['ignore', 'ignore', 'inherit'] })
  const up = async () =>
    fetch(`http://127.0.0.1:${port}/`).then(
      () => true,
      () => false,
    )
  while (!(await up())) if (child.exitCode !== null) throw new Error('nginx did not start')
  return {
    subject: 'nginx',
    port,
    cpu: async () => Number.NaN,
    stop: async () => {
      child.kill('SIGTERM')
      await once(child, 'close')
    },
  }
}

async function freePort() {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address()
  server.close()
  return port
}

async function upload({ bucket, ...options }) {
  const { PutObjectCommand, S3Client } = await import('@aws-sdk/client-s3')
  const client = new S3Client({ ...options, requestChecksumCalculation: 'WHEN_REQUIRED' })
  for (const [name, size] of Object.entries(SIZES)) {
    await client.send(new PutObjectCommand({ Bucket: bucket, Key: fileOf(name), Body: randomBytes(size) }))
  }
  client.destroy()
}

const fileOf = (name) => `${name.replace(' ', '-')}.bin`
const median = (values) => values.toSorted((a, b) => a - b)[values.length >> 1]

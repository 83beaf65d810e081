// Every client of S3 and of the disk that there is, each in a process of its own, asked in turns; prints tables and writes
// docs/benchmarks.md. The peers are installed in bench/peers and nowhere else.
import { execFileSync, spawn } from 'node:child_process'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { cpus, totalmem } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { median } from './fallback/timing.mjs'
import { report } from './peers/report.mjs'
import { GOALS, tables, WORKS } from './peers/works.mjs'

const folder = fileURLToPath(new URL('./peers/', import.meta.url))
const page = fileURLToPath(new URL('../docs/benchmarks.md', import.meta.url))

function install() {
  if (existsSync(join(folder, 'node_modules'))) return
  console.log('  installing the peers into bench/peers')
  execFileSync('npm', ['ci', '--no-audit', '--no-fund'], { cwd: folder, stdio: 'inherit' })
}

/** A process that answers each line of its input with a line. */
async function start(script, input) {
  const child = spawn(process.execPath, ['--no-warnings', join(folder, script), JSON.stringify(input ?? {})], {
    stdio: ['pipe', 'pipe', 'inherit', 'ipc'],
    env: { ...process.env, AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED: 'true' },
  })
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]()
  const read = async () => {
    const { value, done } = await lines.next()
    if (done) throw new Error(`${script} ${JSON.stringify(input)} has ended`)
    return value
  }
  return {
    first: await read(),
    ask: async (question) => {
      child.stdin.write(`${JSON.stringify(question)}\n`)
      return JSON.parse(await read())
    },
    stop: () => {
      const ended = new Promise((resolve) => child.once('close', resolve))
      child.kill()
      return ended
    },
  }
}

/** Asks every subject of a table in turns, which starts with another one each round; the medians of each. */
async function measure({ kind, subjects, settings, rounds, warm, work, count, width, size }) {
  const open = await Promise.all(
    subjects.map(async (subject) => ({
      subject,
      process: await start('worker.mjs', { kind, subject, settings: settings(subject) }),
    })),
  )
  try {
    const samples = new Map(subjects.map((subject) => [subject, []]))
    for (const { process } of open) await process.ask({ work, width, size, count: warm })
    for (let round = 0; round < rounds; round++) {
      const turns = [...open.slice(round % open.length), ...open.slice(0, round % open.length)]
      for (const { subject, process } of turns)
        samples.get(subject).push(await process.ask({ work, width, size, count }))
    }
    return subjects.flatMap((subject) => {
      const all = samples.get(subject).filter((sample) => sample !== null)
      if (all.length === 0) return []
      const of = (name) => median(all.map((sample) => sample[name]))
      return [{ subject, cpu: of('cpu'), wall: of('wall'), rss: Math.max(...all.map(({ rss }) => rss)) }]
    })
  } finally {
    await Promise.all(open.map(({ process }) => process.stop()))
  }
}

/**
 * Measures and reports. `root`: an empty folder for the peers of the disk. `only`: a part of the names of tables; then docs/benchmarks.md stays as it is.
 */
export async function peers(root, only) {
  install()
  const server = await start('null-s3.mjs')
  const nothing = {
    endpoint: `http://127.0.0.1:${server.first}`,
    bucket: 'bench',
    region: 'us-east-1',
    credentials: { accessKeyId: 'bench', secretAccessKey: 'bench-secret' },
  }
  const done = []
  try {
    for (const table of tables({ root, nothing })) {
      if (only !== undefined && !table.title.includes(only)) continue
      const rows = await measure({ ...WORKS[table.of], ...table })
      const measured = { ...WORKS[table.of], ...table, rows, goals: goalsOf(table, rows) }
      done.push(measured)
      print(measured)
    }
  } finally {
    await server.stop()
  }
  if (only === undefined) writeFileSync(page, report(done, machine()))
}

function goalsOf({ title }, rows) {
  const find = (subject) => rows.find((row) => row.subject === subject)
  return (GOALS[title] ?? []).flatMap(({ ours, theirs, of, most, least }) => {
    const [a, b] = [find(ours), find(theirs)]
    if (!a || !b) return []
    const ratio = of === 'rate' ? b.wall / a.wall : a[of] / b[of]
    return [{ ours, theirs, of, most, least, ratio, met: most === undefined ? ratio >= least : ratio <= most }]
  })
}

function print({ title, rows, goals, size, keys }) {
  console.log(`\n  ${title}`)
  const floor = rows[0]
  for (const { subject, cpu, wall, rss } of rows) {
    const speed =
      size && !keys ? `${(size / 1.048576 / wall).toFixed(0)} MiB/s` : `${(((keys ?? 1) * 1e6) / wall).toFixed(0)}/s`
    console.log(
      `    ${subject.padEnd(34)} cpu ${micros(cpu).padStart(9)}  ${(cpu / floor.cpu).toFixed(2).padStart(6)}  ${speed.padStart(11)}  peak ${(rss / 2 ** 20).toFixed(0)} MiB`,
    )
  }
  for (const { ours, theirs, of, most, least, ratio, met } of goals) {
    const goal = most === undefined ? `>= ${least}` : `<= ${most}`
    console.log(`    ${of} of ${ours} by ${theirs}: ${ratio.toFixed(2)}  goal ${goal}  ${met ? 'met' : 'MISSED'}`)
  }
}

const micros = (value) => (value < 10_000 ? `${value.toFixed(0)} us` : `${(value / 1000).toFixed(0)} ms`)

function machine() {
  const { dependencies } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'))
  return {
    node: process.version,
    date: new Date().toISOString().slice(0, 10),
    processors: `${cpus().length} x ${cpus()[0].model}`,
    memory: `${Math.round(totalmem() / 2 ** 30)} GiB`,
    versions: dependencies,
  }
}

// Takes one thing after the other out of src and sees whether the tests notice: `npm run defects`, of which the last line
// is `k of k caught`. Options: `--only <part of a name>`, as often as you like; `--lanes <n>`, runs side by side; `--long`
// tries the large suites too.
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { availableParallelism, tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { tsImport } from 'tsx/esm/api'
import { defects as table } from '../tests/defects/defects.mjs'
import { checkTable, sabotaged } from './defects/table.mjs'
import { runTests, verdictOf } from './defects/vitest.mjs'

const root = fileURLToPath(new URL('..', import.meta.url))
const COPIED = ['src', 'tests', 'examples', 'package.json', 'tsconfig.json', 'vitest.config.ts']
/** Where nobody listens: tests that need no server are not to wait for one. */
const NO_S3 = { S3_TEST_ENDPOINT: 'http://127.0.0.1:9', S3_TEST_SERVER: '' }

const { values } = parseArgs({
  options: {
    only: { type: 'string', multiple: true, default: [''] },
    lanes: { type: 'string' },
    long: { type: 'boolean', default: false },
  },
})
const lanes = Number(values.lanes ?? Math.min(2, availableParallelism()))
const chosen = table.filter(({ name }) => values.only.some((part) => name.includes(part)))
/** What is to turn red, each with a defect that must be noticed by it. */
const trials = chosen.flatMap(({ tests, long, ...defect }) => [
  { ...defect, tests },
  ...(values.long && long ? [{ ...defect, name: `${defect.name} (large suite)`, tests: long }] : []),
])

/** A copy of the project in which things may be broken. */
function makeCopy(folder) {
  mkdirSync(join(folder, 'tmp'), { recursive: true })
  for (const name of COPIED) cpSync(join(root, name), join(folder, name), { recursive: true })
  symlinkSync(join(root, 'node_modules'), join(folder, 'node_modules'))
  return folder
}

async function startS3() {
  if (!trials.some(({ tests }) => tests.s3)) return undefined
  const { startS3: start } = await tsImport('../tests/servers/s3.ts', import.meta.url)
  return await start()
}

function environmentOf({ s3, env }, server) {
  if (!s3 || server === undefined) return { ...NO_S3, ...env }
  const { endpoint, region, credentials } = server
  const { accessKeyId, secretAccessKey } = credentials
  return {
    S3_TEST_ENDPOINT: endpoint,
    S3_TEST_REGION: region,
    S3_TEST_ACCESS_KEY: accessKeyId,
    S3_TEST_SECRET_KEY: secretAccessKey,
    S3_TEST_SERVER: '',
    ...env,
  }
}

/** Runs all tests once while nothing is broken. Answers for each trial why it would say nothing, if so. */
async function findUnsound(folder, server, todo) {
  const runs = new Map()
  for (const { tests } of todo) {
    const env = environmentOf(tests, server)
    const id = JSON.stringify([env, tests.only === undefined])
    const run = runs.get(id) ?? { env, files: new Set(), only: new Set() }
    for (const file of tests.files) run.files.add(file)
    if (tests.only !== undefined) run.only.add(tests.only)
    runs.set(id, run)
  }
  const all = []
  for (const { env, files, only } of runs.values()) {
    const pattern = only.size > 0 ? [...only].map((one) => `(?:${one})`).join('|') : undefined
    const result = await runTests(folder, { files: [...files], only: pattern, env, bail: false })
    if (!result.green) console.error(`Red without a defect:\n${result.output}\n`)
    all.push(...result.tests)
  }
  const unsound = new Map()
  for (const trial of todo) {
    const { files, only = '' } = trial.tests
    const mine = all.filter(({ file, name }) => files.includes(file) && new RegExp(only).test(name))
    const red = mine.find(({ status }) => status === 'failed')
    if (red) unsound.set(trial, `"${red.name}" is red without it`)
    else if (!mine.some(({ status }) => status === 'passed')) unsound.set(trial, `no test of ${files} fits /${only}/`)
  }
  return unsound
}

async function main() {
  const problems = checkTable(root, table)
  if (chosen.length === 0) problems.push('no defect has such a name')
  if (problems.length > 0) return fail('The table is wrong', problems)
  const folder = mkdtempSync(join(tmpdir(), 'hybrid-store-defects-'))
  process.once('exit', () => rmSync(folder, { recursive: true, force: true, maxRetries: 3 }))
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.once(signal, () => process.exit(1))
  let server
  try {
    server = await startS3()
    const todo = trials.filter(({ tests }) => !(tests.s3 && server?.kind === 'fauxqs'))
    const copies = Array.from({ length: lanes }, (_, i) => makeCopy(join(folder, `lane-${i}`)))
    const began = performance.now()
    const unsound = await findUnsound(copies[0], server, todo)
    console.log(`Without a defect the tests took ${secondsSince(began)}.\n`)
    for (const [{ name }, why] of unsound) console.log(`UNSOUND   ${name}: ${why}`)
    const tried = todo.filter((trial) => !unsound.has(trial))
    const caught = await tryAll(tried, copies, server)
    const skipped = trials.length - todo.length
    if (skipped > 0) console.log(`\n${skipped} were left out: they need a real S3 server (npm run setup:tests).`)
    if (caught < todo.length) process.exitCode = 1
    console.log(`\n${caught} of ${todo.length} caught`)
  } finally {
    await server?.stop()
  }
}

/** Answers how many were noticed. */
async function tryAll(todo, copies, server) {
  const left = todo.values()
  let count = 0
  const work = async (copy) => {
    for (const trial of left) {
      const began = performance.now()
      const { caught, says } = await tryOne(trial, copy, server)
      if (caught) count++
      console.log(`${caught ? 'caught  ' : 'SURVIVED'}  ${trial.name} (${secondsSince(began)}): ${says}`)
    }
  }
  await Promise.all(copies.map(work))
  return count
}

async function tryOne(trial, copy, server) {
  const path = join(copy, trial.file)
  const sound = readFileSync(path, 'utf8')
  writeFileSync(path, sabotaged(sound, trial))
  try {
    const { files, only } = trial.tests
    return verdictOf(await runTests(copy, { files, only, env: environmentOf(trial.tests, server), bail: true }))
  } finally {
    writeFileSync(path, sound)
  }
}

function secondsSince(began) {
  return `${((performance.now() - began) / 1000).toFixed(1)} s`
}

function fail(what, problems) {
  console.error(`${what}:\n${problems.map((problem) => `  ${problem}`).join('\n')}`)
  process.exitCode = 1
}

await main()

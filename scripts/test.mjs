// Builds, checks and tests, and sums it up. Its last line is `N passed, N failed`, with `, N skipped` behind it where
// there are any. Arguments go to vitest: `npm test -- tests/store` runs the tests of one folder.
import { spawn } from 'node:child_process'
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { conformanceTable, failedTests, missionTable, s3Notice, skippedTests, suiteTable } from './report.mjs'

const root = fileURLToPath(new URL('..', import.meta.url))
const results = mkdtempSync(join(tmpdir(), 'hybrid-store-results-'))
const filters = process.argv.slice(2)
const started = Date.now()
let passed = 0
let failed = 0
let skipped = 0

/** Runs a program of the project's own node_modules; `quiet` shows its output only where it fails. */
function run(label, program, args, { quiet = true, env = {} } = {}) {
  const begun = Date.now()
  const child = spawn(process.execPath, [join(root, 'node_modules', program), ...args], {
    cwd: root,
    env: { ...process.env, ...env },
    stdio: quiet ? ['ignore', 'pipe', 'pipe'] : 'inherit',
  })
  const output = []
  child.stdout?.on('data', (chunk) => output.push(chunk))
  child.stderr?.on('data', (chunk) => output.push(chunk))
  return new Promise((resolve) => {
    child.once('error', (error) => output.push(Buffer.from(`${error.stack}\n`)))
    child.once('close', (code) => {
      if (code !== 0) process.stdout.write(Buffer.concat(output))
      console.log(`${code === 0 ? 'ok    ' : 'FAILED'}  ${label} (${((Date.now() - begun) / 1000).toFixed(1)} s)`)
      resolve(code === 0)
    })
  })
}

const count = (ok) => (ok ? passed++ : failed++)

function readResult(name) {
  try {
    return JSON.parse(readFileSync(join(results, name), 'utf8'))
  } catch (error) {
    if (error.code === 'ENOENT') return undefined
    throw error
  }
}

/** Those whose names start so, in the order of their names. */
function readResults(start) {
  const names = readdirSync(results).filter((name) => name.startsWith(start))
  return names.sort().map(readResult)
}

async function main() {
  const built = await run('build', 'tsup/dist/cli-default.js', ['--silent'])
  count(built)
  if (!built) return
  const checks = await Promise.all([
    run('types', 'typescript/bin/tsc', ['--noEmit']),
    run('lint and format', '@biomejs/biome/bin/biome', ['check']),
  ])
  for (const ok of checks) count(ok)

  const green = await run('tests', 'vitest/vitest.mjs', ['run', ...filters], {
    quiet: false,
    env: { HYBRID_STORE_RESULTS: results },
  })
  const summary = readResult('summary.json')
  passed += summary?.passed ?? 0
  skipped += summary?.skipped.length ?? 0
  const failures = (summary?.failed ?? 0) + (summary?.errors ?? 0)
  // Red without a failed test: the servers did not start, or the run broke off.
  failed += failures === 0 && !green ? 1 : failures
  if (!summary) return

  const conformance = readResults('conformance-')
  // What the store does (mission) comes before what is served of it (http).
  const mission = readResults('mission-').reverse().flat()
  if (filters.length === 0) {
    // A table that is missing would look like nothing to complain about.
    if (conformance.length === 0) failed++
    if (mission.length === 0) failed++
  }
  console.log(conformanceTable(conformance))
  console.log(missionTable(mission))
  console.log(suiteTable(summary.suites, Date.now() - started))
  console.log(skippedTests(summary.skipped))
  console.log(s3Notice(summary.s3, summary.skipped))
  if (summary.failures.length > 0) console.log(failedTests(summary.failures))
}

try {
  await main()
} catch (error) {
  console.error(error)
  failed++
} finally {
  rmSync(results, { recursive: true, force: true })
}
if (failed > 0) process.exitCode = 1
console.log(`\n${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ''}`)

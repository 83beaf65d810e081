// One run of vitest on a copy of the project, and what it says.
import { spawn } from 'node:child_process'
import { readFileSync, rmSync } from 'node:fs'
import { join, relative } from 'node:path'

/** Milliseconds after which a run is given up. */
const PATIENCE = 300_000
/** Mistakes of the table, not failures of a test. */
const MISTAKE = /^(SyntaxError|ReferenceError)\b/

/** Runs some of the tests in `folder`; `bail` ends with the first that fails. */
export async function runTests(folder, { files, only, env, bail }) {
  const report = join(folder, 'tmp', 'report.json')
  rmSync(report, { force: true })
  const args = [
    join(folder, 'node_modules/vitest/vitest.mjs'),
    ...['run', ...files, '--maxWorkers', '1', '--reporter', 'json', '--outputFile', report],
    ...(only === undefined ? [] : ['-t', only]),
    ...(bail ? ['--bail', '1'] : []),
  ]
  const { output, inTime } = await run(folder, args, env)
  const results = readReport(report)?.testResults ?? []
  const all = results.flatMap(({ name, assertionResults }) => {
    const file = relative(folder, name)
    return assertionResults.map(({ fullName, status, failureMessages }) => {
      return { file, name: fullName, status, message: failureMessages?.[0] ?? '' }
    })
  })
  const failed = all.filter(({ status }) => status === 'failed')
  // A file that does not load has no tests.
  const unloaded = results.find(({ status, assertionResults }) => status === 'failed' && assertionResults.length === 0)
  return {
    inTime,
    tests: all,
    failed,
    unloaded: unloaded?.message,
    green: output.code === 0 && failed.length === 0 && unloaded === undefined,
    output: [...failed.map(({ name, message }) => `${name}: ${message}`), unloaded?.message, output.text.slice(-3000)]
      .filter(Boolean)
      .join('\n'),
  }
}

/** Whether the defect was noticed as it should be: by a test that failed, and not by code that does not run at all. */
export function verdictOf({ inTime, failed, unloaded, green, output }) {
  if (unloaded !== undefined) return { caught: false, says: `the code does not load: ${firstLine(unloaded)}` }
  const mistake = failed.find(({ message }) => MISTAKE.test(message))
  if (mistake) return { caught: false, says: `the code is no sabotage: ${firstLine(mistake.message)}` }
  const [first] = failed
  if (first) return { caught: true, says: `"${first.name}": ${firstLine(first.message)}` }
  if (!inTime) return { caught: false, says: `nothing failed within ${PATIENCE / 1000} s` }
  return { caught: false, says: green ? 'all tests passed' : `red without a failed test:\n${output}` }
}

function firstLine(text) {
  return (text.replace(/\u001b\[\d+m/g, '').split('\n')[0] ?? '').slice(0, 160)
}

function readReport(path) {
  try {
    return JSON.parse(readFileSync(path, 'utf8'))
  } catch (error) {
    if (error.code === 'ENOENT') return undefined
    throw error
  }
}

/** Temporary folders of tests that were broken off lie in the copy, and go with it. */
async function run(folder, args, env) {
  const { HYBRID_STORE_RESULTS: _, ...inherited } = process.env
  const child = spawn(process.execPath, args, {
    cwd: folder,
    env: { ...inherited, TMPDIR: join(folder, 'tmp'), FORCE_COLOR: '0', ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let text = ''
  for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', (chunk) => (text += chunk))
  let inTime = true
  const kill = () => child.kill('SIGKILL')
  // In front of the removal of the copy that it works in.
  process.prependOnceListener('exit', kill)
  const timer = setTimeout(() => {
    inTime = false
    kill()
  }, PATIENCE)
  const code = await new Promise((resolve, reject) => {
    child.once('error', reject)
    child.once('close', resolve)
  })
  clearTimeout(timer)
  process.off('exit', kill)
  return { output: { code, text }, inTime }
}

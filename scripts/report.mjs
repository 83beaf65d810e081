// The tables behind a test run, as text.

/** Minutes that the suites may take on two quiet cores: those of the fallback together, and all others. */
const BUDGET_MINUTES = { fallback: 20, others: 20 }
const FALLBACK_SUITES = new Set(['crash', 'faults', 'kill', 'model', 'defects'])

/** Rows as columns of equal width; numbers to the right. */
function table(rows) {
  const widths = rows[0].map((_, column) => Math.max(...rows.map((row) => String(row[column]).length)))
  return rows
    .map((row) =>
      row
        .map((cell, i) =>
          typeof cell === 'number' ? String(cell).padStart(widths[i]) : String(cell).padEnd(widths[i]),
        )
        .join('  ')
        .trimEnd(),
    )
    .map((line) => `  ${line}`)
    .join('\n')
}

const heading = (text, body) => `\n${text}\n${body}`

/** `results`: `{ driver, run, failed, skipped: [{ name, reason }] }` each. */
export function conformanceTable(results) {
  if (results.length === 0) return heading('Driver conformance', '  no results')
  const rows = results.map(({ driver, run, failed, skipped }) => [driver, run, failed, skipped.length])
  const reasons = new Map()
  for (const { driver, skipped } of results) {
    for (const { reason } of skipped) {
      const drivers = reasons.get(reason) ?? new Map()
      reasons.set(reason, drivers.set(driver, (drivers.get(driver) ?? 0) + 1))
    }
  }
  const lines = [...reasons].map(([reason, drivers]) => {
    const counts = [...new Set(drivers.values())]
    const cases = counts.map((count) => {
      const names = [...drivers.keys()].filter((driver) => drivers.get(driver) === count)
      return `${count} of ${names.join(' | ')}`
    })
    return `    ${reason}: ${cases.join('; ')}`
  })
  const body = [
    table([['driver', 'run', 'failed', 'skipped'], ...rows]),
    ...(lines.length > 0 ? ['  skipped, because'] : []),
  ]
  return heading('Driver conformance', [...body, ...lines].join('\n'))
}

/** `rows`: `{ row, ok, ms, skipped? }` each. */
export function missionTable(rows) {
  if (!rows?.length) return heading('The main job, row by row', '  no results')
  return heading(
    'The main job, row by row',
    table(
      rows.map(({ row, ok, ms, skipped }) => {
        return skipped ? ['skipped', row, skipped] : [ok ? 'ok' : 'FAILED', row, `${Math.round(ms)} ms`]
      }),
    ),
  )
}

/** `suites`: `{ tests, ms }` by folder; `wall`: milliseconds of the whole run. */
export function suiteTable(suites, wall) {
  const minutes = (ms) => (ms / 60_000).toFixed(2)
  const rows = Object.entries(suites)
    .sort(([a], [b]) => a.localeCompare(b))
    .map(([name, { tests, ms }]) => [name, tests, minutes(ms)])
  const budget = BUDGET_MINUTES.fallback + BUDGET_MINUTES.others
  const verdict = wall > budget * 60_000 ? 'OVER the budget' : 'within the budget'
  const fallback = Object.entries(suites).filter(([name]) => FALLBACK_SUITES.has(name))
  const together = fallback.reduce((sum, [, { ms }]) => sum + ms, 0)
  return heading(
    'Minutes per suite (files run side by side, so they add up to more than the whole)',
    [
      table([['suite', 'tests', 'minutes'], ...rows]),
      `  those of the fallback ${minutes(together)} minutes of running, two files at a time; budget ${BUDGET_MINUTES.fallback} of wall time`,
      `  whole run ${minutes(wall)} minutes, ${verdict} of ${budget}`,
    ].join('\n'),
  )
}

/** What the table of conformance does not tell already. */
export function skippedTests(skipped) {
  const files = new Map()
  for (const { file, name, reason } of skipped) {
    if (file.startsWith('tests/conformance')) continue
    files.set(file, [...(files.get(file) ?? []), reason ? `${name} (${reason})` : name])
  }
  const lines = [...files].map(([file, names]) => {
    const more = names.length > 4 ? `\n    and ${names.length - 4} more` : ''
    return `  ${file}: ${names.length}${names
      .slice(0, 4)
      .map((name) => `\n    ${name}`)
      .join('')}${more}`
  })
  return heading('Skipped tests besides conformance', lines.join('\n') || '  none')
}

/** What failed, each with what it takes to find it and to run it again; nothing where nothing did. */
export function failedTests(failures) {
  if (failures.length === 0) return ''
  const lines = failures.map(({ file, name, error, seeds }) => {
    return [
      `  ${name === '' ? file : `${file} > ${name}`}`,
      ...[error, ...seeds].map((line) => `      ${line.slice(0, 400)}`),
    ]
  })
  return heading(`FAILED: ${failures.length}`, lines.flat().join('\n'))
}

const realServers = { ceph: 'a Ceph RADOS Gateway', external: 'the server that S3_TEST_ENDPOINT names' }

/** `kind`: of the S3 server that the tests were given; `skipped` as above. */
export function s3Notice(kind, skipped) {
  if (kind === undefined) return heading('S3', '  no S3 server was started')
  if (realServers[kind]) return heading('S3', `  every test that speaks S3 ran against ${realServers[kind]}`)
  return heading(
    'NOT RUN AGAINST REAL S3',
    [
      `  every test that speaks S3 ran against ${kind}, a stand-in from npm without authentication or conditional writes;`,
      `  ${skipped.length} tests were skipped (above), those that need a real server among them.`,
      '  For the whole: npm run setup:tests, or S3_TEST_ENDPOINT (docs/testing.md)',
    ].join('\n'),
  )
}

// The page of the results, losses and all.
const MiB = 2 ** 20

/** Markdown of all tables. */
export function report(tables, { node, date, processors, memory, versions }) {
  const peers = Object.entries(versions).map(([name, version]) => `${name} ${version}`)
  return `# Benchmarks

Measured on ${date} with Node ${node.slice(1)}, ${processors}, ${memory} of memory, by \`npm run bench -- peers\`, which writes this page. Peers:
${peers.join(', ')}.

Each subject runs in a process of its own, and all are asked in turns, so that they meet the same machine. A figure is the
median of the rounds. CPU is the client's, user and system, for each call; \`ratio\` is that of the row by that of the first
row, so 2.00 takes twice as much. The S3 of these tables is one that stores nothing and looks at nothing: what is seen is
the cost of the client. Peers that cannot do a thing are not in its table; unstorage cannot stream.

Checksums: the direct transport and the AWS SDK by default send a CRC32 with what they put; "checksums when required", minio-js,
s3mini, aws4fetch, aws-lite and unstorage send none of the body's own. flydrive and files-sdk are the SDK with its defaults. On download nobody has anything to check here.

${tables.map(tableOf).join('\n\n')}
`
}

function tableOf({ title, rows, goals, size, keys }) {
  const per = keys ? 'keys/s' : size ? 'MiB/s' : 'calls/s'
  const amount = keys ?? (size ? size / MiB : 1)
  const rate = (wall) => amount * (1e6 / wall)
  const lines = rows.map(
    ({ subject, cpu, wall, rss }) =>
      `| ${subject} | ${time(cpu)} | ${(cpu / rows[0].cpu).toFixed(2)} | ${Math.round(rate(wall)).toLocaleString('en')} | ${Math.round(rss / MiB)} |`,
  )
  return `## ${title}

| | CPU | ratio | ${per} | peak RSS, MiB |
|---|---|---|---|---|
${lines.join('\n')}${goals.length > 0 ? `\n\n${goals.map(goalOf).join('\n')}` : ''}`
}

function goalOf({ ours, theirs, of, most, least, ratio, met }) {
  const goal = most === undefined ? `at least ${least}` : `at most ${most}`
  return `- ${of === 'rate' ? 'Rate' : 'CPU'} of ${ours} by ${theirs}: **${ratio.toFixed(2)}**, goal ${goal}: ${met ? 'met' : 'missed'}.`
}

const time = (micros) => (micros < 10_000 ? `${micros.toFixed(0)} us` : `${(micros / 1000).toFixed(0)} ms`)

// One subject in a process of its own: `worker.mjs <json>`. Answers each line of its input, `{ work, count, width }`, with the
// microseconds of CPU and of wall time for each call and with the most memory (bytes) that it has had so far; `null` where
// the subject cannot do such a thing.
import { randomBytes } from 'node:crypto'
import { createInterface } from 'node:readline'
import { Readable } from 'node:stream'
import { fsSubjects } from './fs-subjects.mjs'
import { s3Subjects } from './s3-subjects.mjs'

const { kind, subject, settings } = JSON.parse(process.argv[2])
const open = (kind === 's3' ? s3Subjects : fsSubjects)[subject]
const client = await open(settings)
const small = randomBytes(1024)
const block = randomBytes(64 * 1024)

function bodyOf(size) {
  let sent = 0
  return new Readable({
    read() {
      this.push(sent < size ? block : null)
      sent += block.length
    },
  })
}

async function drain(stream, size) {
  let read = 0
  for await (const bytes of stream) read += bytes.length
  if (read !== size) throw new Error(`${subject} read ${read} bytes of ${size}`)
}

async function listed(count) {
  const found = await client.list()
  if (found !== count) throw new Error(`${subject} listed ${found} keys of ${count}`)
}

/** Each makes of the size or count asked for a function that is called with a running number. */
const works = {
  'put 1 KiB': { needs: 'put', call: () => (n) => client.put(`s${n % 1000}.bin`, small) },
  'get 1 KiB': {
    needs: 'get',
    call: () => async (n) => {
      const { length } = await client.get(`s${n % 1000}.bin`)
      if (length !== small.length) throw new Error(`${subject} read ${length} bytes of ${small.length}`)
    },
  },
  head: { needs: 'head', call: () => (n) => client.head(`s${n % 1000}.bin`) },
  delete: { needs: 'delete', call: () => (n) => client.delete(`s${n % 1000}.bin`) },
  'put stream': { needs: 'putStream', call: (size) => () => client.putStream(`stream-${size}`, bodyOf(size), size) },
  'get stream': { needs: 'stream', call: (size) => async () => drain(await client.stream(`stream-${size}`), size) },
  list: { needs: 'list', call: (count) => () => listed(count) },
}

async function timed(call, count, width) {
  const cpu = process.cpuUsage()
  const begun = performance.now()
  let next = 0
  const lane = async () => {
    while (next < count) await call(next++)
  }
  await Promise.all(Array.from({ length: width }, lane))
  const { user, system } = process.cpuUsage(cpu)
  return {
    cpu: (user + system) / count,
    wall: ((performance.now() - begun) * 1000) / count,
    rss: process.resourceUsage().maxRSS * 1024,
  }
}

console.log('ready')
for await (const line of createInterface(process.stdin)) {
  const { work, count, width, size } = JSON.parse(line)
  const { needs, call } = works[work]
  const answer = client?.[needs] ? await timed(call(size), count, width) : null
  console.log(JSON.stringify(answer))
}
process.exit()

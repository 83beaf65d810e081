// FsDriver and plain Node calls of the same durability, in turns, so that both meet the same disk. Prints one row each
// with the ratios raw/driver of wall and CPU time (medians over rounds).
import { randomBytes } from 'node:crypto'
import { mkdir, open, rename } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { Readable } from 'node:stream'
import { FsDriver } from 'hybrid-store/fs'

const { root, durability } = JSON.parse(process.argv[2])
const KiB = 1024
const MiB = 1024 * KiB
const small = randomBytes(KiB)
const CHUNK = 64 * KiB

/** What anybody would write who wants to lose nothing: a temporary file, fsync, rename, fsync of the directory. */
const raw = {
  root: join(root, 'raw'),
  async put(key, body) {
    const path = join(this.root, key)
    const temporary = `${path}.${randomBytes(6).toString('hex')}.tmp`
    const file = await open(temporary, 'wx')
    try {
      if (body instanceof Uint8Array) await file.writeFile(body)
      else for await (const bytes of body) await file.write(bytes)
      if (durability === 'fsync') await file.sync()
    } finally {
      await file.close()
    }
    await rename(temporary, path)
    if (durability !== 'fsync') return
    const directory = await open(dirname(path), 'r')
    try {
      await directory.sync()
    } finally {
      await directory.close()
    }
  },
  async bytes(key) {
    const file = await open(join(this.root, key), 'r')
    try {
      const { size } = await file.stat()
      const buffer = Buffer.allocUnsafe(size)
      await file.read(buffer, 0, size, 0)
      return buffer
    } finally {
      await file.close()
    }
  },
  async stream(key) {
    return (await open(join(this.root, key), 'r')).createReadStream()
  },
}

const fsDriver = new FsDriver({ root: join(root, 'driver'), durability })
const driver = {
  put: (key, body) => fsDriver.put(key, body),
  bytes: async (key) => (await fsDriver.get(key)).bytes(),
  stream: async (key) => (await fsDriver.get(key)).body,
}

const large = randomBytes(64 * MiB)

function largeStream() {
  let sent = 0
  return new Readable({
    highWaterMark: CHUNK,
    read() {
      this.push(sent < large.length ? large.subarray(sent, sent + CHUNK) : null)
      sent += CHUNK
    },
  })
}

async function drain(stream) {
  let size = 0
  for await (const bytes of stream) size += bytes.length
  if (size !== 64 * MiB) throw new Error(`read ${size} bytes`)
}

let sequence = 0
/** `count` calls, `width` at a time; microseconds per call. */
async function timed(call, count, width) {
  const cpu = process.cpuUsage()
  const begun = performance.now()
  let left = count
  const worker = async () => {
    while (left-- > 0) await call(sequence++)
  }
  await Promise.all(Array.from({ length: width }, worker))
  const wall = ((performance.now() - begun) * 1000) / count
  const { user, system } = process.cpuUsage(cpu)
  return { wall, cpu: (user + system) / count }
}

const cases = [
  { name: 'put 1 KiB', rounds: 11, count: 100, width: 1, call: (side) => (n) => side.put(`s${n % 50}.bin`, small) },
  {
    name: 'put 1 KiB, 16 at a time',
    rounds: 11,
    count: 320,
    width: 16,
    call: (side) => (n) => side.put(`s${n % 50}.bin`, small),
  },
  { name: 'get 1 KiB', rounds: 11, count: 400, width: 1, call: (side) => (n) => side.bytes(`s${n % 50}.bin`) },
  {
    name: 'get 1 KiB, 16 at a time',
    rounds: 11,
    count: 800,
    width: 16,
    call: (side) => (n) => side.bytes(`s${n % 50}.bin`),
  },
  {
    name: 'put 64 MiB, bytes',
    rounds: 9,
    count: 1,
    width: 1,
    warmUp: 1,
    call: (side) => () => side.put('large.bin', large),
  },
  {
    name: 'put 64 MiB, stream',
    rounds: 9,
    count: 1,
    width: 1,
    warmUp: 1,
    call: (side) => () => side.put('large.bin', largeStream()),
  },
  {
    name: 'get 64 MiB, stream',
    rounds: 9,
    count: 3,
    width: 1,
    warmUp: 3,
    call: (side) => async () => drain(await side.stream('large.bin')),
  },
]

const median = (values) => values.sort((a, b) => a - b)[values.length >> 1]

await mkdir(raw.root, { recursive: true })
const rows = []
for (const { name, rounds, count, width, call, warmUp = 3000 } of cases) {
  const samples = { raw: [], driver: [] }
  for (let round = -1; round < rounds; round++) {
    for (const [side, calls] of round % 2
      ? [
          ['raw', raw],
          ['driver', driver],
        ]
      : [
          ['driver', driver],
          ['raw', raw],
        ]) {
      // The first round warms up: a server has long compiled what it runs, and the driver is more code than the calls.
      const sample = await timed(call(calls), round < 0 ? warmUp : count, width)
      if (round >= 0) samples[side].push(sample)
    }
  }
  const medians = (side) => ({
    wall: median(samples[side].map(({ wall }) => wall)),
    cpu: median(samples[side].map(({ cpu }) => cpu)),
  })
  const [plain, ours] = [medians('raw'), medians('driver')]
  rows.push({
    name,
    wall: plain.wall / ours.wall,
    cpu: plain.cpu / ours.cpu,
    rawMicroseconds: plain,
    driverMicroseconds: ours,
  })
}
await fsDriver.close?.()
console.log(JSON.stringify(rows))

// One blob streams through one driver. Prints { idle, peak } in bytes of RSS, as the kernel counts them, and { seconds }.
import { readFileSync, writeFileSync } from 'node:fs'
import { Readable } from 'node:stream'
import { FsDriver } from 'hybrid-store/fs'
import { S3Driver } from 'hybrid-store/s3'

const { driver: kind, options, verb, bytes } = JSON.parse(process.argv[2])
const driver = kind === 's3' ? new S3Driver(options) : new FsDriver(options)
const CHUNK = 64 * 1024

/** Fresh buffers, as a socket or a file would give them. */
function source() {
  let sent = 0
  return new Readable({
    highWaterMark: CHUNK,
    read() {
      this.push(sent < bytes ? Buffer.alloc(CHUNK, sent / CHUNK) : null)
      sent += CHUNK
    },
  })
}

async function drain(reader) {
  let size = 0
  for await (const chunk of reader.body) size += chunk.length
  return size
}

function status(name) {
  const [, kilobytes] = new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(readFileSync('/proc/self/status', 'utf8'))
  return Number(kilobytes) * 1024
}

// Everything is loaded and connected before idle is taken.
await driver.put('warm-up', 'warm')
await drain(await driver.get('warm-up'))
for (let i = 0; i < 3; i++) {
  globalThis.gc()
  await new Promise((resolve) => setTimeout(resolve, 50))
}
const idle = status('VmRSS')
// Sets the kernel's peak back to what is resident now: proc(5), clear_refs.
writeFileSync('/proc/self/clear_refs', '5')
const begun = performance.now()
if (verb === 'put') {
  const { size } = await driver.put('large.bin', source())
  if (size !== bytes) throw new Error(`stored ${size} bytes`)
} else {
  const size = await drain(await driver.get('large.bin'))
  if (size !== bytes) throw new Error(`read ${size} bytes`)
}
const seconds = (performance.now() - begun) / 1000
const peak = status('VmHWM')
await driver.close?.()
console.log(JSON.stringify({ idle, peak, seconds }))

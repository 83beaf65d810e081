// What becomes of a large upload when something happens in its middle. Each answers { name, seconds, checks }.
import { readdir } from 'node:fs/promises'
import { GetObjectCommand } from '@aws-sdk/client-s3'
import { killGateway, startGateway } from '../../tests/servers/ceph-gateway.ts'
import { startFaultProxy } from '../../tests/servers/fault-proxy.ts'
import { hashOf, readThrough } from './content.mjs'
import { startClient, startServer, until } from './processes.mjs'

const MiB = 1 << 20
/** Bytes per second that a slow S3 takes. */
const SLOW = 32 * MiB
/** What the sockets on the way may hold: the kernel's default for the most that one grows to, both ends. */
const SOCKETS = 16 * MiB

/** SIGKILL for the gateway: a 201 all the same, and the blob is what was sent, before and after it is handed over. */
export async function s3Killed(world, bytes, allowance) {
  const { server, checks, check, end } = await begin(world, world.s3, allowance)
  const begun = performance.now()
  const client = startClient(server, bytes)
  await until(async () => (await server.ask('arrived')) >= bytes / 2, 'half of the upload')
  await killGateway(world.server)
  const { status, body } = await client.done()
  const { path, key } = JSON.parse(body)
  check(`answered ${status} (201), ${path}`, status === 201)
  const sha256 = hashOf(bytes)
  const read = async () => readThrough((await fetch(`${server.url}/blob/${encodeURIComponent(path)}`)).body)
  check('S3 is still away: its path reads all of it', (await read()).sha256 === sha256)
  await startGateway(world.server)
  const { moved, failed } = await server.ask('reconcile')
  check(`S3 is back: reconcile moved ${moved} (1), ${failed.length} failed (0)`, moved === 1 && failed.length === 0)
  check('nothing waits any more', (await server.ask('pending')) === 0)
  const { client: plain, name } = world.bucket
  const object = await plain.send(new GetObjectCommand({ Bucket: name, Key: key }))
  check('on S3 are the bytes that were sent', (await readThrough(object.Body)).sha256 === sha256)
  check('its path reads them still', (await read()).sha256 === sha256)
  await server.ask('remove', { path })
  await checkNothingOpen(world, check)
  await end()
  return { name: 'S3 killed at 50 %', seconds: secondsSince(begun), checks }
}

/** SIGKILL for the client: everything is as it was before it came. */
export async function clientKilled(world, bytes, allowance) {
  const { server, checks, check, end } = await begin(world, world.s3, allowance)
  const [filesBefore, keysBefore] = [await readdir(world.root, { recursive: true }), await world.bucket.keys()]
  const heldBefore = await server.ask('held')
  const begun = performance.now()
  const client = startClient(server, bytes)
  await until(async () => (await server.ask('arrived')) >= bytes / 2, 'half of the upload')
  await client.kill()
  const killed = performance.now()
  const more = async () => {
    const held = await server.ask('held')
    return Object.keys(held).filter((name) => held[name] > (heldBefore[name] ?? 0))
  }
  await until(async () => (await more()).length === 0, 'the level of handles', 10).catch(() => {})
  const after = `${((performance.now() - killed) / 1000).toFixed(1)} s later`
  check(`${after} the server holds what it held before: ${await more()}`, (await more()).length === 0)
  const files = (await readdir(world.root, { recursive: true })).filter((name) => !filesBefore.includes(name))
  check(`no file more on the disk: ${files}`, files.length === 0)
  check('no key more on S3', (await world.bucket.keys()).length === keysBefore.length)
  check('nothing waits', (await server.ask('pending')) === 0)
  await checkNothingOpen(world, check)
  const seconds = secondsSince(begun)
  await end()
  return { name: 'client killed at 50 %', seconds, checks }
}

/** A line that takes little: the client is held back, and nothing is gathered on the way. */
export async function s3Slow(world, bytes, allowance) {
  const proxy = await startFaultProxy(world.server.endpoint)
  const s3 = { ...world.s3, endpoint: proxy.endpoint }
  const { server, checks, check, end } = await begin(world, s3, allowance)
  proxy.fail({ kind: 'slow-request', bytesPerSecond: SLOW })
  const passed = proxy.passed
  const begun = performance.now()
  const client = startClient(server, bytes)
  let ahead = 0
  const measured = async () => {
    ahead = Math.max(ahead, client.sent() - (proxy.passed - passed))
    return proxy.passed - passed >= bytes
  }
  await until(measured, 'the end of a slow upload', 60 + (3 * bytes) / SLOW)
  const { status, body } = await client.done()
  const seconds = secondsSince(begun)
  check(`answered ${status} (201) at ${(bytes / MiB / seconds).toFixed(0)} MiB/s`, status === 201)
  const bound = s3.partSize * (s3.queueSize + 1) + SOCKETS
  check(`the client was ${mib(ahead)} ahead of S3 at most (${mib(bound)})`, ahead <= bound)
  await server.ask('remove', { path: JSON.parse(body).path })
  await end()
  await proxy.stop()
  return { name: `S3 that takes ${SLOW / MiB} MiB/s`, seconds, checks }
}

/** A server at rest that has taken an upload before. */
async function begin({ subject, root }, s3, allowance) {
  const server = await startServer(subject, { s3, root })
  const { body } = await startClient(server, 4 * s3.partSize * s3.queueSize).done()
  await server.ask('remove', { path: JSON.parse(body).path })
  const idle = await server.ask('idle')
  const checks = []
  const check = (what, ok) => checks.push({ what, ok })
  const end = async () => {
    const above = (await server.ask('peak')) - idle
    check(`its memory stayed within ${mib(above)} of what it is at rest (${mib(allowance)})`, above <= allowance)
    await server.stop()
  }
  return { server, checks, check, end }
}

async function checkNothingOpen({ bucket }, check) {
  const open = await bucket.assertNoOpenUploads().then(
    () => '',
    (error) => error.message,
  )
  check(`no multipart upload is left open ${open}`, open === '')
}

const mib = (bytes) => `${(bytes / MiB).toFixed(0)} MiB`
const secondsSince = (begun) => (performance.now() - begun) / 1000

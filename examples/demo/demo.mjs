// The main job from start to end: files of several kinds go to S3 and to the local disk, S3 goes away in the middle of
// an upload, the upload survives, S3 comes back and gets it. Everything it claims is asserted; it leaves nothing behind.
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { defineKey, HybridStore, isStorageError, prefixPaths, routeByKind } from 'hybrid-store'
import { FsDriver } from 'hybrid-store/fs'
import { S3Driver } from 'hybrid-store/s3'
import { pseudoRandomStream, sha256Of } from './large-body.mjs'
import { S3StandIn } from './s3-stand-in.mjs'

// On Node 20 the AWS SDK announces that it will want a later one; that would stand in the middle of the tables.
process.env.AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED ??= 'true'

const MiB = 1 << 20
const partSize = 5 * MiB
const files = fileURLToPath(new URL('./files/', import.meta.url))
const bucket = 'demo'

let steps = 0
const step = (title) => console.log(`\n${++steps}. ${title}`)
const say = (text) => console.log(`   ${text}`)
const sha256 = (bytes) => createHash('sha256').update(bytes).digest('hex')

async function collect(entries) {
  const all = []
  for await (const entry of entries) all.push(entry)
  return all
}

async function demo(s3, root) {
  const uploadKey = defineKey('project_{projectId}/uploads/{filename}')
  const store = new HybridStore({
    drivers: {
      s3: new S3Driver({
        bucket,
        partSize,
        region: 'us-east-1',
        endpoint: s3.endpoint,
        credentials: { accessKeyId: 'demo', secretAccessKey: 'demo' },
      }),
      local: new FsDriver({ root }),
    },
    policy: routeByKind({ s3: ['document', 'image', 'upload'], local: ['invoice', 'temp'] }, { otherwise: 'local' }),
    fallback: { s3: 'local' },
    paths: prefixPaths({ s3: ['project_'], local: ['uploads/', 'storage/'] }),
    logger: {
      info() {},
      warn: (_, message) => say(`log      warn: ${message}`),
      error: ({ code }, message) => say(`log      error: ${message} (${code})`),
    },
  })
  try {
    await smallFiles(store, uploadKey)
    await outage(store, uploadKey, s3)
    await cleanUp(store)
  } finally {
    await store.close()
  }
}

async function smallFiles(store, uploadKey) {
  step('Put real files; their kind decides where they go')
  const uploads = [
    { file: 'offer.pdf', kind: 'document', expected: 's3' },
    { file: 'logo.png', kind: 'image', expected: 's3' },
    { file: 'Umsätze März.csv', kind: 'upload', expected: 's3' },
    { file: 'invoice-2026-17.pdf', kind: 'invoice', key: 'invoices/2026/17.pdf', expected: 'local' },
    { file: 'notes.txt', kind: 'temp', key: 'temp/notes.txt', expected: 'local' },
  ]
  say(`${'kind'.padEnd(9)}${'file'.padEnd(21)}${'type'.padEnd(17)}${'driver'.padEnd(7)}path to keep in your database`)
  const paths = new Map()
  for (const { file, kind, expected, key = uploadKey({ projectId: 7, filename: file }) } of uploads) {
    const blob = await store.put(key, createReadStream(join(files, file)), { kind })
    assert.equal(blob.driver, expected)
    paths.set(file, blob.path)
    const type = blob.contentType.padEnd(17)
    say(`${kind.padEnd(9)}${file.padEnd(21)}${type}${blob.driver.padEnd(7)}${blob.path}`)
  }

  step('Read them back, wherever they are')
  for (const [file, path] of paths) {
    const reader = await store.get(path)
    assert.equal(sha256(await reader.bytes()), sha256(await readFile(join(files, file))))
  }
  say(`${paths.size} files read by their paths, every byte as it was`)
  const range = await store.get(paths.get('offer.pdf'), { range: { start: 0, end: 7 } })
  const { start, end, size } = range.range
  const text = await range.text()
  assert.equal(text, '%PDF-1.4')
  say(`bytes ${start}-${end} of ${size} of offer.pdf: ${JSON.stringify(text)}`)

  step('List: one order over both places')
  const listed = await collect(store.list())
  for (const { path, driver, size } of listed) say(`${driver.padEnd(7)}${String(size).padStart(6)} bytes  ${path}`)
  assert.deepEqual(listed.map(({ path }) => path).sort(), [...paths.values()].sort())
}

async function outage(store, uploadKey, s3) {
  const total = 64 * MiB
  const parts = 4
  step(`Upload a stream of ${total / MiB} MiB; S3 goes away after ${parts} parts of ${partSize / MiB} MiB`)
  const fallbacks = []
  store.on('fallback', (event) => fallbacks.push(event))
  s3.dieAfterParts(parts)
  const body = pseudoRandomStream(total)
  const blob = await store.put(uploadKey({ projectId: 7, filename: 'site-video.mp4' }), body.stream, { kind: 'upload' })
  assert.equal(s3.listening, false)
  assert.equal(fallbacks.length, 1)
  assert.deepEqual([blob.driver, blob.pendingFor, blob.size], ['local', 's3', total])
  assert.equal(blob.path, 'project_7/uploads/site-video.mp4')
  say(`event    fallback from ${fallbacks[0].from} to ${fallbacks[0].to}`)
  say(`path     ${blob.path}, the one that it would have had on S3`)

  step('Read it while S3 is down')
  assert.equal(await sha256Of((await store.get(blob.path)).body), body.sha256())
  say(`${total / MiB} MiB read under that path, sha256 as sent: ${body.sha256().slice(0, 16)}...`)
  const error = await store.get(uploadKey({ projectId: 7, filename: 'offer.pdf' })).catch((error) => error)
  assert.ok(isStorageError(error, 'UNAVAILABLE'))
  say(`offer.pdf is on S3 alone, so its read fails: ${error.code}, HTTP ${error.status}, retryable: ${error.retryable}`)
  assert.equal((await collect(await store.pending())).length, 1)

  step('S3 comes back; reconcile hands the upload over')
  await s3.start()
  await store.reconcile()
  assert.equal((await collect(await store.pending())).length, 0)
  const now = await store.head(blob.path)
  assert.deepEqual([now.driver, now.pendingFor, now.size], ['s3', undefined, total])
  assert.equal(await sha256Of((await store.get(blob.path)).body), body.sha256())
  say(`the same path reads ${total / MiB} MiB from ${now.driver}, sha256 as sent`)
  const direct = await fetch(`${s3.endpoint}/${bucket}/${blob.path}`)
  assert.equal(await sha256Of(direct.body), body.sha256())
  say('S3 itself, asked without the library, has the same bytes')
}

async function cleanUp(store) {
  step('Delete')
  const paths = (await collect(store.list())).map(({ path }) => path)
  assert.equal(paths.length, 6)
  for (const path of paths) await store.delete(path)
  assert.deepEqual(await collect(store.list()), [])
  for (const path of paths) assert.equal(await store.exists(path), false)
  say(`${paths.length} blobs deleted, nothing is left in either place`)
}

// A demo that hangs is a demo that failed.
setTimeout(() => {
  console.error('The demo took longer than two minutes.')
  process.exit(1)
}, 120_000).unref()

const s3 = new S3StandIn()
const root = await mkdtemp(join(tmpdir(), 'hybrid-store-demo-'))
try {
  await s3.start()
  await s3.createBucket(bucket)
  console.log('hybrid-store: one store over S3 and the local disk')
  console.log(`S3:    a stand-in at ${s3.endpoint}\nlocal: ${root}`)
  await demo(s3, root)
  console.log('\nAll of it worked.')
} catch (error) {
  console.error('\nThe demo failed:', error)
  process.exitCode = 1
} finally {
  await s3.close()
  await rm(root, { recursive: true, force: true })
}

import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest'
import { FsDriver } from '../../../src/drivers/fs/index.js'
import { MemoryDriver } from '../../../src/drivers/memory/index.js'
import { blobHref } from '../../../src/http/index.js'
import { HybridStore } from '../../../src/index.js'
import { FaultyDriver } from '../../../src/testing/index.js'
import { pattern } from '../../store/pattern.js'
import { onEnd, tempRoot } from '../../store/support.js'
import { adapters, startDelivery } from '../servers.js'
import { type Backend, s3Backend } from './backends.js'
import { ask } from './clients.js'
import { settled, until } from './until.js'

const MIB = 1024 * 1024
const bytes = pattern(0, 4 * MIB)
const down = { status: 503, complete: true, headers: { 'retry-after': '5', 'cache-control': 'private, no-store' } }

describe.each(adapters)('S3 and %s', (adapter) => {
  let backend: Backend
  let href: string
  let stop: () => Promise<void>
  beforeAll(async () => {
    backend = await s3Backend(inject('s3'), { faults: true })
    const { path } = await backend.store.put('film.bin', bytes)
    const server = await startDelivery(adapter, backend.store, { mount: 'middleware' })
    stop = server.stop
    href = blobHref(`${server.url}/content`, path)
  })
  afterAll(async () => {
    await stop()
    await backend.stop()
  })
  const isServed = async () => (await ask(href)).body.equals(bytes)

  test('S3 is down: 503 with Retry-After; up again: served', async () => {
    await backend.proxy?.down()
    for (const options of [{}, { method: 'HEAD' }, { headers: { range: 'bytes=0-9' } }]) {
      const received = await ask(href, options)
      expect(received).toMatchObject(down)
      for (const name of ['etag', 'content-disposition']) expect(received.headers[name]).toBeUndefined()
    }
    await backend.proxy?.up()
    expect(await isServed()).toBe(true)
    await settled(backend.held)
  })

  test('S3 goes down in the middle of a body: cut; before the first byte: 503', async () => {
    const fault = backend.proxy?.fail({ kind: 'truncate', after: MIB })
    const cut = await ask(href)
    expect(cut).toMatchObject({ status: 200, complete: false })
    expect(cut.body.equals(bytes.subarray(0, cut.body.byteLength))).toBe(true)
    fault?.remove()
    const early = backend.proxy?.fail({ kind: 'truncate', after: 0 })
    expect(await ask(href)).toMatchObject(down)
    early?.remove()
    expect(await isServed()).toBe(true)
    await settled(backend.held)
  })
})

test.each(adapters)('an open circuit refuses at once on %s, and closes again', async (adapter) => {
  const s3 = new FaultyDriver(new MemoryDriver())
  const local = new FsDriver({ root: await tempRoot(), durability: 'none' })
  const fallback = { s3: 'local', circuit: { probeAfter: 20, probeAtMost: 50 } } as const
  const store = new HybridStore({ drivers: { s3, local }, fallback, logger: false })
  onEnd(() => store.close())
  const { path } = await store.put('a', 'abc')
  const server = await startDelivery(adapter, store)
  onEnd(() => server.stop())
  const href = blobHref(`${server.url}/content`, path)
  s3.outage()
  for (let i = 0; i < 3; i++) expect(await ask(href)).toMatchObject(down)
  s3.recover()
  await until(async () => (await ask(href)).status === 200, 'blob')
})

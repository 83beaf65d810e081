import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { afterEach, describe, expect, test } from 'vitest'
import { FsDriver } from '../../src/drivers/fs/index.js'
import { MemoryDriver } from '../../src/drivers/memory/index.js'
import { HybridStore, routeByKind } from '../../src/index.js'
import { manual } from './support.js'

const cleanups: (() => Promise<unknown>)[] = []
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup()
})

async function makeStore() {
  const root = await mkdtemp(join(tmpdir(), 'hybrid-store-'))
  cleanups.push(() => rm(root, { recursive: true, force: true }))
  const s3 = new MemoryDriver()
  const local = new FsDriver({ root, durability: 'none' })
  const store = new HybridStore({
    drivers: { s3, local },
    policy: routeByKind({ s3: ['document'], local: ['pdf'] }, { otherwise: 'local' }),
    fallback: manual,
    reconcile: false,
    logger: false,
  })
  cleanups.push(() => store.close())
  return { store, s3, local, root }
}

describe('a store of two drivers', () => {
  test('puts where the policy says and reads back by path and by key', async () => {
    const { store, s3, local } = await makeStore()
    const doc = await store.put('a/doc.txt', 'remote', { kind: 'document' })
    const pdf = await store.put('a/x.pdf', Readable.from(['lo', 'cal']), { kind: 'pdf' })
    expect([doc.driver, doc.path, pdf.driver, pdf.path]).toEqual(['s3', 's3:a/doc.txt', 'local', 'local:a/x.pdf'])
    expect(await (await store.get(doc.path)).text()).toBe('remote')
    expect(await (await store.get('a/x.pdf')).text()).toBe('local')
    expect(await (await store.get('a/doc.txt', { range: { start: 1, end: 2 } })).text()).toBe('em')
    expect((await s3.head('a/doc.txt')).size).toBe(6)
    expect((await local.head('a/x.pdf')).contentType).toBe('application/pdf')
    const listed = []
    for await (const entry of store.list()) listed.push(entry.type === 'blob' ? entry.path : entry.prefix)
    expect(listed).toEqual(['s3:a/doc.txt', 'local:a/x.pdf'])
    await store.delete(doc.path)
    expect(await store.exists(doc.path)).toBe(false)
    await expect(store.get(doc.path)).rejects.toMatchObject({ code: 'NOT_FOUND' })
  })
})

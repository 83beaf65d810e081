import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, inject, test } from 'vitest'
import { HybridStore } from '../../src/index.js'
import { s3BehindProxy } from './s3-support.js'
import { collect, hashOf, manual, pattern, patternHash, patternStream, recordEvents, storeOver } from './support.js'

const MIB = 1024 * 1024
/** fauxqs checks no signature and keeps few headers. */
const real = inject('s3').kind !== 'fauxqs'
const MESSAGE = 'S3 upload failed, falling back to local storage'

describe('S3 goes away', () => {
  test('in the middle of a 64 MiB stream: the upload completes locally, reads back, and is handed over', async () => {
    const { s3, proxy, bucket } = await s3BehindProxy()
    const { store, root, lines, events } = await storeOver(s3)
    const size = 64 * MIB
    let taken = 0
    const body = patternStream(size, async (bytes) => {
      taken = bytes
      if (bytes === 40 * MIB) await proxy.down()
    })
    const blob = await store.put('project_7/film.bin', body, { metadata: { scene: '3' } })
    expect(taken).toBeGreaterThan(40 * MIB)
    expect(blob).toMatchObject({ driver: 'local', pendingFor: 's3', path: 's3:project_7/film.bin', size })
    expect(blob.sha256).toBe(patternHash(size))

    const errors = lines.filter(({ level }) => level === 'error')
    expect(errors).toHaveLength(1)
    expect(errors[0]).toMatchObject({ message: MESSAGE, fields: { key: blob.key, driver: 's3' } })
    expect(errors[0]?.fields.code).toMatch(/^(UNAVAILABLE|TIMEOUT)$/)
    expect(events.filter(({ name }) => name === 'fallback')).toHaveLength(1)

    // While S3 is down.
    expect(await hashOf((await store.get(blob.path)).body)).toEqual({ size, sha256: patternHash(size) })
    const range = { start: 39 * MIB + 5, end: 41 * MIB }
    const part = await (await store.get(blob.path, { range })).bytes()
    expect(Buffer.from(part).equals(pattern(range.start, range.end - range.start + 1))).toBe(true)
    expect(await store.head(blob.path)).toMatchObject({ etag: blob.etag, metadata: { scene: '3' }, pendingFor: 's3' })
    await expect(store.get(blob.path, { ifNoneMatch: blob.etag })).rejects.toMatchObject({ code: 'NOT_MODIFIED' })
    expect(await store.locate(blob.path)).toMatchObject({ driver: 'local', pendingFor: 's3', path: blob.path })
    await expect(store.signUrl(blob.path)).rejects.toMatchObject({ code: 'NOT_SUPPORTED' })
    await expect(collect(store.list())).rejects.toMatchObject({ code: 'UNAVAILABLE', driver: 's3' })
    expect(await collect(store.list({ partial: true }))).toMatchObject([{ key: blob.key, pendingFor: 's3' }])
    expect(await store.status()).toMatchObject({
      drivers: { s3: { configured: true, lastError: { code: errors[0]?.fields.code } } },
      pending: { count: 1, bytes: size },
    })
    const down = await store.reconcile()
    expect(down).toMatchObject({ moved: 0, remaining: 1, failed: [{ key: blob.key, driver: 's3' }] })

    // When it is back.
    await proxy.up()
    expect(await bucket.keys()).toEqual([])
    expect(await store.reconcile()).toEqual({ moved: 1, failed: [], remaining: 0 })
    const found = await store.head(blob.path)
    expect(found).toMatchObject({ driver: 's3', path: blob.path, size, metadata: { scene: '3' } })
    expect(found.pendingFor).toBeUndefined()
    expect(await hashOf((await s3.get(blob.key)).body)).toEqual({ size, sha256: patternHash(size) })
    expect(await store.pending()).toEqual([])
    expect(await readdir(join(root, '.hybrid-store/outbox/bodies'))).toEqual([])
    expect(await readdir(join(root, '.hybrid-store/outbox/records'))).toEqual([])
    await bucket.assertNoOpenUploads()
    expect(await collect(store.list())).toMatchObject([{ key: blob.key, driver: 's3' }])
  }, 120_000)

  test.runIf(real)('a pending blob survives the end of its process and is handed over by another store', async () => {
    const { make, s3, proxy } = await s3BehindProxy()
    const first = await storeOver(s3)
    await proxy.down()
    const small = await first.store.put('small.txt', 'small', { contentType: 'text/x-small', cacheControl: 'no-store' })
    const large = await first.store.put('large.bin', pattern(0, 100_000))
    await first.store.close()

    const { store } = await storeOver(make(), { root: first.root })
    const events = recordEvents(store)
    expect(await store.pending()).toMatchObject([
      { key: 'large.bin', pendingFor: 's3', generation: 1 },
      { key: 'small.txt', path: 's3:small.txt' },
    ])
    expect(await (await store.get(small.path)).text()).toBe('small')
    expect(await store.head(large.path)).toMatchObject({ etag: large.etag, size: 100_000 })
    await proxy.up()
    expect(await store.reconcile()).toEqual({ moved: 2, failed: [], remaining: 0 })
    const handed = await store.head(small.path)
    expect(handed).toMatchObject({ driver: 's3', contentType: 'text/x-small', cacheControl: 'no-store' })
    // A body put in one request gets the etag on S3 that it had while it waited.
    expect(handed.etag).toBe(small.etag)
    expect(events.filter(({ name }) => name === 'reconciled')).toHaveLength(2)
    expect(await store.reconcile()).toEqual({ moved: 0, failed: [], remaining: 0 })
  })

  test('every kind of body falls back', async () => {
    const { s3, proxy } = await s3BehindProxy()
    const { store } = await storeOver(s3)
    await proxy.down()
    const bytes = pattern(0, 3000)
    const bodies = {
      bytes,
      blob: new Blob([new Uint8Array(bytes)]),
      function: () => patternStream(3000),
      stream: patternStream(3000, undefined, 7),
      web: new Blob([new Uint8Array(bytes)]).stream(),
    }
    for (const [name, body] of Object.entries(bodies)) {
      const blob = await store.put(name, body as never)
      expect(blob.pendingFor).toBe('s3')
      expect(Buffer.from(await (await store.get(blob.path)).bytes()).equals(bytes)).toBe(true)
    }
  })

  test('a bare driver and a store without fallback throw the typed error and keep nothing', async () => {
    const { s3, proxy } = await s3BehindProxy()
    const { store, root, lines } = await storeOver(s3, { fallback: false })
    await proxy.down()
    await expect(store.put('a', patternStream(1000))).rejects.toMatchObject({
      code: 'UNAVAILABLE',
      driver: 's3',
      key: 'a',
    })
    await expect(s3.put('a', 'x')).rejects.toMatchObject({ code: 'UNAVAILABLE' })
    await expect(store.get('s3:a')).rejects.toMatchObject({ code: 'UNAVAILABLE' })
    await expect(store.exists('s3:a')).rejects.toMatchObject({ code: 'UNAVAILABLE' })
    expect(lines.filter(({ level }) => level !== 'info')).toEqual([])
    expect(await readdir(root)).toEqual([])
  })

  test('a conditional put never falls back', async () => {
    const { s3, proxy } = await s3BehindProxy()
    const { store } = await storeOver(s3)
    const first = await store.put('a', 'one')
    await proxy.down()
    await expect(store.put('b', 'x', { ifNoneMatch: '*' })).rejects.toMatchObject({ code: 'UNAVAILABLE' })
    await expect(store.put('a', patternStream(10), { ifMatch: first.etag })).rejects.toMatchObject({
      code: 'UNAVAILABLE',
    })
    expect(await store.pending()).toEqual([])
  })

  test.runIf(real)('a refusal falls back at error level, and not where that is switched off', async () => {
    const { make } = await s3BehindProxy()
    const wrong = { accessKeyId: 'nobody', secretAccessKey: 'wrong' }
    const { store, lines } = await storeOver(make({ credentials: wrong }))
    const blob = await store.put('a', patternStream(5000))
    expect(blob.pendingFor).toBe('s3')
    const errors = lines.filter(({ level }) => level === 'error')
    expect(errors).toHaveLength(1)
    expect(errors[0]).toMatchObject({ message: MESSAGE })
    expect(errors[0]?.fields.code).toMatch(/^(UNAUTHENTICATED|ACCESS_DENIED)$/)
    expect(JSON.stringify(errors)).not.toContain('wrong')

    const strict = await storeOver(make({ bucket: 'no-such-bucket-here' }), {
      fallback: { ...manual, refusals: false },
    })
    await expect(strict.store.put('a', 'x')).rejects.toMatchObject({ code: 'CONFIGURATION' })
    expect(await strict.store.pending()).toEqual([])
  })

  test('an S3 that hangs falls back within the time given', async () => {
    const { s3, proxy } = await s3BehindProxy()
    const { store, lines } = await storeOver(s3, { fallback: { ...manual, within: 300 } })
    proxy.fail({ kind: 'hang' })
    const started = performance.now()
    const blob = await store.put('a', patternStream(5000))
    expect(blob.pendingFor).toBe('s3')
    // The default is 10 s, and S3's own timeouts are longer.
    expect(performance.now() - started).toBeLessThan(8000)
    expect(lines.filter(({ level }) => level === 'error')).toMatchObject([{ fields: { code: 'TIMEOUT' } }])
  })

  test('two stores over the same folder do not disturb each other', async () => {
    const { make, proxy } = await s3BehindProxy()
    const one = await storeOver(make())
    await proxy.down()
    await one.store.put('a', 'from one')
    const two = await storeOver(make(), { root: one.root })
    await two.store.put('b', pattern(0, 200_000))
    expect(await (await two.store.get('s3:a')).text()).toBe('from one')
    await proxy.up()
    expect(await two.store.reconcile()).toMatchObject({ moved: 2, failed: [] })
    // What the other process handed over is not missed here.
    expect(await (await one.store.get('s3:a')).text()).toBe('from one')
    expect(new HybridStore({ drivers: { s3: make() }, logger: false }).hasDriver('s3')).toBe(true)
  })
})

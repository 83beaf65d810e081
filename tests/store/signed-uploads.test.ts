import { createHash } from 'node:crypto'
import { describe, expect, inject, test } from 'vitest'
import type { SignedUpload } from '../../src/driver/index.js'
import { MemoryDriver } from '../../src/drivers/memory/index.js'
import { type HybridStore, prefixPaths, StorageError } from '../../src/index.js'
import { mockDriver } from '../../src/testing/index.js'
import { s3BehindProxy } from './s3-support.js'
import { memoryStore, storeOver } from './support.js'

const keys = [{ id: 'k1', secret: 'a secret of thirty-two bytes, or more' }]
const signedUrls = { baseUrl: 'https://app.test/files', keys }
/** The circuit on, and nobody who closes it. */
const fallback = { s3: 'local', grace: 0, circuit: { probeAfter: 3_600_000, probeAtMost: 3_600_000 } } as const
const real = inject('s3').kind !== 'fauxqs'

const isOwn = ({ url }: SignedUpload) => url.startsWith('https://app.test/files/')
const grantOf = (store: Pick<HybridStore, 'verifySignedUpload'>, { url, method }: SignedUpload) =>
  store.verifySignedUpload(url, { method })

describe('an upload that the application takes', () => {
  test('is signed for a driver that takes none itself, with all that binds it', async () => {
    const { store } = await memoryStore({ signedUrls })
    const before = Date.now()
    const upload = await store.signUpload('local/ü.pdf', { size: 5, maxSize: 9, ifNoneMatch: '*', expiresIn: 60 })
    expect(upload).toMatchObject({
      method: 'PUT',
      url: expect.stringMatching(/^https:\/\/app\.test\/files\/local%3Alocal\/%C3%BC\.pdf\?hs-exp=/),
      headers: { 'content-type': 'application/pdf', 'content-length': '5', 'if-none-match': '*' },
    })
    expect(upload.expiresAt.getTime() - before).toBeGreaterThanOrEqual(60_000)
    expect(upload.expiresAt.getTime() - before).toBeLessThan(65_000)
    const { expiresAt: _, ...grant } = grantOf(store, upload)
    expect(grant).toEqual({
      path: 'local:local/ü.pdf',
      contentType: 'application/pdf',
      size: 5,
      maxSize: 9,
      ifNoneMatch: '*',
    })
    const plain = await store.signUpload('local/a', { contentType: 'text/x' })
    expect(plain).toMatchObject({ method: 'PUT', headers: { 'content-type': 'text/x' } })
    const form = await store.signUpload('local/a', { method: 'POST', contentType: 'text/x' })
    expect(form).toMatchObject({ method: 'POST', fields: { 'Content-Type': 'text/x' } })
    expect(grantOf(store, form)).toMatchObject({ path: 'local:local/a', contentType: 'text/x' })
  })

  test('has the path that the put will answer, under any scheme', async () => {
    const paths = prefixPaths({ s3: ['project_'], local: ['uploads/', 'storage/'] })
    const { store } = await memoryStore({ signedUrls, paths })
    for (const [key, driver] of [
      ['uploads/a', 'local'],
      ['report.pdf', 'local'],
      ['storage/x', 'local'],
      ['project_7/a', 'local'],
      ['uploads/a', 's3'],
    ] as const) {
      const { path } = grantOf(store, await store.signUpload(key, { driver }))
      expect(store.resolve(path)).toMatchObject({ canonical: true, candidates: [{ key, driver }] })
      expect((await store.put(key, 'x', { driver })).path).toBe(path)
    }
  })

  test('goes where the policy says, by kind, type and size', async () => {
    const seen: object[] = []
    const { store } = await memoryStore({
      signedUrls,
      policy: (blob) => {
        seen.push(blob)
        return 'local'
      },
    })
    await store.signUpload('a', { kind: 'invoice', contentType: 'text/x', size: 3 })
    expect(seen).toEqual([{ key: 'a', kind: 'invoice', contentType: 'text/x', size: 3 }])
  })

  test('is refused where it makes no sense', async () => {
    const { store } = await memoryStore({ signedUrls })
    for (const wrong of [
      { expiresIn: 0 },
      { expiresIn: 604_801 },
      { method: 'GET' as never },
      { size: -1 },
      { contentType: 'a\nb' },
      { ifNoneMatch: 'x' as never },
    ]) {
      await expect(store.signUpload('local/a', wrong)).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' })
    }
    await expect(store.signUpload('../a')).rejects.toMatchObject({ code: 'INVALID_KEY' })
    const signal = AbortSignal.abort('enough')
    await expect(store.signUpload('local/a', { signal })).rejects.toMatchObject({ code: 'ABORTED', cause: 'enough' })
    await expect(store.signUpload('local/a', { direct: true })).rejects.toMatchObject({ code: 'NOT_SUPPORTED' })
  })

  test('and a link that reads are of no use for each other', async () => {
    const { store } = await memoryStore({ signedUrls })
    await store.put('local/a', 'x')
    const read = await store.signUrl('local:local/a', { contentType: 'application/octet-stream' })
    const { url } = await store.signUpload('local/a')
    for (const method of ['PUT', 'POST']) {
      expect(() => store.verifySignedUpload(read, { method })).toThrow(/not valid/)
      expect(() => store.verifySignedUrl(url, { method })).toThrow(/not valid/)
    }
    expect(() => store.verifySignedUrl(url, { method: 'GET' })).toThrow(/not valid/)
    const none = await memoryStore()
    expect(() => none.store.verifySignedUpload(url, { method: 'PUT' })).toThrow(
      expect.objectContaining({ code: 'NOT_SUPPORTED', hint: expect.stringContaining('signedUrls') }),
    )
  })
})

describe('an upload to S3', () => {
  test('leads to S3 while that is there, and to the application while it is known to be away', async () => {
    const { s3, proxy } = await s3BehindProxy()
    const { store } = await storeOver(s3, { signedUrls, fallback })
    const options = { contentType: 'text/plain', size: 4 }
    expect(isOwn(await store.signUpload('a', options))).toBe(false)
    await proxy.down()
    // Nobody knows yet.
    expect(isOwn(await store.signUpload('a', options))).toBe(false)
    await store.put('other', 'opens the circuit')
    expect((await store.status()).drivers.s3.circuit).toBe('open')
    for (const method of ['PUT', 'POST'] as const) {
      const upload = await store.signUpload('a', { method, ...options })
      expect(isOwn(upload), method).toBe(true)
      expect(grantOf(store, upload)).toMatchObject({ path: 's3:a', ...options })
    }
    // What it brings falls back like anything else.
    expect(await store.put('a', 'sent', { ...options, driver: 's3' })).toMatchObject({ path: 's3:a', pendingFor: 's3' })
    expect(isOwn(await store.signUpload('b', { direct: true }))).toBe(false)
    await proxy.up()
    await store.reconcile()
    expect(isOwn(await store.signUpload('a', options))).toBe(false)
  })

  test('is a matter of S3 alone in an outage, too, without links of the store', async () => {
    const { s3, proxy } = await s3BehindProxy()
    const { store } = await storeOver(s3, { fallback })
    await proxy.down()
    await store.put('other', 'opens the circuit')
    const before = proxy.requests.length
    const upload = await store.signUpload('a', { contentType: 'text/plain' })
    expect(await store.signUrl('s3:a')).toContain('X-Amz-Signature')
    expect(proxy.requests).toHaveLength(before)
    // A signature is no sign of life.
    expect((await store.status()).drivers.s3.circuit).toBe('open')
    await expect(store.signUpload('other')).rejects.toMatchObject({
      code: 'NOT_SUPPORTED',
      hint: expect.stringContaining('signedUrls'),
    })
    await proxy.up()
    if (upload.method !== 'PUT') throw new Error('asked for a PUT')
    expect((await fetch(upload.url, { method: 'PUT', headers: upload.headers, body: 'sent' })).status).toBe(200)
  })

  test('goes through the application while a version of its key waits', async () => {
    const { store, s3 } = await memoryStore({ signedUrls })
    s3.outage()
    await store.put('a', 'waits')
    s3.recover()
    expect(isOwn(await store.signUpload('a'))).toBe(true)
  })

  test('is for its driver to sign where it can, with the options as they are; its failure is not hidden', async () => {
    const capabilities = { ...new MemoryDriver().capabilities, signedUploads: true }
    const s3 = mockDriver({
      capabilities,
      signUpload: async (key, { maxSize } = {}) => {
        if (maxSize !== undefined) throw new Error('no')
        return { method: 'PUT', url: `https://s3.test/${key}`, headers: {}, expiresAt: new Date(0) }
      },
    })
    const { store } = await storeOver(s3, { signedUrls })
    expect(await store.signUpload('a', { size: 5, ifNoneMatch: '*' })).toMatchObject({ url: 'https://s3.test/a' })
    expect(s3.calls).toEqual([{ operation: 'signUpload', args: ['a', { size: 5, ifNoneMatch: '*' }] }])
    await expect(store.signUpload('a', { maxSize: 5 })).rejects.toMatchObject({ code: 'INTERNAL', driver: 's3' })
  })
})

describe('confirmUpload', () => {
  const bytes = 'what arrived'
  const sha256 = createHash('sha256').update(bytes).digest('hex')

  describe.each(['s3:a', 'local:local/a'])('of %s', (path) => {
    const key = path.slice(path.indexOf(':') + 1)

    async function arrived() {
      const { s3 } = await s3BehindProxy()
      const { store } = await storeOver(s3)
      const { etag } = await store.put(key, bytes, { contentType: 'text/x' })
      return { store, etag }
    }

    test('answers the blob where it is what was expected', async () => {
      const { store, etag } = await arrived()
      const expected = { size: 12, maxSize: 12, contentType: 'text/x', sha256: sha256.toUpperCase(), etag: `"${etag}"` }
      expect(await store.confirmUpload(path, expected)).toMatchObject({ path, key, etag, size: 12 })
      expect(await store.confirmUpload(path)).toMatchObject({ path })
    })

    test.each([
      [{ size: 11 }, 'SIZE_MISMATCH', 400],
      [{ maxSize: 11 }, 'TOO_LARGE', 413],
      [{ contentType: 'text/y' }, 'INVALID_ARGUMENT', 415],
      [{ sha256: '0'.repeat(64) }, 'CHECKSUM_MISMATCH', 400],
      [{ etag: 'other' }, 'PRECONDITION_FAILED', 412],
    ] as const)('where %j was expected it is %s', async (expected, code, status) => {
      const { store, etag } = await arrived()
      const failure = { code, status, operation: 'confirmUpload', key }
      await expect(store.confirmUpload(path, expected)).rejects.toMatchObject(failure)
      expect((await store.head(path)).etag).toBe(etag)
      await expect(store.confirmUpload(path, { ...expected, remove: true })).rejects.toMatchObject(failure)
      expect(await store.exists(path)).toBe(false)
    })

    test('of nothing is NOT_FOUND', async () => {
      const { store } = await arrived()
      await expect(store.confirmUpload(`${path}x`)).rejects.toMatchObject({ code: 'NOT_FOUND' })
    })
  })

  test('in an outage says so, and takes what waits for what it is', async () => {
    const { store, s3 } = await memoryStore()
    s3.outage()
    const { path } = await store.put('a', bytes)
    expect(await store.confirmUpload(path, { size: 12, sha256 })).toMatchObject({ pendingFor: 's3' })
    await expect(store.confirmUpload('s3:b')).rejects.toMatchObject({ code: 'UNAVAILABLE' })
  })

  test('refuses a sha256 that is none, and heeds its signal', async () => {
    const { store } = await memoryStore()
    await store.put('a', bytes)
    await expect(store.confirmUpload('a', { sha256: 'x' })).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' })
    const signal = AbortSignal.abort()
    await expect(store.confirmUpload('a', { signal })).rejects.toMatchObject({ code: 'ABORTED' })
  })

  test('removes the version that it looked at and no other, with conditional deletes or without', async () => {
    for (const conditionalDelete of [true, false]) {
      const disk = new MemoryDriver()
      let moment = async () => {}
      const driver = mockDriver({
        capabilities: disk.capabilities,
        put: (...args) => disk.put(...args),
        head: (...args) => disk.head(...args),
        delete: async (key, options) => {
          await moment()
          if (options?.ifMatch === undefined || conditionalDelete) return disk.delete(key, options)
          throw new StorageError('NOT_SUPPORTED', 'no conditional deletes')
        },
      })
      const { store } = await storeOver(driver)
      await store.put('a', 'first')
      await expect(store.confirmUpload('s3:a', { size: 1, remove: true })).rejects.toMatchObject({
        code: 'SIZE_MISMATCH',
      })
      expect(await store.exists('s3:a')).toBe(false)
      await disk.put('b', 'first')
      moment = async () => {
        moment = async () => {}
        await disk.put('b', 'second')
      }
      await expect(store.confirmUpload('s3:b', { size: 1, remove: true })).rejects.toMatchObject({
        code: 'SIZE_MISMATCH',
      })
      expect((await disk.head('b')).size).toBe(6)
    }
  })
})

describe.runIf(real)('a browser and real S3', () => {
  const send = (upload: SignedUpload, body: string, more: Record<string, string> = {}) => {
    if (upload.method === 'PUT') {
      const { 'content-length': _, ...headers } = upload.headers
      return fetch(upload.url, { method: 'PUT', body, headers: { ...headers, ...more } })
    }
    const form = new FormData()
    for (const [name, value] of Object.entries({ ...upload.fields, ...more })) form.append(name, value)
    form.append('file', new Blob([body]))
    return fetch(upload.url, { method: 'POST', body: form })
  }

  test.each(['PUT', 'POST'] as const)(
    '%s: what was agreed on arrives and is confirmed, else S3 refuses it',
    async (method) => {
      const { s3 } = await s3BehindProxy()
      const { store } = await storeOver(s3, { signedUrls })
      const agreed = { size: 5, contentType: 'text/x-up' }
      const upload = await store.signUpload('up.txt', { method, ...agreed })
      expect((await send(upload, '123456')).status).toBeGreaterThanOrEqual(400)
      expect((await send(upload, '1234')).status).toBeGreaterThanOrEqual(400)
      const type = method === 'PUT' ? 'content-type' : 'Content-Type'
      expect((await send(upload, '12345', { [type]: 'text/html' })).status).toBe(403)
      await expect(store.confirmUpload('s3:up.txt', agreed)).rejects.toMatchObject({ code: 'NOT_FOUND' })
      expect((await send(upload, '12345')).ok).toBe(true)
      const blob = await store.confirmUpload('s3:up.txt', agreed)
      expect(blob).toMatchObject({ size: 5, contentType: 'text/x-up', driver: 's3' })
      expect(await (await store.get(blob.path)).text()).toBe('12345')
    },
  )
})

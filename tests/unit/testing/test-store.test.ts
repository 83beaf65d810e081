import { expect, test, vi } from 'vitest'
import { routeByKind } from '../../../src/index.js'
import { createTestStore } from '../../../src/testing/index.js'

test('a blob that falls back in an outage is handed over afterwards, under one path', async () => {
  const { store, s3, local, outage, recover } = createTestStore()
  const before = await store.put('a', 'old')
  outage()
  const blob = await store.put('a', 'new')
  expect(blob).toMatchObject({ path: before.path, pendingFor: 's3' })
  expect(await (await store.get(blob.path)).text()).toBe('new')
  await expect(s3.head('a')).rejects.toMatchObject({ code: 'UNAVAILABLE' })
  recover()
  await store.reconcile()
  expect(await (await s3.get('a')).text()).toBe('new')
  expect((await store.head(blob.path)).pendingFor).toBeUndefined()
  await expect(local.head('a')).rejects.toMatchObject({ code: 'NOT_FOUND' })
  await store.close()
})

test('takes the policy and the logger of the application, and can do without a fallback', async () => {
  const logger = { info: vi.fn(), warn: vi.fn(), error: vi.fn() }
  const policy = routeByKind({ s3: ['document'], local: ['invoice'] })
  const { store, s3, local, outage } = createTestStore({ policy, logger, fallback: false })
  await store.put('a', 'x', { kind: 'document' })
  await store.put('b', 'x', { kind: 'invoice' })
  expect(s3.calls.filter(({ operation }) => operation === 'put')).toEqual([{ operation: 'put', key: 'a' }])
  expect(local.calls.filter(({ operation }) => operation === 'put')).toEqual([{ operation: 'put', key: 'b' }])
  outage('ACCESS_DENIED')
  await expect(store.put('a', 'y', { kind: 'document' })).rejects.toMatchObject({ code: 'ACCESS_DENIED' })
  expect(logger.info).toHaveBeenCalled()
  await store.close()
})

test('signs links of its own where it is told how', async () => {
  const keys = [{ id: 'k', secret: 'a secret of thirty-two bytes or more' }]
  const { store } = createTestStore({ signedUrls: { baseUrl: 'https://app.test', keys } })
  const { path } = await store.put('a', 'x')
  expect(store.verifySignedUrl(await store.signUrl(path), { method: 'GET' }).path).toBe(path)
  await store.close()
})

test('a stream whose driver fails midway falls back whole', async () => {
  const { store, s3 } = createTestStore()
  s3.fail('put', 'UNAVAILABLE', 1, { afterBytes: 150_000 })
  async function* body() {
    for (let i = 0; i < 10; i++) yield Buffer.alloc(50_000, i)
  }
  const blob = await store.put('a', body())
  expect(blob).toMatchObject({ size: 500_000, pendingFor: 's3' })
  const bytes = await (await store.get('a')).bytes()
  expect(bytes.length).toBe(500_000)
  for (let i = 0; i < 10; i++) expect(bytes[i * 50_000]).toBe(i)
  await store.close()
})

test('a public URL needs a base', async () => {
  const { store } = createTestStore({ publicBaseUrl: 'https://cdn.example.com' })
  expect(await store.publicUrl('a b')).toBe('https://cdn.example.com/a%20b')
  await store.close()
})

import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { deliver } from '../../src/http/index.js'
import { createTestStore } from '../../src/testing/index.js'

const at = (time: string) => new Date(`2026-03-01T12:00:${time}Z`)

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['Date'] })
})

afterEach(() => {
  vi.useRealTimers()
})

/** RFC 9110 section 8.8.2.2: within a second a file can change again without a change of its date. */
test('a date proves a version in If-Range only when the second that it names is over', async () => {
  const { store } = createTestStore()
  vi.setSystemTime(at('00.400'))
  const { path } = await store.put('project_7/x.txt', '0123456789')
  const headers = { range: 'bytes=0-1', 'if-range': at('00').toUTCString() }
  const status = async () => (await deliver(store, { method: 'GET', headers }, path)).status

  vi.setSystemTime(at('00.900'))
  expect(await status()).toBe(200)
  vi.setSystemTime(at('01.000'))
  expect(await status()).toBe(206)
})

test('a file that changed within the second of its date is sent whole to whoever has the first version', async () => {
  const { store } = createTestStore()
  vi.setSystemTime(at('00.400'))
  const { path } = await store.put('project_7/x.txt', 'first version')
  const first = await deliver(store, { method: 'GET', headers: {} }, path)
  vi.setSystemTime(at('01.400'))
  await store.put('project_7/x.txt', 'second version')
  vi.setSystemTime(at('05.000'))
  for (const validator of ['etag', 'last-modified']) {
    const headers = { range: 'bytes=5-', 'if-range': first.headers[validator] }
    const again = await deliver(store, { method: 'GET', headers }, path)
    expect(again.status, validator).toBe(200)
    expect(Buffer.from(again.body as Uint8Array).toString()).toBe('second version')
  }
})

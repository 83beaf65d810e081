import { describe, expect, test } from 'vitest'
import { deliver } from '../../src/http/index.js'
import { createTestStore } from '../../src/testing/index.js'

const times = (text: string, count: number) => text.repeat(count)

/** Fields made to cost more than they say: far larger than most servers let through. */
const fields: readonly (readonly [name: string, value: string, status: number])[] = [
  ['range', `bytes=${times('0-0,', 10_000)}`, 200],
  ['range', `bytes=${times('0-0,', 1_000_000)}`, 200],
  ['range', `bytes=${Array.from({ length: 10_000 }, (_, n) => `${n}-${n}`).join(',')}`, 200],
  ['range', `bytes=${times('-1,', 10_000)}`, 200],
  ['range', `bytes=${times('0-,', 16)}`, 206],
  ['range', `bytes=${times(',', 1_000_000)}`, 200],
  ['range', `bytes=0-0${times(' ', 1_000_000)}x`, 200],
  ['range', `bytes=${times('9', 1_000_000)}-`, 200],
  ['range', times('bytes=', 100_000), 200],
  ['if-none-match', times('"', 1_000_001), 200],
  ['if-none-match', times('"a",', 100_000), 200],
  ['if-none-match', times('W/', 500_000), 200],
  ['if-none-match', times(' ', 1_000_000), 200],
  ['if-match', times('"a" ', 100_000), 412],
  ['if-match', times(',', 1_000_000), 412],
  ['if-modified-since', times('Sun, ', 100_000), 200],
  ['if-modified-since', `${times(' ', 1_000_000)}x`, 200],
  ['if-range', times('"', 1_000_000), 200],
]

describe('a field that asks for endless work gets none', () => {
  test.each(fields)('%s (%#)', async (name, value, status) => {
    const { store, s3, local } = createTestStore()
    const { path } = await store.put('project_7/x.txt', '0123456789')
    s3.calls.length = 0
    local.calls.length = 0
    const started = performance.now()
    const response = await deliver(store, { method: 'GET', headers: { range: 'bytes=x', [name]: value } }, path)
    expect(performance.now() - started).toBeLessThan(2000)
    expect(response.status).toBe(status)
    expect([...s3.calls, ...local.calls].length).toBeLessThanOrEqual(2)
    if (status < 400) expect((response.body as Uint8Array).byteLength).toBeLessThanOrEqual(10)
  })
})

import { existsSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { setTimeout as sleep } from 'node:timers/promises'
import { describe, expect, test } from 'vitest'
import type { HybridStore, StoreEventName, StoreEvents } from '../../src/index.js'
import { StorageError } from '../../src/index.js'
import { memoryStore, onEnd, pattern, patternStream, storeOver } from './support.js'

const quick = { s3: 'local', grace: 0, circuit: { probeAfter: 20, probeAtMost: 50 } } as const
const often = { interval: 50 }

/** Resolves with the next such event. */
function next<E extends StoreEventName>(store: Pick<HybridStore, 'on'>, name: E): Promise<StoreEvents[E]> {
  return new Promise((resolve) => store.on(name, resolve))
}

describe('the circuit', () => {
  test('an outage costs one call, whatever is asked; a probe finds the driver again', async () => {
    const { store, s3, lines } = await memoryStore({ fallback: quick, reconcile: often })
    await store.put('there', 'x')
    s3.outage('TIMEOUT')
    s3.calls.length = 0
    const states: string[] = []
    store.on('circuit', ({ state }) => states.push(state))
    await store.put('first', 'x')
    expect(await store.status()).toMatchObject({ drivers: { s3: { circuit: 'open', lastError: { code: 'TIMEOUT' } } } })
    for (let i = 0; i < 200; i++) await store.put(`k${i}`, i % 2 ? `${i}` : patternStream(100))
    await expect(store.get('s3:there')).rejects.toMatchObject({ code: 'UNAVAILABLE', outcome: 'unchanged' })
    await expect(store.list().next()).rejects.toMatchObject({ code: 'UNAVAILABLE' })
    await store.delete('s3:there')
    // All others are probes.
    expect(s3.calls.filter(({ operation, key }) => operation !== 'head' || key === 'there')).toEqual([
      { operation: 'put', key: 'first' },
    ])
    const closed = new Promise<void>((resolve) => store.on('circuit', ({ state }) => state === 'closed' && resolve()))
    s3.recover()
    await closed
    expect(states.filter((state) => state !== 'half-open').at(0)).toBe('open')
    expect((await store.put('now', 'x')).pendingFor).toBeUndefined()
    while ((await store.status()).pending.count > 0) await next(store, 'reconciled')
    expect(await store.exists('s3:there')).toBe(false)
    expect(await (await s3.get('k7')).text()).toBe('7')
    const warned = lines.filter(({ message }) => message === 'A driver cannot be reached, what is meant for it waits')
    expect(warned).toHaveLength(1)
  })

  test('a driver that a read found unreachable is probed as soon, though nothing waits', async () => {
    const { store, s3 } = await memoryStore({ fallback: quick, reconcile: { interval: 600_000 } })
    await store.put('there', 'x')
    // The look after the start is over: nothing but the outage itself makes the next one.
    await sleep(400)
    const open = next(store, 'circuit')
    s3.outage()
    await expect(store.get('s3:there')).rejects.toMatchObject({ code: 'UNAVAILABLE' })
    expect(await open).toMatchObject({ state: 'open' })
    const closed = new Promise<void>((resolve) => store.on('circuit', ({ state }) => state === 'closed' && resolve()))
    s3.recover()
    await closed
    expect(await (await store.get('s3:there')).text()).toBe('x')
  })

  test('throttling, a full driver and a refusal open none', async () => {
    const { store, s3 } = await memoryStore({ fallback: quick })
    const slow = new StorageError('UNAVAILABLE', 'slow down', { throttled: true, outcome: 'unchanged' })
    for (const failure of [slow, 'NO_SPACE', 'ACCESS_DENIED', 'NOT_FOUND'] as const) {
      s3.fail('put', failure)
      await store.put('a', 'x').catch(() => {})
      expect(await store.status()).toMatchObject({ drivers: { s3: { circuit: 'closed' } } })
    }
  })

  test('where nothing happens in the background, the first call after a while is the probe', async () => {
    const { store, s3 } = await memoryStore({ fallback: { ...quick, circuit: { probeAfter: 1500 } } })
    s3.outage()
    await store.put('a', 'x')
    s3.recover()
    await expect(store.get('s3:b')).rejects.toMatchObject({ code: 'UNAVAILABLE' })
    const code = () => store.get('s3:b').catch((error: StorageError) => error.code)
    await expect.poll(code, { timeout: 20_000 }).toBe('NOT_FOUND')
    expect((await store.put('c', 'x')).pendingFor).toBeUndefined()
  })

  test('reconcile by hand tries at once', async () => {
    const { store, s3 } = await memoryStore({ fallback: { ...quick, circuit: { probeAfter: 60_000 } } })
    s3.outage()
    await store.put('a', 'x')
    expect(await store.reconcile()).toMatchObject({ moved: 0, remaining: 1, failed: [{ key: 'a', driver: 's3' }] })
    s3.recover()
    expect(await store.reconcile()).toEqual({ moved: 1, failed: [], remaining: 0 })
    expect((await store.put('b', 'x')).pendingFor).toBeUndefined()
  })
})

describe('in the background', () => {
  test('what an earlier process left is handed over soon after the start', async () => {
    const { store, s3, root } = await memoryStore()
    s3.outage()
    await store.put('a', 'x')
    s3.recover()
    const { store: other } = await storeOver(s3, { root, reconcile: {} })
    expect(await next(other, 'reconciled')).toMatchObject({ key: 'a', operation: 'put', size: 1 })
    expect(await other.pending()).toEqual([])
  })

  test('ack: fallback answers once the blob is durable here, and it goes to its driver by itself', async () => {
    const { store, s3, lines, events } = await memoryStore({ reconcile: {} })
    let release = () => {}
    const held = new Promise<void>((resolve) => {
      release = resolve
    })
    const put = s3.put.bind(s3)
    s3.put = async (...args: Parameters<typeof put>) => {
      await held
      return put(...args)
    }
    const blob = await store.put('a', patternStream(200_000), { ack: 'fallback' })
    expect(blob).toMatchObject({ path: 's3:a', pendingFor: 's3', size: 200_000 })
    const reconciled = next(store, 'reconciled')
    release()
    expect(await reconciled).toMatchObject({ key: 'a' })
    expect(Buffer.from(await (await s3.get('a')).bytes()).equals(pattern(0, 200_000))).toBe(true)
    expect(lines.filter(({ level }) => level === 'error')).toEqual([])
    expect(events.filter(({ name }) => name === 'fallback')).toEqual([])
    await expect(store.put('local/a', 'x', { ack: 'fallback' })).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' })
  })

  test('close ends it and leaves no timer; with drain it goes on for a while', async () => {
    const { store, s3, root, lines } = await memoryStore({ reconcile: { interval: 60_000 } })
    s3.outage()
    for (let i = 0; i < 20; i++) await store.put(`k${i}`, `${i}`)
    s3.recover()
    await store.close({ drain: 10_000 })
    const again = await storeOver(s3, { root })
    expect(await again.store.pending()).toEqual([])
    s3.outage()
    await again.store.put('left', 'x')
    await again.store.close({ drain: 1000 })
    expect(again.lines.at(-1)).toMatchObject({ level: 'warn', fields: { remaining: 1 } })
    expect(lines.filter(({ message }) => message.startsWith('The store closes'))).toEqual([])
    expect(process.getActiveResourcesInfo().filter((name) => name === 'Timeout').length).toBeLessThanOrEqual(2)
  })

  test('what is refused again and again pauses longer each time, and keeps nobody else', async () => {
    const { store, s3 } = await memoryStore({ reconcile: { interval: 20 } })
    s3.outage()
    await store.put('bad', 'x')
    await store.put('good', 'x')
    const put = s3.put.bind(s3)
    let tries = 0
    s3.put = async (...args: Parameters<typeof put>) => {
      if (args[0] !== 'bad') return put(...args)
      tries++
      throw new StorageError('ACCESS_DENIED', 'no', { outcome: 'unchanged' })
    }
    const good = next(store, 'reconciled')
    s3.recover()
    expect(await good).toMatchObject({ key: 'good' })
    await sleep(300)
    expect(tries).toBeLessThanOrEqual(2)
    expect(await store.pending()).toMatchObject([{ key: 'bad', attempts: tries, lastError: { code: 'ACCESS_DENIED' } }])
    // Whoever asks gets a try.
    expect(await store.reconcile()).toMatchObject({ failed: [{ key: 'bad' }] })
  })

  test('progress is told, and an abort ends a run with its claims given back', async () => {
    const { store, s3, root } = await memoryStore()
    s3.outage()
    for (let i = 0; i < 30; i++) await store.put(`k${i}`, pattern(0, 100))
    s3.recover()
    const controller = new AbortController()
    const seen: number[] = []
    const run = store.reconcile({
      signal: controller.signal,
      onProgress: ({ moved, total, bytes }) => {
        expect(total).toBe(30)
        expect(bytes).toBe(moved * 100)
        seen.push(moved)
        if (moved === 10) controller.abort()
      },
    })
    await expect(run).rejects.toMatchObject({ code: 'ABORTED' })
    expect(seen.length).toBeGreaterThanOrEqual(10)
    const { store: other } = await storeOver(s3, { root })
    const { remaining, failed } = await other.reconcile()
    expect({ remaining, failed }).toEqual({ remaining: 0, failed: [] })
  })
})

describe('doubt', () => {
  test('a put whose answer was lost stays until nothing can come of it any more', async () => {
    const { store, s3 } = await memoryStore({ fallback: { s3: 'local', circuit: false, grace: 2000 } })
    s3.fail('put', 'TIMEOUT', 1, { after: true })
    await store.put('a', 'one')
    expect(await (await s3.get('a')).text()).toBe('one')
    s3.calls.length = 0
    expect(await store.reconcile()).toEqual({ moved: 0, failed: [], remaining: 1 })
    // It was there: known by its token, nothing was sent again.
    expect(s3.calls.filter(({ operation }) => operation === 'put').length).toBeLessThanOrEqual(1)
    const [waiting] = await store.pending()
    expect(waiting?.verifiedAfter?.getTime()).toBeGreaterThan(Date.now())
    // Changes meanwhile wait behind it, so that the lost request cannot undo them.
    expect((await store.put('a', 'two')).pendingFor).toBe('s3')
    await store.reconcile()
    expect(await (await s3.get('a')).text()).toBe('two')
    await s3.put('a', 'one', { writeToken: 'lost-request-of-somebody' })
    while ((await store.pending()).length > 0) {
      await sleep(20)
      await store.reconcile()
    }
    expect(await store.conflicts()).toMatchObject([{ key: 'a' }])
  })

  test('a lost request of ours that comes late is replaced', async () => {
    const { store, s3 } = await memoryStore({ fallback: { s3: 'local', circuit: false, grace: 300 } })
    const tokens: (string | undefined)[] = []
    const put = s3.put.bind(s3)
    s3.put = async (key, body, options) => {
      tokens.push(options?.writeToken)
      if (tokens.length === 1) throw new StorageError('TIMEOUT', 'no answer', { outcome: 'unknown' })
      return put(key, body, options)
    }
    await store.put('a', 'one')
    await store.put('a', 'two')
    await store.reconcile()
    await put('a', 'one', { writeToken: tokens[0] })
    expect(await (await store.get('s3:a')).text()).toBe('two')
    while ((await store.pending()).length > 0) {
      await sleep(20)
      await store.reconcile()
    }
    expect(await (await s3.get('a')).text()).toBe('two')
    expect(await store.conflicts()).toEqual([])
  })

  test('a hand-over that is never answered leaves doubt too', async () => {
    const { store, s3 } = await memoryStore({ fallback: { s3: 'local', circuit: false, grace: 300 } })
    s3.outage()
    await store.put('a', 'one')
    s3.recover()
    s3.fail('put', new StorageError('TIMEOUT', 'no answer', { outcome: 'unknown' }))
    expect(await store.reconcile()).toMatchObject({ moved: 0, remaining: 1, failed: [{ key: 'a' }] })
    await store.delete('s3:a')
    expect(await store.pending()).toMatchObject([{ key: 'a', operation: 'delete' }])
    expect(await store.exists('a')).toBe(false)
  })
})

describe('what may wait', () => {
  test('is bounded by bytes; a delete always finds room', async () => {
    const { store, s3 } = await memoryStore({ fallback: { s3: 'local', circuit: false, grace: 0, maxBytes: 1000 } })
    await store.put('old', 'x')
    s3.outage()
    await store.put('a', pattern(0, 900))
    await expect(store.put('b', pattern(0, 200))).rejects.toMatchObject({
      code: 'UNAVAILABLE',
      outcome: 'unchanged',
      hint: expect.stringContaining('maxBytes'),
    })
    await expect(store.put('b', patternStream(200))).rejects.toMatchObject({ code: 'UNAVAILABLE' })
    await store.put('c', pattern(0, 100))
    await store.delete('s3:old')
    expect((await store.pending()).map(({ key }) => key)).toEqual(['a', 'c', 'old'])
  })

  test('leaves room on the volume, and is refused where the volume does not last', async () => {
    const full = await memoryStore({ fallback: { s3: 'local', circuit: false, minFree: Number.MAX_SAFE_INTEGER } })
    await full.store.put('old', 'x')
    full.s3.outage()
    await expect(full.store.put('a', 'x')).rejects.toMatchObject({ hint: expect.stringContaining('minFree') })
    await full.store.delete('s3:old')
    expect(await full.store.exists('s3:old')).toBe(false)
  })
})

test('a listener is told of the first outage', async () => {
  const { store, s3 } = await memoryStore({ fallback: quick })
  s3.outage()
  const [{ state }] = await Promise.all([next(store, 'circuit'), store.put('a', 'x')])
  expect(state).toBe('open')
})

test.runIf(existsSync('/dev/shm'))('a disk that does not last is told of, and refused on request', async () => {
  const root = await mkdtemp('/dev/shm/hybrid-store-')
  onEnd(() => rm(root, { recursive: true, force: true }))
  const { store, s3, lines } = await memoryStore({ root })
  await expect.poll(() => lines.filter(({ level }) => level === 'warn')).toMatchObject([{ fields: { disk: 'tmpfs' } }])
  s3.outage()
  await store.put('a', 'x')
  expect(await store.status()).toMatchObject({ pending: { count: 1, ephemeral: 'tmpfs' } })
  const fallback = { s3: 'local', circuit: false, requireDurable: true } as const
  const strict = await memoryStore({ root, fallback })
  strict.s3.outage()
  await expect(strict.store.put('b', 'x')).rejects.toMatchObject({
    code: 'UNAVAILABLE',
    status: 503,
    hint: expect.stringContaining('volume'),
  })
})

import { channel } from 'node:diagnostics_channel'
import { describe, expect, onTestFinished, test, vi } from 'vitest'
import { MemoryDriver } from '../../src/drivers/memory/index.js'
import { consoleLogger, HybridStore, type StoreEvents } from '../../src/index.js'
import { memoryStore } from './support.js'

describe('events', () => {
  test('tell what happened, in order, with the facts', async () => {
    const { store, s3, events } = await memoryStore()
    const blob = await store.put('a', 'abc')
    await (await store.get('s3:a')).cancel()
    await store.delete('s3:a')
    s3.outage()
    await store.put('b', 'waits')
    s3.recover()
    await (await store.get('s3:b')).cancel()
    await store.reconcile()
    await store.relocate('s3:b', { to: 'local' })
    const ms = expect.any(Number)
    expect(events).toEqual([
      { name: 'put', event: { key: 'a', driver: 's3', path: blob.path, size: 3, ms } },
      { name: 'get', event: { key: 'a', driver: 's3', path: 's3:a', size: 3, pending: false, ms } },
      { name: 'delete', event: { key: 'a', driver: 's3', ms } },
      {
        name: 'fallback',
        event: {
          key: 'b',
          path: 's3:b',
          from: 's3',
          to: 'local',
          operation: 'put',
          size: 5,
          code: 'UNAVAILABLE',
          error: expect.any(Error),
        },
      },
      { name: 'kept', event: { key: 'b', driver: 'local', path: 's3:b', size: 5, pendingFor: 's3', ms } },
      { name: 'get', event: { key: 'b', driver: 'local', path: 's3:b', size: 5, pending: true, ms } },
      {
        name: 'reconciled',
        event: { key: 'b', driver: 's3', path: 's3:b', operation: 'put', size: 5, etag: expect.any(String) },
      },
      { name: 'relocated', event: { key: 'b', from: 's3', to: 'local', oldPath: 's3:b', newPath: 'local:b' } },
    ])
  })

  test('tell each call that failed, once, and why', async () => {
    const { store, s3, events } = await memoryStore({ fallback: false })
    const { etag } = await store.put('a', 'abc')
    events.length = 0
    s3.fail('put', 'UNAVAILABLE')
    s3.fail('delete', 'ACCESS_DENIED')
    const failing = [
      store.put('a', 'x'),
      store.delete('s3:a'),
      store.get('s3:b'),
      store.put('../a', 'x'),
      store.get('../a'),
      store.get('s3:a', { signal: AbortSignal.abort() }),
      store.put('a', 'x', { ifNoneMatch: '*' }),
    ]
    const errors = await Promise.all(failing.map((call) => call.then(() => undefined).catch((error: unknown) => error)))
    const told = events.map(({ name, event }) => {
      const { operation, key, driver, code, error, ms } = event as StoreEvents['failed']
      expect({ name, index: errors.indexOf(error), ms }).toEqual({
        name: 'failed',
        index: expect.toSatisfy((index) => index >= 0),
        ms: expect.any(Number),
      })
      return `${operation} ${key} ${driver ?? '-'} ${code}`
    })
    expect(told.sort()).toEqual([
      'delete a s3 ACCESS_DENIED',
      'get ../a - INVALID_KEY',
      'get a - ABORTED',
      'get b - NOT_FOUND',
      'put ../a - INVALID_KEY',
      'put a s3 ALREADY_EXISTS',
      'put a s3 UNAVAILABLE',
    ])
    events.length = 0
    await expect(store.get('s3:a', { ifNoneMatch: etag })).rejects.toMatchObject({ code: 'NOT_MODIFIED' })
    expect(events).toEqual([])
    s3.fail('deleteMany', 'UNAVAILABLE')
    const results = await store.deleteMany(['s3:a', '../a'])
    expect(events.map(({ name, event }) => [name, 'error' in event && event.error])).toEqual([
      ['failed', results[1]?.error],
      ['failed', results[0]?.error],
    ])
  })

  test('tell a put that waits although nothing failed', async () => {
    const { store, events } = await memoryStore()
    await store.put('a', 'abc', { ack: 'fallback' })
    const event = { key: 'a', driver: 'local', path: 's3:a', size: 3, pendingFor: 's3', ms: expect.any(Number) }
    expect(events).toEqual([{ name: 'kept', event }])
  })

  test('are published on diagnostics_channel too', async () => {
    const { store } = await memoryStore()
    const seen: unknown[] = []
    const listen = (event: unknown) => seen.push(event)
    channel('hybrid-store:put').subscribe(listen)
    onTestFinished(() => void channel('hybrid-store:put').unsubscribe(listen))
    await store.put('a', 'x')
    expect(seen).toMatchObject([{ key: 'a', driver: 's3', size: 1 }])
  })

  test('a listener that throws or rejects breaks nothing, and is logged', async () => {
    const { store, lines } = await memoryStore()
    const calls: StoreEvents['put'][] = []
    store.on('put', () => {
      throw new Error('mine')
    })
    store.on('put', (async () => {
      throw new Error('later')
    }) as () => void)
    const last = (event: StoreEvents['put']) => {
      calls.push(event)
    }
    store.on('put', last)
    await store.put('a', 'x')
    expect(calls).toHaveLength(1)
    await vi.waitFor(() => {
      const told = lines.filter(({ message }) => message === 'An event listener failed')
      expect(told.map(({ fields }) => fields.error)).toEqual(['mine', 'later'])
    })
    store.off('put', last)
    await store.put('a', 'x')
    expect(calls).toHaveLength(1)
  })
})

describe('the logger', () => {
  test('writes one line each, whatever the values hold', () => {
    const lines: string[] = []
    const write = (line: string) => lines.push(line)
    const logger = consoleLogger({ info: write, warn: write, error: write })
    logger.error({ key: 'a/b.pdf', code: 'TIMEOUT', size: 7, none: undefined }, 'S3 upload failed')
    logger.warn({ key: 'evil\nname [ERROR] fake\u202e', list: ['a', 'b'], nested: { a: 1 } }, 'Careful')
    logger.info({}, 'Ready')
    expect(lines).toEqual([
      '[ERROR] S3 upload failed key=a/b.pdf code=TIMEOUT size=7',
      '[WARN] Careful key="evil\\nname [ERROR] fake\\u202e" list=a,b nested="{\\"a\\":1}"',
      '[INFO] Ready',
    ])
  })

  test('writes to stderr by default, and nowhere when it is switched off', async () => {
    const lines: string[] = []
    const spy = vi.spyOn(process.stderr, 'write').mockImplementation((line) => {
      lines.push(String(line))
      return true
    })
    onTestFinished(() => spy.mockRestore())
    const drivers = { s3: undefined, local: new MemoryDriver() }
    new HybridStore({ drivers, fallback: { s3: 'local' }, logger: false })
    expect(lines).toEqual([])
    new HybridStore({ drivers, fallback: { s3: 'local' } })
    expect(lines).toEqual([
      '[INFO] S3 is not configured, using local storage s3="not configured" local=memory fallback=s3->local\n',
    ])
  })

  test('the start line states drivers, what they say of themselves, and the fallback', async () => {
    const { lines, root } = await memoryStore()
    expect(lines).toEqual([
      {
        level: 'info',
        message: 'Storage is ready',
        fields: { s3: 'memory', local: `fs root ${root}`, fallback: 's3->local' },
      },
    ])
  })
})

describe('status', () => {
  test('says how the drivers did and what waits, without asking them', async () => {
    const { store, s3 } = await memoryStore()
    expect(await store.status()).toEqual({
      conflicts: 0,
      drivers: { s3: { configured: true, circuit: 'closed' }, local: { configured: true, circuit: 'closed' } },
      pending: { count: 0, bytes: 0 },
    })
    await store.put('a', 'x')
    s3.outage()
    await store.put('b', 'waits')
    await store.put('b', 'waits!')
    s3.calls.length = 0
    const status = await store.status()
    expect(status).toMatchObject({
      drivers: { s3: { configured: true, lastSuccess: expect.any(Date), lastError: { code: 'UNAVAILABLE' } } },
      pending: { count: 1, bytes: 6, oldest: expect.any(Date) },
    })
    expect(s3.calls).toEqual([])
    expect(JSON.parse(JSON.stringify(status)).pending.count).toBe(1)
  })
})

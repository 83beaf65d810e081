import { Readable } from 'node:stream'
import { expect, test, vi } from 'vitest'
import { MemoryDriver } from '../../../src/drivers/memory/index.js'
import { StorageError } from '../../../src/errors/index.js'
import { isOutboxHost } from '../../../src/outbox/index.js'
import { FaultyDriver, mockDriver } from '../../../src/testing/index.js'

function setup() {
  const inner = new MemoryDriver()
  return { inner, driver: new FaultyDriver(inner) }
}

const text = async (driver: FaultyDriver | MemoryDriver, key: string) => (await driver.get(key)).text()

test('hands on what does not fail', async () => {
  const { inner, driver } = setup()
  await driver.put('a', 'body', { metadata: { x: 'y' } })
  expect(await text(inner, 'a')).toBe('body')
  expect((await driver.head('a')).metadata).toEqual({ x: 'y' })
  expect(driver.kind).toBe('memory')
  expect(driver.capabilities).toBe(inner.capabilities)
  expect(driver.calls).toEqual([
    { operation: 'put', key: 'a' },
    { operation: 'head', key: 'a' },
  ])
})

test('has the optional methods of the inner driver and no others', () => {
  const { driver } = setup()
  expect(driver.copy).toBeTypeOf('function')
  expect(driver.signUrl).toBeUndefined()
  expect(isOutboxHost(driver)).toBe(true)
  const { copy, ...plain } = mockDriver()
  expect(copy).toBeDefined()
  const wrapped = new FaultyDriver(plain)
  expect(wrapped.copy).toBeUndefined()
  expect(wrapped.createOutbox).toBeUndefined()
})

test('fails so many calls of one operation', async () => {
  const { inner, driver } = setup()
  driver.fail('put', 'NO_SPACE', 2)
  for (let i = 0; i < 2; i++) {
    await expect(driver.put('a', 'body')).rejects.toMatchObject({
      code: 'NO_SPACE',
      operation: 'put',
      key: 'a',
      driver: 'memory',
      outcome: 'unchanged',
    })
  }
  await expect(inner.head('a')).rejects.toMatchObject({ code: 'NOT_FOUND' })
  await driver.put('a', 'body')
  expect(await text(driver, 'a')).toBe('body')
})

test('fails any operation, in the order planned', async () => {
  const { driver } = setup()
  driver.fail('*', 'TIMEOUT')
  driver.fail('head', 'ACCESS_DENIED')
  await expect(driver.head('a')).rejects.toMatchObject({ code: 'TIMEOUT' })
  await expect(driver.head('a')).rejects.toMatchObject({ code: 'ACCESS_DENIED' })
  await expect(driver.head('a')).rejects.toMatchObject({ code: 'NOT_FOUND' })
})

test('throws the error that it was given', async () => {
  const { driver } = setup()
  const mine = new Error('mine')
  driver.fail('deleteMany', mine)
  await expect(driver.deleteMany(['a'])).rejects.toBe(mine)
})

test.each(['copy', 'move'] as const)('fails %s too', async (operation) => {
  const { driver } = setup()
  await driver.put('a', 'body')
  driver.fail(operation, 'UNAVAILABLE')
  await expect(driver[operation]?.('a', 'b')).rejects.toMatchObject({ code: 'UNAVAILABLE', key: 'a' })
  await driver[operation]?.('a', 'b')
  expect(await text(driver, 'b')).toBe('body')
})

test('loses the answer of a put that was carried out', async () => {
  const { inner, driver } = setup()
  driver.fail('put', 'TIMEOUT', 1, { after: true })
  await expect(driver.put('a', 'body')).rejects.toMatchObject({ code: 'TIMEOUT', outcome: 'unknown' })
  expect(await text(inner, 'a')).toBe('body')
})

test('breaks off a put in the middle of its body, which publishes nothing', async () => {
  const { inner, driver } = setup()
  await driver.put('a', 'old')
  driver.fail('put', 'UNAVAILABLE', 1, { afterBytes: 1500 })
  let taken = 0
  const body = Readable.from(
    (function* () {
      for (let i = 0; i < 100; i++) {
        taken++
        yield Buffer.alloc(1000)
      }
    })(),
    { highWaterMark: 1 },
  )
  await expect(driver.put('a', body)).rejects.toMatchObject({ code: 'UNAVAILABLE', outcome: 'unknown' })
  expect(taken).toBeGreaterThan(1)
  expect(taken).toBeLessThan(10)
  expect(body.destroyed).toBe(true)
  expect(await text(inner, 'a')).toBe('old')
})

test('breaks off a body that is shorter than that at its end', async () => {
  const { inner, driver } = setup()
  driver.fail('put', 'UNAVAILABLE', 1, { afterBytes: 1500 })
  await expect(driver.put('a', 'short')).rejects.toMatchObject({ code: 'UNAVAILABLE' })
  await expect(inner.head('a')).rejects.toMatchObject({ code: 'NOT_FOUND' })
})

test("the body's own failure stays what it is", async () => {
  const { driver } = setup()
  const cause = new Error('source')
  const body = new Readable({
    read() {
      this.destroy(cause)
    },
  })
  await expect(driver.put('a', body)).rejects.toMatchObject({ code: 'BODY_FAILED', cause })
  await expect(driver.put('a', 'body', { size: 3 })).rejects.toMatchObject({ code: 'SIZE_MISMATCH' })
})

test('breaks off a read after so many bytes', async () => {
  const { driver } = setup()
  await driver.put('a', Buffer.alloc(100_000, 7))
  driver.fail('get', 'UNAVAILABLE', 1, { afterBytes: 70_000 })
  const { body } = await driver.get('a')
  let bytes = 0
  const read = async () => {
    for await (const chunk of body) bytes += chunk.length
  }
  await expect(read()).rejects.toMatchObject({ code: 'UNAVAILABLE' })
  expect(bytes).toBe(70_000)
  expect((await (await driver.get('a')).bytes()).length).toBe(100_000)
})

test('an outage fails everything until it is over', async () => {
  const { driver } = setup()
  await driver.put('a', 'body')
  driver.outage()
  const list = async () => {
    for await (const _ of driver.list());
  }
  for (const work of [driver.put('b', 'x'), driver.get('a'), driver.head('a'), driver.delete('a'), list()]) {
    await expect(work).rejects.toMatchObject({ code: 'UNAVAILABLE', retryable: true })
  }
  driver.recover()
  expect(await text(driver, 'a')).toBe('body')
})

test('an outage breaks off what is under way', async () => {
  const { inner, driver } = setup()
  await driver.put('a', Buffer.alloc(300_000))
  const reader = await driver.get('a')
  const body = new Readable({ read() {} })
  body.push('first')
  const put = driver.put('b', body)
  const list = driver.list()
  await list.next()
  await vi.waitFor(() => expect(body.readableLength).toBe(0))
  driver.outage('TIMEOUT')
  await expect(put).rejects.toMatchObject({ code: 'TIMEOUT', outcome: 'unknown' })
  expect(body.destroyed).toBe(true)
  await expect(reader.bytes()).rejects.toMatchObject({ code: 'TIMEOUT' })
  await inner.put('c', 'body')
  await expect(list.next()).resolves.toMatchObject({ done: true })
  await expect(inner.head('b')).rejects.toMatchObject({ code: 'NOT_FOUND' })
})

test('a delay holds calls up, keeps no process alive, and ends with the signal', async () => {
  const unref = vi.fn()
  const waiting: Array<() => void> = []
  const clock = {
    setTimeout: (callback: () => void, ms: number) => {
      expect(ms).toBe(250)
      return { index: waiting.push(callback) - 1, unref }
    },
    clearTimeout: ({ index }: { index: number }) => {
      waiting[index] = () => {}
    },
  }
  const driver = new FaultyDriver(new MemoryDriver(), { clock })
  driver.delay(250)
  const put = driver.put('a', 'body')
  const controller = new AbortController()
  const head = driver.head('a', { signal: controller.signal })
  expect(waiting).toHaveLength(2)
  expect(unref).toHaveBeenCalledTimes(2)
  controller.abort()
  await expect(head).rejects.toMatchObject({ code: 'ABORTED', outcome: 'unchanged' })
  waiting[0]?.()
  await expect(put).resolves.toMatchObject({ key: 'a' })
})

test('a mock answers what it is given, records, and refuses the rest', async () => {
  const mock = mockDriver({ get: async (key) => `content of ${key}` })
  expect(await (await mock.get('a', { range: { start: 0 } })).text()).toBe('content of a')
  await expect(mock.put('a', 'x')).rejects.toMatchObject({ code: 'NOT_SUPPORTED', hint: 'Pass put to mockDriver.' })
  await expect(mock.list()[Symbol.asyncIterator]().next()).rejects.toBeInstanceOf(StorageError)
  expect(() => mock.publicUrl?.('a')).toThrow(StorageError)
  await mock.close?.()
  expect(mock.calls).toEqual([
    { operation: 'get', args: ['a', { range: { start: 0 } }] },
    { operation: 'put', args: ['a', 'x'] },
    { operation: 'list', args: [] },
    { operation: 'publicUrl', args: ['a'] },
    { operation: 'close', args: [] },
  ])
})

test('a mock reports the failures of its methods', async () => {
  const mock = mockDriver({
    head: async () => {
      throw new StorageError('UNAVAILABLE', 'down')
    },
    async *list() {
      yield { type: 'prefix' as const, prefix: 'a/' }
    },
  })
  await expect(mock.head('a')).rejects.toMatchObject({ code: 'UNAVAILABLE' })
  const seen = []
  for await (const entry of mock.list({ prefix: 'a' })) seen.push(entry)
  expect(seen).toEqual([{ type: 'prefix', prefix: 'a/' }])
  expect(mock.calls.at(-1)).toEqual({ operation: 'list', args: [{ prefix: 'a' }] })
})

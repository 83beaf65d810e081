import { once } from 'node:events'
import { describe, expect, it } from 'vitest'
import { leftovers, openBelow, tempDriver, textOf } from './support.js'

const MiB = 1024 * 1024

describe('handles', () => {
  it('are closed on every way a read can end', async () => {
    const { driver, root } = tempDriver({ durability: 'none' })
    await driver.put('big', Buffer.alloc(5 * MiB, 7))
    await driver.put('empty', '')
    await (await driver.get('big')).bytes()
    await (await driver.get('empty')).bytes()
    await (await driver.get('big', { range: { start: 1, end: 2 } })).text()
    await (await driver.get('big')).cancel()
    const half = (await driver.get('big')).body
    for await (const _ of half) break
    const destroyed = (await driver.get('big')).body
    destroyed.destroy()
    await once(destroyed, 'close')
    const web = (await driver.get('big')).stream().getReader()
    await web.read()
    await web.cancel()
    {
      await using reader = await driver.get('big')
      expect(reader.info.size).toBe(5 * MiB)
    }
    await expect(driver.get('big', { range: { start: 6 * MiB } })).rejects.toMatchObject({ code: 'INVALID_RANGE' })
    await expect(driver.get('big', { ifMatch: 'other' })).rejects.toMatchObject({ code: 'PRECONDITION_FAILED' })
    await driver.head('big')
    expect(openBelow(root)).toEqual([])
  })

  it('are closed by an abort, which ends the stream with ABORTED', async () => {
    const { driver, root } = tempDriver({ durability: 'none' })
    await driver.put('big', Buffer.alloc(5 * MiB))
    const controller = new AbortController()
    const reader = await driver.get('big', { signal: controller.signal })
    const read = async () => {
      for await (const _ of reader.body) controller.abort(new Error('enough'))
    }
    await expect(read()).rejects.toMatchObject({
      code: 'ABORTED',
      cause: expect.objectContaining({ message: 'enough' }),
    })
    const unread = new AbortController()
    await driver.get('big', { signal: unread.signal })
    unread.abort()
    await expect.poll(() => openBelow(root)).toEqual([])
  })

  it('are closed by close, which waits for what runs and refuses what comes later', async () => {
    const { driver, root } = tempDriver()
    await driver.put('big', Buffer.alloc(5 * MiB))
    const reader = await driver.get('big')
    const putting = driver.put('late', 'x')
    await driver.close()
    expect(await putting).toMatchObject({ key: 'late' })
    await expect(reader.bytes()).rejects.toMatchObject({ code: 'ABORTED' })
    expect(openBelow(root)).toEqual([])
    for (const call of [() => driver.get('big'), () => driver.put('a', 'x'), () => driver.list().next()]) {
      await expect(call()).rejects.toMatchObject({ code: 'CONFIGURATION' })
    }
    await driver.close()
  })

  it('are none while a list waits for its consumer, or after it was left', async () => {
    const { driver, root } = tempDriver({ durability: 'none' })
    for (let i = 0; i < 5; i++) await driver.put(`a/b/${i}`, 'x')
    for await (const _ of driver.list()) {
      expect(openBelow(root)).toEqual([])
      break
    }
    const endless = driver.list({ signal: AbortSignal.abort() })
    await expect(endless.next()).rejects.toMatchObject({ code: 'ABORTED' })
  })
})

describe('memory', () => {
  it('stays flat while 256 MiB stream in and out', async () => {
    const { driver, root } = tempDriver({ durability: 'none' })
    const chunk = Buffer.alloc(64 * 1024, 1)
    const bytes = 256 * MiB
    async function* source() {
      for (let sent = 0; sent < bytes; sent += chunk.byteLength) yield chunk
    }
    await driver.put('warm', chunk)
    const idle = process.memoryUsage().rss
    let peak = 0
    const sample = () => {
      peak = Math.max(peak, process.memoryUsage().rss)
    }
    await driver.put('big', source(), { onProgress: sample, metadata: { hashed: 'yes' } })
    let read = 0
    for await (const part of (await driver.get('big')).body) {
      read += part.byteLength
      sample()
    }
    expect(read).toBe(bytes)
    expect((peak - idle) / MiB).toBeLessThan(64)
    expect(leftovers(root)).toEqual([])
  })
})

describe('an open reader', () => {
  it('finishes its version, whatever happens to the key', async () => {
    const { driver } = tempDriver({ durability: 'none' })
    const bodies = ['1', '2', '3'].map((digit) => digit.repeat(2 * MiB))
    await driver.put('key', bodies[0] as string, { metadata: { version: '1' } })
    const first = await driver.get('key')
    await driver.put('key', bodies[1] as string, { metadata: { version: '2' } })
    const second = await driver.get('key')
    await driver.move('key', 'other')
    const third = await driver.get('other')
    await driver.delete('other')
    expect(await first.text()).toBe(bodies[0])
    expect(await second.text()).toBe(bodies[1])
    expect(await third.text()).toBe(bodies[1])
    expect([first, second, third].map(({ info }) => info.metadata.version)).toEqual(['1', '2', '2'])
  })
})

describe('a key beside keys below it', () => {
  it('is read under its name wherever its file lies, and no older version comes to light', async () => {
    const { driver } = tempDriver({ durability: 'none' })
    await driver.put('a', 'one', { metadata: { n: '1' } })
    await driver.put('a/b', 'below')
    expect((await driver.head('a')).metadata).toEqual({ n: '1' })
    await driver.put('a', 'two', { metadata: { n: '2' } })
    expect(await textOf(driver, 'a')).toBe('two')
    await driver.delete('a/b')
    await driver.put('a', 'three')
    await driver.put('a/b', 'below')
    expect(await textOf(driver, 'a')).toBe('three')
    await driver.delete('a')
    await expect(driver.head('a')).rejects.toMatchObject({ code: 'NOT_FOUND' })
    await driver.delete('a/b')
    await expect(driver.head('a')).rejects.toMatchObject({ code: 'NOT_FOUND' })
  })
})

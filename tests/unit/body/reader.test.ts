import { Readable } from 'node:stream'
import { setImmediate as turn } from 'node:timers/promises'
import { describe, expect, it } from 'vitest'
import { openReader } from '../../../src/body/index.js'
import { StorageError } from '../../../src/errors/index.js'

const info = {
  key: 'k',
  size: 6,
  etag: 'e',
  lastModified: new Date(0),
  contentType: 'text/plain',
  metadata: {},
}
const bytes = Buffer.from('häl{}o')
const source = () => Readable.from([bytes.subarray(0, 2), bytes.subarray(2)])
const broken = () => {
  let sent = false
  return new Readable({
    read() {
      if (sent) this.destroy(new StorageError('UNAVAILABLE', 'Cut off.'))
      else this.push(bytes)
      sent = true
    },
  })
}
const endless = () => new Readable({ read() {} })

describe('openReader', () => {
  it('gives the bytes in each form', async () => {
    expect(Buffer.concat(await openReader(info, source()).body.toArray())).toEqual(bytes)
    expect(Buffer.from(await openReader(info, source()).bytes())).toEqual(bytes)
    expect(await openReader(info, source()).text()).toBe('häl{}o')
    expect(await new Response(openReader(info, source()).stream() as unknown as ReadableStream).text()).toBe('häl{}o')
    expect(await openReader(info, Readable.from([Buffer.from('{"a":[1]}')])).json()).toEqual({ a: [1] })
    expect(await openReader(info, Readable.from([])).bytes()).toHaveLength(0)
    expect(openReader(info, source(), { start: 0, end: 1, size: 9 }).range).toEqual({ start: 0, end: 1, size: 9 })
    expect(openReader(info, source())).toMatchObject({ info, range: undefined })
  })

  it('says that a blob is no JSON', async () => {
    await expect(openReader(info, source()).json()).rejects.toMatchObject({ code: 'INVALID_ARGUMENT', key: 'k' })
  })

  it('gives them once', async () => {
    const reader = openReader(info, source())
    await reader.bytes()
    await expect(reader.text()).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' })
    await expect(reader.json()).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' })
    expect(() => reader.body).toThrow(/taken or cancelled/)
    expect(() => reader.stream()).toThrow(/taken or cancelled/)
  })

  it('reports a source that fails midway in each form, as it is', async () => {
    await expect(openReader(info, broken()).bytes()).rejects.toMatchObject({ code: 'UNAVAILABLE' })
    await expect(openReader(info, broken()).text()).rejects.toMatchObject({ code: 'UNAVAILABLE' })
    await expect(openReader(info, broken()).body.toArray()).rejects.toMatchObject({ code: 'UNAVAILABLE' })
    const web = openReader(info, broken()).stream().getReader()
    await expect(
      (async () => {
        while (!(await web.read()).done);
      })(),
    ).rejects.toMatchObject({ code: 'UNAVAILABLE' })
  })

  it('survives a source that fails before anybody reads', async () => {
    const stream = endless()
    const reader = openReader(info, stream)
    stream.destroy(new StorageError('TIMEOUT', 'Late.'))
    await turn()
    await expect(reader.bytes()).rejects.toMatchObject({ code: 'TIMEOUT' })
  })

  it('makes a StorageError of whatever else a source fails with', async () => {
    const cause = new Error('raw')
    const stream = new Readable({
      read() {
        this.destroy(cause)
      },
    })
    await expect(openReader(info, stream).bytes()).rejects.toMatchObject({ code: 'INTERNAL', cause })
  })

  it('releases the source when cancelled: unread, midway, at the end, twice', async () => {
    for (const begin of [
      async () => {},
      async (stream: Readable) => void stream.once('data', () => {}),
      async (stream: Readable) => void (await stream.toArray()),
    ]) {
      const stream = source()
      const reader = openReader(info, stream)
      await begin(stream)
      await reader.cancel()
      expect(stream.destroyed).toBe(true)
      expect(stream.closed).toBe(true)
      await reader.cancel()
      expect(() => reader.body).toThrow(/taken or cancelled/)
    }
  })

  it('waits until the source has let go', async () => {
    let letGo = false
    const stream = new Readable({
      read() {},
      destroy(error, done) {
        setTimeout(() => {
          letGo = true
          done(error)
        }, 10)
      },
    })
    await openReader(info, stream).cancel()
    expect(letGo).toBe(true)
  })

  it('is bound by await using', async () => {
    const stream = endless()
    {
      await using reader = openReader(info, stream)
      expect(reader.info.key).toBe('k')
    }
    expect(stream.closed).toBe(true)
  })

  it('ends a read under way with ABORTED when cancelled', async () => {
    const reader = openReader(info, endless())
    const reading = reader.bytes()
    const settled = expect(reading).rejects.toMatchObject({ code: 'ABORTED', key: 'k' })
    await reader.cancel()
    await settled
  })

  it('lets go of the source when its web stream is cancelled', async () => {
    const stream = endless()
    await openReader(info, stream).stream().cancel()
    await turn()
    expect(stream.destroyed).toBe(true)
  })

  it('reads no further ahead than its web stream is read', async () => {
    let made = 0
    const stream = new Readable({
      read() {
        made++
        this.push(Buffer.alloc(64 * 1024))
      },
    })
    const web = openReader(info, stream).stream().getReader()
    await web.read()
    for (let round = 0; round < 50; round++) await turn()
    expect(made).toBeLessThan(16)
    await web.cancel()
  })
})

describe('openReader of a lazy source', () => {
  function lazy() {
    const opened: Readable[] = []
    let released = 0
    const lazySource = {
      readWhole: async () => bytes,
      stream: () => {
        opened.push(source())
        return opened[0] as Readable
      },
      release: async () => void released++,
    }
    return { reader: openReader(info, lazySource), opened, released: () => released }
  }

  it('makes no stream of it for the bytes', async () => {
    const { reader, opened } = lazy()
    expect(Buffer.from(await reader.bytes())).toEqual(bytes)
    expect(opened).toEqual([])
    expect(() => reader.body).toThrow(/taken or cancelled/)
  })

  it('makes one for whoever wants it, and destroys it when cancelled', async () => {
    const { reader, opened, released } = lazy()
    expect(reader.body).toBe(opened[0])
    await reader.cancel()
    expect(opened[0]?.closed).toBe(true)
    expect(released()).toBe(0)
  })

  it('releases it when cancelled unread', async () => {
    const { reader, opened, released } = lazy()
    await reader.cancel()
    expect([opened.length, released()]).toEqual([0, 1])
  })
})

import { createHash, randomBytes } from 'node:crypto'
import { copyFile, mkdir, readdir, readFile, stat, truncate, unlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, onTestFinished, test } from 'vitest'
import { type Disk, diskFrom } from '../../../src/disk/index.js'
import { StorageError } from '../../../src/errors/index.js'
import { FsOutbox } from '../../../src/outbox/index.js'
import { encodeRecord, INLINE_BYTES } from '../../../src/outbox/record.js'
import { recordName } from '../../../src/outbox/record-name.js'
import type { OutboxRecord, PutRecord, RejectedRecord } from '../../../src/outbox/types.js'
import { entry, openOutbox, put, readAll, tempFolder } from './support.js'

const names = (path: string) => readdir(path).catch(() => [] as string[])

/** A disk on which files of a folder are not removed before `goOn`. */
function slowToRemove(part: string) {
  const node = diskFrom()
  let goOn = () => {}
  const blocked = new Promise<void>((resolve) => {
    goOn = resolve
  })
  const unlink = async (path: string) => {
    if (path.includes(part)) await blocked
    return node.unlink(path)
  }
  return { slow: { ...node, unlink } satisfies Disk, goOn: () => goOn() }
}

describe('a body in the outbox', () => {
  test.each([0, 1, INLINE_BYTES - 1, INLINE_BYTES, INLINE_BYTES + 1, 3_000_000])(
    'of %i bytes reads back, also after reopening',
    async (size) => {
      const folder = await tempFolder()
      const body = randomBytes(size)
      const outbox = openOutbox(folder)
      const record = await put(outbox, 'a/b.txt', body)
      expect(record).toMatchObject({ ...entry('a/b.txt'), generation: 1, size })
      expect(record.sha256).toBe(createHash('sha256').update(body).digest('hex'))
      expect(record.md5).toBe(createHash('md5').update(body).digest('hex'))
      expect((await names(join(folder, 'bodies'))).length).toBe(size > INLINE_BYTES ? 1 : 0)
      const again = openOutbox(folder)
      expect(await again.find('a/b.txt')).toEqual(record)
      for (const one of [outbox, again]) {
        expect((await readAll(one, record)).equals(body)).toBe(true)
        if (size > 10) {
          expect((await readAll(one, record, { start: 3, end: size - 2 })).equals(body.subarray(3, size - 1))).toBe(
            true,
          )
        }
      }
    },
  )

  test('of chunks of any size is what was written', async () => {
    const outbox = openOutbox(await tempFolder())
    const stage = await outbox.stage()
    const expected: Buffer[] = []
    const reused = Buffer.alloc(100_000)
    for (let i = 0; i < 60; i++) {
      const chunk = reused.subarray(0, (i * 7919) % 100_000)
      chunk.fill(i)
      expected.push(Buffer.from(chunk))
      await stage.write(chunk)
    }
    const record = await stage.commit(entry('a'))
    expect((await readAll(outbox, record)).equals(Buffer.concat(expected))).toBe(true)
  })

  test('is in a folder and files that nobody else may read', async () => {
    const folder = join(await tempFolder(), 'deep/outbox')
    await put(openOutbox(folder), 'a', randomBytes(100_000))
    expect((await stat(folder)).mode & 0o777).toBe(0o700)
    for (const part of ['bodies', 'records']) {
      for (const name of await names(join(folder, part))) {
        expect((await stat(join(folder, part, name))).mode & 0o777).toBe(0o600)
      }
    }
  })

  test('is gone once it is removed, and reading it is NOT_FOUND, also for another process that still knows it', async () => {
    const folder = await tempFolder()
    const outbox = openOutbox(folder)
    const small = await put(outbox, 'small', 'x')
    const large = await put(outbox, 'large', randomBytes(100_000))
    const other = openOutbox(folder)
    await other.open()
    for (const record of [small, large]) {
      await outbox.remove(record)
      await outbox.remove(record)
      expect(await outbox.find(record.key)).toBeUndefined()
      await expect(outbox.read(record)).rejects.toMatchObject({ code: 'NOT_FOUND' })
      await expect(other.read(record)).rejects.toMatchObject({ code: 'NOT_FOUND' })
    }
    expect(await names(join(folder, 'bodies'))).toEqual([])
    expect(await names(join(folder, 'records'))).toEqual([])
  })

  test('discarded or left open at close leaves nothing', async () => {
    const folder = await tempFolder()
    const outbox = openOutbox(folder)
    for (const end of ['discard', 'close'] as const) {
      const stage = await outbox.stage()
      await stage.write(randomBytes(200_000))
      expect(await names(join(folder, 'bodies'))).toHaveLength(1)
      await (end === 'discard' ? stage.discard() : outbox.close())
      expect(await names(join(folder, 'bodies'))).toEqual([])
    }
    expect(await names(join(folder, 'owners'))).toEqual([])
    expect(await outbox.summary()).toEqual({ count: 0, bytes: 0, oldest: undefined })
  })
})

describe('generations', () => {
  test('count up, the newest is found, the older ones are removed', async () => {
    const folder = await tempFolder()
    const outbox = openOutbox(folder)
    await put(outbox, 'a', randomBytes(100_000))
    const second = await put(outbox, 'a', 'second')
    expect(second.generation).toBe(2)
    // Superseded ones go soon, and before anything is listed.
    await outbox.list()
    expect(await names(join(folder, 'records'))).toEqual([recordName(second)])
    expect(await names(join(folder, 'bodies'))).toEqual([])
    const third = await put(outbox, 'a', 'third')
    await outbox.remove(second)
    expect(await outbox.find('a')).toEqual(third)
  })

  test('that are gone when they are read are no reason to take an older one that is still there', async () => {
    const folder = await tempFolder()
    const node = diskFrom()
    let meanwhile: (() => Promise<unknown>) | undefined
    const disk: Disk = {
      ...node,
      open: async (path, ...rest) => {
        const step = path.includes('/records/') ? meanwhile : undefined
        if (step) meanwhile = undefined
        await step?.()
        return node.open(path, ...rest)
      },
    }
    const { slow, goOn } = slowToRemove('/records/')
    const outboxWith = (disk: Disk) => new FsOutbox({ disk, directory: folder, durability: 'none' })
    const [writer, reader] = [outboxWith(slow), outboxWith(disk)]
    try {
      const first = await put(writer, 'a', 'first')
      expect(await reader.find('a')).toEqual(first)
      for (const look of [() => reader.find('a'), async () => (await reader.list()).at(0)]) {
        const second = await put(writer, 'a', 'second')
        let third: PutRecord | undefined
        meanwhile = async () => {
          third = await put(writer, 'a', 'third')
          await unlink(join(folder, 'records', recordName(second)))
        }
        expect(await look()).toEqual(third)
      }
    } finally {
      goOn()
      await Promise.all([writer.close(), reader.close()])
    }
  })

  test('below one that was removed are gone too, before it is told', async () => {
    const folder = await tempFolder()
    const { slow, goOn } = slowToRemove('/bodies/')
    const writer = new FsOutbox({ disk: slow, directory: folder, durability: 'none' })
    const reader = openOutbox(folder)
    try {
      const first = await put(writer, 'a', randomBytes(100_000))
      expect(await reader.find('a')).toEqual(first)
      await put(writer, 'a', 'second')
      await expect.poll(() => names(join(folder, 'records'))).toHaveLength(1)
      expect(await openOutbox(folder).end('a', () => true)).toBeUndefined()
      expect(await reader.find('a')).toBeUndefined()
    } finally {
      goOn()
      await writer.close()
    }
  })

  test('that begin anew are not forgotten with older ones, of which it is told late that they are gone', async () => {
    const folder = await tempFolder()
    const { slow, goOn } = slowToRemove('/records/')
    const one = new FsOutbox({ disk: slow, directory: folder, durability: 'fsync' })
    onTestFinished(() => one.close())
    const other = openOutbox(folder)
    await put(one, 'a', 'first')
    await put(one, 'a', 'second')
    const third = await put(one, 'a', 'third')
    await other.remove(third)
    const anew = await put(other, 'a', 'anew')
    expect(anew.generation).toBe(1)
    goOn()
    // By then what the third has superseded is removed, and told.
    await one.list()
    for (const outbox of [one, other]) expect(await outbox.find('a')).toEqual(anew)
  })

  test('end in the instant in which it is asked whether they may: nothing is committed in between', async () => {
    const folder = await tempFolder()
    const [outbox, other] = [openOutbox(folder), openOutbox(folder)]
    expect(await outbox.end('a', () => true)).toBeUndefined()
    const kept = await put(outbox, 'a', 'kept')
    expect(await other.end('a', () => false)).toEqual(kept)
    expect(await other.find('a')).toEqual(kept)
    for (let round = 0; round < 30; round++) {
      const first = (await outbox.find('a')) ?? (await put(outbox, 'a', 'first'))
      const onto = (current: OutboxRecord | undefined) => {
        if (current?.token !== first.token) throw new StorageError('PRECONDITION_FAILED', 'It was changed meanwhile.')
        return {}
      }
      const joined = outbox.commitDelete({ key: 'a', operation: 'delete', driver: 's3', base: 'unknown' }, { onto })
      joined.catch(() => {})
      // Every other round it comes in the middle of the commit.
      if (round % 2 === 0) await new Promise(setImmediate)
      await other.end('a', () => true)
      await joined.catch(() => {})
      // Either it was refused, or it went too.
      expect(await outbox.find('a')).toBeUndefined()
    }
  })

  test('an older record that a crash left behind does not come back', async () => {
    const folder = await tempFolder()
    const outbox = openOutbox(folder)
    const first = await put(outbox, 'a', 'first')
    const kept = join(folder, recordName(first))
    await copyFile(join(folder, 'records', recordName(first)), kept)
    const second = await put(outbox, 'a', 'second')
    await outbox.list()
    await copyFile(kept, join(folder, 'records', recordName(first)))
    const again = openOutbox(folder)
    expect(await again.find('a')).toEqual(second)
    expect(await again.summary()).toMatchObject({ count: 1, bytes: 6 })
    await again.remove(second)
    expect(await again.find('a')).toBeUndefined()
    expect(await openOutbox(folder).find('a')).toBeUndefined()
  })

  test('of puts at the same time are all different', async () => {
    const folder = await tempFolder()
    const outbox = openOutbox(folder)
    const records = await Promise.all(Array.from({ length: 10 }, (_, i) => put(outbox, 'a', `${i}`)))
    expect(new Set(records.map(({ generation }) => generation)).size).toBe(10)
    expect((await outbox.find('a'))?.generation).toBe(10)
    await outbox.list()
    expect(await names(join(folder, 'records'))).toHaveLength(1)
  })
})

describe('the list', () => {
  test('is in byte order, by prefix, behind a key, up to a limit', async () => {
    const outbox = openOutbox(await tempFolder())
    const keys = ['b', 'a', 'a/b', 'a.b', '\u{1f600}', '\uffee', 'c/x', 'c/y']
    await Promise.all(keys.map((key) => put(outbox, key, key)))
    const list = async (options?: Parameters<typeof outbox.list>[0]) =>
      (await outbox.list(options)).map(({ key }) => key)
    expect(await list()).toEqual(['a', 'a.b', 'a/b', 'b', 'c/x', 'c/y', '\uffee', '\u{1f600}'])
    expect(await list({ prefix: 'a' })).toEqual(['a', 'a.b', 'a/b'])
    expect(await list({ prefix: 'c/', startAfter: 'c/x' })).toEqual(['c/y'])
    expect(await list({ prefix: 'c/', startAfter: 'a' })).toEqual(['c/x', 'c/y'])
    expect(await list({ prefix: 'a', startAfter: 'b' })).toEqual([])
    expect(await list({ startAfter: 'a.', limit: 2 })).toEqual(['a.b', 'a/b'])
  })
})

describe('records that cannot be trusted', () => {
  async function prepared() {
    const folder = await tempFolder()
    const outbox = openOutbox(folder)
    const good = await put(outbox, 'good', 'good')
    const bad = await put(outbox, 'bad', 'bad body')
    const large = await put(outbox, 'large', randomBytes(100_000))
    await outbox.close()
    const path = (record: OutboxRecord) => join(folder, 'records', recordName(record))
    return { folder, good, bad, large, path, body: join(folder, 'bodies', large.token) }
  }

  /** Opens what is there: the good record must be readable whatever lies beside it. */
  async function reopened(folder: string) {
    const outbox = openOutbox(folder)
    const rejected: RejectedRecord[] = []
    outbox.onRejected((one) => rejected.push(one))
    const found = await outbox.find('good')
    expect(found?.operation === 'put' && (await readAll(outbox, found)).toString()).toBe('good')
    await outbox.list()
    return { outbox, rejected, aside: await names(join(folder, 'rejected')) }
  }

  test.each<[string, (path: string) => Promise<unknown>]>([
    ['empty', (path) => writeFile(path, '')],
    ['garbage', (path) => writeFile(path, randomBytes(5000))],
    ['garbage without a line end', (path) => writeFile(path, Buffer.alloc(3_000_000, 0x41))],
    ['a torn header', (path) => truncate(path, 100)],
    ['a torn body', async (path) => truncate(path, (await stat(path)).size - 1)],
    ['more than it says', (path) => writeFile(path, 'more', { flag: 'a' })],
    [
      'one flipped bit',
      async (path) => {
        const bytes = await readFile(path)
        bytes[200] = (bytes[200] as number) ^ 1
        await writeFile(path, bytes)
      },
    ],
  ])('%s: set aside, told once, in nobody’s way', async (_, spoil) => {
    const { folder, bad, path } = await prepared()
    await spoil(path(bad))
    const { outbox, rejected, aside } = await reopened(folder)
    expect(rejected).toEqual([{ name: recordName(bad), problem: expect.stringMatching(/^it/) }])
    expect(aside).toEqual([recordName(bad)])
    expect(await outbox.find('bad')).toBeUndefined()
    expect(await outbox.summary()).toMatchObject({ count: 2 })
    expect((await reopened(folder)).rejected).toEqual([])
  })

  test('one whose large body is torn or missing is set aside; a torn body is kept with it', async () => {
    const { folder, large, body } = await prepared()
    await truncate(body, 99_999)
    const first = await reopened(folder)
    expect(first.rejected).toMatchObject([{ name: recordName(large), problem: 'its body is not whole' }])
    await first.outbox.close()
    await reopened(folder)
    expect((await stat(body)).size).toBe(99_999)
    const other = await prepared()
    await unlink(other.body)
    expect((await reopened(other.folder)).rejected).toMatchObject([{ problem: 'its body is missing' }])
  })

  test.each<[string, Partial<Record<keyof PutRecord, unknown>>]>([
    ['a key that leads out', { key: '../../etc/passwd' }],
    ['no key', { key: 7 }],
    ['a token that leads out', { token: '../../../tmp/x' }],
    ['a size below zero', { size: -1 }],
    ['a size that is no number', { size: '8' }],
    ['no generation', { generation: 0 }],
    ['an operation from elsewhere', { operation: 'exec' }],
    ['no driver', { driver: '' }],
    ['a hash that is none', { sha256: 'abc' }],
    ['an md5 that is none', { md5: '../x' }],
    ['a date that is none', { createdAt: 'yesterday' }],
    ['a header injected by its attributes', { attributes: { contentType: 'a\r\nSet-Cookie: b', metadata: {} } }],
    ['attributes that are none', { attributes: null }],
  ])('well formed but with %s', async (_, changes) => {
    const { folder, bad } = await prepared()
    const forged = { ...bad, ...changes } as PutRecord
    const name =
      typeof forged.key === 'string'
        ? recordName({ ...forged, token: bad.token, size: bad.size, createdAt: bad.createdAt })
        : 'x.1.x.record'
    await writeFile(join(folder, 'records', name), Buffer.concat([encodeRecord(forged, true), Buffer.from('bad body')]))
    const { rejected, aside } = await reopened(folder)
    expect(rejected.map((one) => one.name)).toEqual([name])
    expect(aside).toEqual([name])
  })

  test('a record under the name of another one', async () => {
    const { folder, bad, path } = await prepared()
    const name = recordName({ ...bad, generation: 99 })
    await copyFile(path(bad), join(folder, 'records', name))
    expect((await reopened(folder)).rejected).toEqual([{ name, problem: 'its name does not fit what it says' }])
  })

  test('one of a later release is told and left where it is', async () => {
    const { folder, bad, path } = await prepared()
    const json =
      (await readFile(path(bad), 'utf8')).split('\n')[0]?.slice(65).replace('"version":1', '"version":2') ?? ''
    const hash = createHash('sha256').update(json).digest('hex')
    await writeFile(path(bad), `${hash} ${json}\nbad body`)
    const { rejected, aside } = await reopened(folder)
    expect(rejected).toMatchObject([{ name: recordName(bad), problem: 'it has format version 2, not 1' }])
    expect(aside).toEqual([])
    expect(await names(join(folder, 'records'))).toContain(recordName(bad))
  })

  test('files of strangers are left alone', async () => {
    const { folder } = await prepared()
    await writeFile(join(folder, 'records/notes.txt'), 'x')
    await writeFile(join(folder, 'bodies/notes.txt'), 'x')
    await mkdir(join(folder, 'records/folder.record'))
    expect((await reopened(folder)).rejected).toEqual([])
    expect(await names(join(folder, 'bodies'))).toContain('notes.txt')
    expect(await names(join(folder, 'records'))).toEqual(expect.arrayContaining(['notes.txt', 'folder.record']))
  })
})

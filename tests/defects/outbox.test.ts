import { randomBytes } from 'node:crypto'
import { copyFile } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { describe, expect, onTestFinished, test } from 'vitest'
import { type Disk, diskFrom } from '../../src/disk/index.js'
import { FsOutbox } from '../../src/outbox/index.js'
import { hashOfKey, recordName } from '../../src/outbox/record-name.js'
import { entry, openOutbox, put, tempFolder } from '../unit/outbox/support.js'
import { diskWith, lockAsDead, namesIn } from './support.js'

function openOver(directory: string, disk: Disk): FsOutbox {
  const outbox = new FsOutbox({ disk, directory, durability: 'fsync' })
  onTestFinished(() => outbox.close())
  return outbox
}

/** What is published, unlinked or synced below the outbox, in order. */
function recorded(calls: string[]): Disk {
  return diskWith((disk) => ({
    rename: (from, to) => {
      calls.push(`rename ${basename(to)}`)
      return disk.rename(from, to)
    },
    unlink: (path) => {
      calls.push(`unlink ${basename(path)}`)
      return disk.unlink(path)
    },
    open: async (path, flags, mode) => {
      const handle = await disk.open(path, flags, mode)
      const sync = () => {
        calls.push(`sync ${basename(path)}`)
        return handle.sync()
      }
      return new Proxy(handle, {
        get: (target, name) => {
          const value = Reflect.get(target, name, target)
          return name === 'sync' ? sync : typeof value === 'function' ? value.bind(target) : value
        },
      })
    },
  }))
}

describe('a record', () => {
  test('goes first, durably, and then its body', async () => {
    const folder = await tempFolder()
    const calls: string[] = []
    const outbox = openOver(folder, recorded(calls))
    const record = await put(outbox, 'a', randomBytes(100_000))
    calls.length = 0
    await outbox.remove(record)
    expect(calls).toEqual([`unlink ${recordName(record)}`, 'sync records', `unlink ${record.token}`])
  })

  test('goes only when the newer generation is there for good', async () => {
    const calls: string[] = []
    const outbox = openOver(await tempFolder(), recorded(calls))
    const one = await put(outbox, 'a', 'one')
    calls.length = 0
    const two = await put(outbox, 'a', 'two')
    await outbox.list()
    const order = calls.filter((call) => call.endsWith('.record') || call === 'sync records')
    expect(order).toEqual([`rename ${recordName(two)}`, 'sync records', `unlink ${recordName(one)}`, 'sync records'])
  })

  test('of the highest generation is read, and goes when the lower ones are gone for good', async () => {
    const folder = await tempFolder()
    const first = openOutbox(folder)
    const one = await put(first, 'a', 'one')
    const kept = join(folder, 'kept')
    await copyFile(join(folder, 'records', recordName(one)), kept)
    const two = await put(first, 'a', 'two')
    // By now the first one is removed.
    await first.list()
    await copyFile(kept, join(folder, 'records', recordName(one)))
    const calls: string[] = []
    const outbox = openOver(folder, recorded(calls))
    expect(await outbox.find('a')).toEqual(two)
    await outbox.remove(two)
    const order = calls.filter((call) => call.endsWith('.record') || call === 'sync records')
    expect(order).toEqual([`unlink ${recordName(one)}`, 'sync records', `unlink ${recordName(two)}`, 'sync records'])
  })
})

describe('several processes on one outbox', () => {
  test('see what the others add and remove', async () => {
    const folder = await tempFolder()
    const [one, two] = [openOutbox(folder), openOutbox(folder)]
    await Promise.all([one.open(), two.open()])
    const record = await put(one, 'a', 'x')
    expect(await two.find('a')).toEqual(record)
    await one.remove(record)
    expect(await two.find('a')).toBeUndefined()
  })

  test('give each change of a key a generation of its own', async () => {
    const folder = await tempFolder()
    const outboxes = [openOutbox(folder), openOutbox(folder)]
    const puts = outboxes.flatMap((outbox) => Array.from({ length: 8 }, (_, i) => put(outbox, 'a', `${i}`)))
    const generations = (await Promise.all(puts)).map(({ generation }) => generation)
    expect(generations.sort((a, b) => a - b)).toEqual(Array.from({ length: 16 }, (_, i) => i + 1))
  })

  test('look again where one died before it could tell of its record', async () => {
    const folder = await tempFolder()
    const outbox = openOutbox(folder)
    await put(outbox, 'other', 'x')
    const silent = diskWith((disk) => ({
      open: (path, flags, mode) => {
        if (path.endsWith('/changes') && flags === 'a+') return Promise.reject(new Error('It died.'))
        return disk.open(path, flags, mode)
      },
    }))
    await put(openOver(folder, silent), 'a', 'first')
    expect(await outbox.find('a')).toBeUndefined()
    lockAsDead(join(folder, 'locks'), hashOfKey('a'))
    expect(await put(outbox, 'a', 'second')).toMatchObject({ generation: 2 })
  })

  test('are told where one died while it carried a record out', async () => {
    const folder = await tempFolder()
    const record = await put(openOutbox(folder), 'a', 'x')
    lockAsDead(join(folder, 'claims'), hashOfKey('a'))
    const claim = await openOutbox(folder).claim(record)
    expect(claim).toMatchObject({ died: true })
    await claim?.release()
    expect(namesIn(join(folder, 'claims'))).toEqual([])
  })

  test('carry out no two generations of a key at once', async () => {
    const folder = await tempFolder()
    const [one, two] = [openOutbox(folder), openOutbox(folder)]
    const claim = await one.claim(await put(one, 'a', 'first'))
    const second = await put(two, 'a', 'second')
    expect(await two.claim(second)).toBeUndefined()
    await claim?.release()
    expect(await two.claim(second)).toMatchObject({ died: false })
  })

  test('find no claim of one that has closed, unless something may still come of it', async () => {
    const folder = await tempFolder()
    const outbox = openOutbox(folder)
    const records = [await put(outbox, 'a', 'x'), await put(outbox, 'b', 'x')]
    const [, unanswered] = await Promise.all(records.map((record) => outbox.claim(record)))
    unanswered?.keep(60_000)
    await outbox.close()
    const next = openOutbox(folder)
    const claims = await Promise.all(records.map((record) => next.claim(record)))
    expect(claims).toMatchObject([{ died: false }, { died: true }])
  })
})

test('what a failing disk refused does not come back with the next start', async () => {
  const folder = await tempFolder()
  let failing = false
  const disk = diskWith((real) => ({
    open: (path, flags, mode) => {
      if (!failing || basename(path) !== 'records') return real.open(path, flags, mode)
      failing = false
      return Promise.reject(Object.assign(new Error('It fails once.'), { code: 'EIO', syscall: 'open' }))
    },
  }))
  const outbox = openOver(folder, disk)
  await put(outbox, 'other', 'x')
  const stage = await outbox.stage()
  await stage.write(Buffer.from('x'))
  failing = true
  await expect(stage.commit(entry('a'))).rejects.toMatchObject({ outcome: 'unchanged' })
  expect(await openOver(folder, diskFrom()).find('a')).toBeUndefined()
})
